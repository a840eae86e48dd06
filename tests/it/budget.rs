//! What a delivered event asks of AWS, measured by the functions' own meters (every HTTP request, and the capacity that
//! DynamoDB says it consumed) and held against the budget: the bill is a promise.
//!
//! `cargo test -p postrider-tests --test it budget -- --nocapture` prints the table.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, world};
use serde_json::{Value, json};

/// A stack of its own: nobody else's events are in its logs.
async fn stack() -> Result<Arc<Stack>> {
    world().stack("budget", &[]).await
}

/// The payload of the budget: 1 KB of an ordinary event.
fn payload() -> Value {
    let line = |n: u32| json!({"sku": format!("sku-{n:04}"), "quantity": n, "price": n * 199, "currency": "eur"});
    let payload = json!({
        "order": "ord_7fKq2M", "customer": {"id": "cus_93hHd", "email": "someone@example.com"},
        "lines": (1..=14).map(line).collect::<Vec<_>>(), "placed_at": "2026-11-23T20:00:00Z",
    });
    assert!((950..=1_100).contains(&payload.to_string().len()), "{}", payload.to_string().len());
    payload
}

/// One line of a function's log about one invocation.
#[derive(Debug)]
struct Usage(Value);

impl Usage {
    fn get(&self, field: &str) -> f64 {
        self.0[field].as_f64().unwrap_or_default()
    }

    /// Counts of one operation, from text such as `DynamoDB.PutItem=1`.
    fn operation(&self, name: &str) -> u64 {
        let all = self.0["requests"].as_str().unwrap_or_default();
        let mut counts = all.split_whitespace().filter_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        counts.next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

/// The lines of a function that tell of invocations, once there are at least `count`.
async fn usages(stack: &Stack, function: &str, message: &str, count: usize) -> Result<Vec<Usage>> {
    let name = stack.deployment.function(function);
    let lines = || async {
        let events = world().emulator.logs(&name).await?;
        let lines = events.iter().filter_map(|event| serde_json::from_str::<Value>(&event.message).ok());
        let mine: Vec<_> = lines.filter(|line| line["message"] == message).map(Usage).collect();
        Ok(Some(mine).filter(|mine| mine.len() >= count))
    };
    eventually(&format!("{count} lines of {function}"), lines).await
}

/// Publishes without an idempotency key, which the client library would add.
async fn publish(tenant: &Tenant, headers: &[(&str, &str)]) -> Result<()> {
    let body = json!({"eventType": "order.placed", "payload": payload()}).to_string().into_bytes();
    let path = format!("/app/{}/msg", tenant.app);
    let reply = tenant.api.send(reqwest::Method::POST, &path, headers, Some(body)).await?;
    anyhow::ensure!(reply.status == 202, "{}", reply.text);
    Ok(())
}

fn show(what: &str, events: f64, usages: &[&Usage]) {
    let per = |field: &str| usages.iter().map(|usage| usage.get(field)).sum::<f64>() / events;
    println!(
        "{what:32} per event: DynamoDB {:.2} requests, {:.2} write units, {:.2} read units; SQS {:.2} requests",
        per("dynamodb_requests"),
        per("write_units"),
        per("read_units"),
        per("sqs_requests"),
    );
}

#[tokio::test]
async fn a_delivered_event_stays_within_the_budget() -> Result<()> {
    const SINGLES: usize = 10;
    const KEYED: usize = 5;
    const FAN_OUT: usize = 40;
    let stack = stack().await?;

    // One event at a time, to one endpoint.
    let single = stack.tenant("budget-single").await?;
    single.endpoint("/hook").await?;
    for n in 1..=SINGLES {
        publish(&single, &[]).await?;
        single.receiver.wait_for("/hook", n, PATIENCE).await?;
    }
    for n in 1..=KEYED {
        publish(&single, &[("idempotency-key", &format!("key-{n}"))]).await?;
        single.receiver.wait_for("/hook", SINGLES + n, PATIENCE).await?;
    }
    // Many deliveries in the queue at once, again and again until ten of them came in one batch.
    let ten = stack.tenant("budget-ten").await?;
    for _ in 0..FAN_OUT {
        ten.endpoint("/hook").await?;
    }
    let mut published = 0;
    eventually("a batch of ten", || async {
        publish(&ten, &[]).await?;
        let arrived = ten.receiver.received("/hook").len() / FAN_OUT + 1;
        ten.receiver.wait_for("/hook", arrived * FAN_OUT, PATIENCE).await?;
        let lines = usages(&stack, "delivery", "batch handled", 1).await?;
        Ok(lines.iter().filter(|line| line.get("deliveries") >= 10.0).count()).map(|full| (full >= 2).then_some(()))
    })
    .await?;
    published += ten.receiver.received("/hook").len() / FAN_OUT;

    let ingest = usages(&stack, "ingest", "request handled", SINGLES + KEYED + published - 1).await?;
    let keyed: Vec<_> = ingest.iter().filter(|line| line.operation("DynamoDB.PutItem") == 2).collect();
    let plain: Vec<_> = ingest.iter().filter(|line| line.operation("DynamoDB.PutItem") == 1).collect();
    assert_eq!(keyed.len() + plain.len(), ingest.len(), "more writes than the budget has: {ingest:?}");
    for line in &plain {
        assert_eq!((line.operation("DynamoDB.Query"), line.get("dynamodb_requests") as u64), (1, 2), "{line:?}");
        // An event to forty endpoints takes four batches of ten, and its list of endpoints a second write unit.
        let cost = (line.get("sqs_requests") as u64, line.get("write_units") as u64);
        assert!(matches!(cost, (1, 1) | (4, 1..=2)), "{line:?}");
    }
    for line in &keyed {
        assert_eq!((line.get("dynamodb_requests") as u64, line.get("write_units") as u64), (3, 2), "{line:?}");
    }
    let batches = usages(&stack, "delivery", "batch handled", SINGLES).await?;
    for line in &batches {
        let count = |name| line.operation(name);
        let operations = (count("DynamoDB.BatchGetItem"), count("DynamoDB.BatchWriteItem"));
        assert_eq!((operations, line.get("dynamodb_requests") as u64), ((1, 1), 2), "{line:?}");
        assert_eq!((line.get("write_units"), line.get("sqs_requests") as u64), (line.get("deliveries"), 0), "{line:?}");
    }
    let of = |size: f64| batches.iter().filter(|line| line.get("deliveries").total_cmp(&size).is_eq()).collect::<Vec<_>>();
    let (ones, tens) = (of(1.0), of(10.0));
    assert!(ones.len() >= SINGLES && plain.len() >= SINGLES, "{batches:?}");
    tens.first().context("a batch of ten")?;
    println!("measured (BatchGetItem reads one record of at most 4 KB an event: 1 read unit, which the local AWS does not report)");
    let plain: Vec<_> = plain.into_iter().filter(|line| line.get("sqs_requests") as u64 == 1).collect();
    show("publish", plain.len() as f64, &plain);
    show("publish with Idempotency-Key", keyed.len() as f64, &keyed);
    show("deliver, alone in its batch", ones.len() as f64, &ones);
    show("deliver, in batches of ten", tens.len() as f64 * 10.0, &tens);
    Ok(())
}
