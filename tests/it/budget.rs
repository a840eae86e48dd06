//! What a delivered event asks of AWS, measured by the functions' own meters (every HTTP request, and the capacity that
//! DynamoDB says it consumed) and held against the budget: the bill is a promise.
//!
//! `cargo test -p postrider-tests --test it budget -- --nocapture` prints the table.

use std::sync::Arc;

use anyhow::Result;
use postrider_tests::{PATIENCE, Stack, Tenant, Usage, eventually, usages, world};
use serde_json::{Value, json};

/// A stack of its own: nobody else's events are in its logs.
async fn stack() -> Result<Arc<Stack>> {
    // An attempt that fails on a busy machine would cost more than the budget.
    world().stack("budget", &[("AttemptTimeoutSeconds", "20")]).await
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

/// How often it looked at what is remembered for half a minute.
fn looks(usage: &Usage) -> u32 {
    u32::try_from(usage.operation("DynamoDB.GetItem")).unwrap_or(u32::MAX)
}

/// Publishes without an idempotency key, which the client library would add.
async fn publish(tenant: &Tenant, headers: &[(&str, &str)]) -> Result<()> {
    let body = json!({"eventType": "order.placed", "payload": payload()}).to_string().into_bytes();
    let path = format!("/app/{}/msg", tenant.app);
    let reply = tenant.api.send(reqwest::Method::POST, &path, headers, Some(body)).await?;
    anyhow::ensure!(reply.status == 202, "{}", reply.text);
    Ok(())
}

/// Averages over the lines, which are of `events` events.
fn show(what: &str, events: u32, usages: &[&Usage]) {
    let per = |field: &str| usages.iter().map(|usage| usage.get(field)).sum::<f64>() / f64::from(events);
    println!(
        "{what:32} per event: DynamoDB {:.2} requests, {:.2} write units, {:.2} read units; SQS {:.2} requests",
        per("dynamodb_requests"),
        per("write_units"),
        per("read_units"),
        per("sqs_requests"),
    );
}

fn count(usages: &[&Usage]) -> u32 {
    u32::try_from(usages.len()).unwrap_or(u32::MAX)
}

const SINGLES: usize = 10;
const KEYED: usize = 5;
const FAN_OUT: usize = 40;

/// One event at a time, to one endpoint; then some with a key. The receiver must outlive its last answer.
async fn publish_alone(stack: &Stack) -> Result<Tenant> {
    let tenant = stack.tenant("budget-single").await?;
    tenant.endpoint("/hook").await?;
    for n in 1..=SINGLES + KEYED {
        let key = format!("key-{n}");
        let header = [("idempotency-key", key.as_str())];
        publish(&tenant, if n > SINGLES { &header } else { &[] }).await?;
        tenant.receiver.wait_for("/hook", n, PATIENCE).await?;
    }
    Ok(tenant)
}

/// Many deliveries in the queue at once, again and again until ten of them came in one batch. Tells how often.
async fn publish_many(stack: &Stack) -> Result<(Tenant, usize)> {
    let tenant = stack.tenant("budget-many").await?;
    for _ in 0..FAN_OUT {
        tenant.endpoint("/hook").await?;
    }
    let published = eventually("a batch of ten", || async {
        publish(&tenant, &[]).await?;
        let published = tenant.receiver.received("/hook").len() / FAN_OUT + 1;
        tenant.receiver.wait_for("/hook", published * FAN_OUT, PATIENCE).await?;
        let lines = usages(stack, "delivery", "batch handled", 1).await?;
        Ok(lines.iter().any(|line| line.is("deliveries", 10)).then_some(published))
    })
    .await?;
    Ok((tenant, published))
}

/// Dollars for a million events at AWS's list prices for us-east-1: of the HTTP API's requests, Lambda's invocations
/// (without their duration), DynamoDB's units and SQS's requests. What is looked up every half minute is no event's.
fn dollars(events: u32, usages: &[&Usage]) -> f64 {
    let sum = |field: &str| usages.iter().map(|usage| usage.get(field)).sum::<f64>();
    let requests = f64::from(count(usages)) * (1.00 + 0.20);
    let looks: u32 = usages.iter().map(|usage| looks(usage)).sum();
    let units = sum("write_units") * 0.625 + (sum("read_units") - f64::from(looks)) * 0.125;
    (requests + units + sum("sqs_requests") * 0.40) / f64::from(events)
}

fn check_ingest(lines: &[Usage]) {
    for line in lines {
        // Whether the token was revoked, and what the organization demands: now and then.
        let keys = u32::try_from(line.operation("DynamoDB.PutItem")).unwrap_or(u32::MAX) - 1;
        assert!(keys <= 1 && line.operation("DynamoDB.Query") == 1, "{line:?}");
        assert!(looks(line) <= 2 && line.is("dynamodb_requests", 2 + keys + looks(line)), "{line:?}");
        // An event to forty endpoints takes four batches of ten, and its list of endpoints a second write unit.
        let alone = line.is("sqs_requests", 1) && line.is("write_units", 1 + keys);
        let many = line.is("sqs_requests", 4) && (line.is("write_units", 1) || line.is("write_units", 2));
        assert!(alone || many, "{line:?}");
    }
}

/// What an organization demands, and what it has revoked, is remembered for half a minute: by as many instances as there
/// were requests at once, which is one, and for two organizations.
fn check_looks(lines: &[Usage]) {
    let looking = lines.iter().filter(|line| looks(line) > 0).count();
    println!("{looking} of {} requests have looked at what the organization demands, or has revoked", lines.len());
    assert!(looking * 3 <= lines.len().max(16), "{looking} of {} requests", lines.len());
}

fn check_delivery(lines: &[Usage]) {
    for line in lines {
        let operations = (line.operation("DynamoDB.BatchGetItem"), line.operation("DynamoDB.BatchWriteItem"));
        assert_eq!(operations, (1, 1), "{line:?}");
        assert!(line.is("dynamodb_requests", 2) && line.is("sqs_requests", 0), "{line:?}");
        assert!((line.get("write_units") - line.get("deliveries")).abs() < 0.01, "{line:?}");
    }
}

/// Requests of each size.
const REQUESTS: u32 = 4;

#[tokio::test]
async fn messages_that_are_published_together_cost_a_fraction() -> Result<()> {
    let stack = world().stack("budget-bulk", &[]).await?;
    let tenant = stack.tenant("budget-bulk").await?;
    tenant.endpoint("/hook").await?;
    let event = json!({"eventType": "order.placed", "payload": payload()});
    for size in [1_usize, 10, 100] {
        let body = json!({"messages": vec![event.clone(); size]}).to_string();
        for n in 1..=REQUESTS {
            let key = format!("key-{size}-{n}");
            let headers = [("idempotency-key", key.as_str())];
            let headers = if n == 1 { &headers[..] } else { &[] };
            let reply = tenant.api.post_raw(&format!("/app/{}/msg/batch", tenant.app), headers, body.clone()).await?;
            anyhow::ensure!(reply.status == 202, "{}", reply.text);
        }
    }
    // The last line of a log appears with the next invocation.
    publish(&tenant, &[]).await?;
    let all = usages(&stack, "ingest", "request handled", 3 * REQUESTS as usize).await?;
    println!("Publishing, for a million events of 1 KB to one endpoint each, without Lambda's duration:");
    let (each, mut rest) = (REQUESTS as usize, all.iter());
    for (size, writes, sends, most) in [(1, 1, 1, 2.36), (10, 1, 1, 0.81), (100, 4, 10, 0.69)] {
        let lines: Vec<_> = rest.by_ref().take(each).collect();
        let (keyed, plain) = lines.split_first().expect("lines");
        let operation = if size == 1 { "DynamoDB.PutItem" } else { "DynamoDB.BatchWriteItem" };
        for line in plain {
            assert_eq!((line.operation("DynamoDB.Query"), line.operation(operation)), (1, writes), "{line:?}");
            assert!(
                line.is("dynamodb_requests", 1 + u32::try_from(writes)? + looks(line))
                    && line.is("sqs_requests", sends),
                "{line:?}"
            );
            assert!(line.is("write_units", size), "{line:?}");
        }
        assert!(keyed.is("write_units", size + 1), "{keyed:?}");
        let (without, with) = (dollars(size * (REQUESTS - 1), plain), dollars(size, &[keyed]));
        show(&format!("{size} a request"), size * (REQUESTS - 1), plain);
        println!("{:32} {without:.2} dollars; {with:.2} with Idempotency-Key", "");
        // Without the looks for revocations, which one of many requests makes.
        let without = without
            - 0.125 * f64::from(plain.iter().map(|line| looks(line)).sum::<u32>()) / f64::from(size * (REQUESTS - 1));
        let with = with - 0.125 * f64::from(looks(keyed)) / f64::from(size);
        assert!(without < most && with < most + 0.63 / f64::from(size), "{without} {with}");
    }
    Ok(())
}

#[tokio::test]
async fn a_delivered_event_stays_within_the_budget() -> Result<()> {
    let stack = stack().await?;
    let _alone = publish_alone(&stack).await?;
    let (_many, many) = publish_many(&stack).await?;
    // The last line of a function may still be on its way.
    let ingest = usages(&stack, "ingest", "request handled", SINGLES + KEYED + many - 1).await?;
    let delivery = usages(&stack, "delivery", "batch handled", SINGLES + KEYED).await?;
    let attempts = usages(&stack, "delivery", "attempted", SINGLES + KEYED).await?;
    assert!(attempts.iter().all(|line| line.is("status", 200)), "the receiver did not answer: {attempts:?}");
    check_ingest(&ingest);
    check_looks(&ingest);
    check_delivery(&delivery);

    let keyed: Vec<_> = ingest.iter().filter(|line| line.operation("DynamoDB.PutItem") == 2).collect();
    let alone =
        |line: &&Usage| looks(line) == 0 && line.operation("DynamoDB.PutItem") == 1 && line.is("sqs_requests", 1);
    let plain: Vec<_> = ingest.iter().filter(alone).collect();
    let of = |size| delivery.iter().filter(|line| line.is("deliveries", size)).collect::<Vec<_>>();
    let (ones, tens) = (of(1), of(10));
    assert!(plain.len() >= SINGLES - 2 && keyed.len() >= KEYED - 1 && ones.len() >= SINGLES && !tens.is_empty());
    println!("BatchGetItem reads one record of up to 4 KB an event: 1 read unit, which the local AWS does not report.");
    show("publish", count(&plain), &plain);
    show("publish with Idempotency-Key", count(&keyed), &keyed);
    show("deliver, alone in its batch", count(&ones), &ones);
    show("deliver, in batches of ten", count(&tens) * 10, &tens);
    Ok(())
}
