//! CPU time of the functions' processes for a delivered event, beside that of a bare loop.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::Binaries;
use postrider_tests::{Stack, Tenant, print_table, world};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::procs;

const PATIENCE: Duration = Duration::from_mins(3);
const PUBLISHERS: usize = 4;
const WARM_UP: usize = 40;

/// Messages in a request, endpoints, bytes of a payload, requests.
const CASES: [(usize, usize, usize, usize); 9] = [
    (1, 1, 1_000, 600),
    (10, 1, 1_000, 100),
    (1, 10, 1_000, 100),
    (1, 100, 1_000, 15),
    (1, 1, 10_000, 300),
    (10, 1, 10_000, 40),
    (1, 10, 10_000, 40),
    (1, 1, 100_000, 80),
    (1, 10, 100_000, 12),
];

/// CPU time.
#[derive(Debug, Clone, Copy)]
struct Spent {
    ingest: Duration,
    delivery: Duration,
}

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let parameters = [("AttemptTimeoutSeconds", "15"), ("DeliveryConcurrency", "2"), ("LogLevel", "info")];
    let template = world().emulator.template().await?;
    let stack = world().deploy_binaries("bench", template, &parameters, binaries).await?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    let mut floors = Vec::new();
    for bytes in [1_000, 10_000, 100_000] {
        floors.push((bytes, floor(&stack, binaries, bytes).await?));
    }
    for (batch, fan_out, bytes, requests) in CASES {
        let floor = floors.iter().find(|(of, _)| *of == bytes).map(|(_, floor)| *floor).context("a floor")?;
        let (events, spent) = case(&stack, batch, fan_out, bytes, requests).await?;
        let per = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(events);
        let (ingest, delivery) = (per(spent.ingest), per(spent.delivery));
        let ratio = (ingest + delivery) / floor;
        rows.push(vec![
            format!("{batch} in a request, {fan_out} endpoints, {} KB", bytes / 1_000),
            events.to_string(),
            format!("{ingest:.0}"),
            format!("{delivery:.0}"),
            format!("{:.0}", ingest + delivery),
            format!("{floor:.0}"),
            format!("{ratio:.1}"),
        ]);
        figures.push(json!({
            "messagesInARequest": batch, "endpoints": fan_out, "bytes": bytes, "delivered": events,
            "ingestMicros": ingest, "deliveryMicros": delivery, "floorMicros": floor, "ratio": ratio,
        }));
    }
    let head = ["CPU microseconds per delivered event", "delivered", "ingest", "delivery", "both", "floor", "x floor"];
    println!("\nCPU (release profile, HTTP to a local AWS without TLS)");
    print_table(&head, &rows);
    Ok(Value::Array(figures))
}

async fn floor(stack: &Stack, binaries: &Binaries, bytes: usize) -> Result<f64> {
    let tenant = stack.tenant("bench-floor").await?;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let count = if bytes > 50_000 { "500" } else { "3000" };
    let mut command = Command::new(&binaries["floor"]);
    let output = command.args([&tenant.receiver.url("/floor"), secret, count, &bytes.to_string()]).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// How many events were delivered, and what that took.
async fn case(stack: &Stack, batch: usize, fan_out: usize, bytes: usize, requests: usize) -> Result<(u32, Spent)> {
    let tenant = stack.tenant(&format!("bench-{batch}-{fan_out}-{bytes}")).await?;
    for _ in 0..fan_out {
        tenant.endpoint("/hook").await?;
    }
    let warm_up = (WARM_UP / (batch * fan_out)).max(2);
    publish(&tenant, batch, bytes, 0..warm_up).await?;
    arrived(stack, &tenant, warm_up * batch * fan_out).await?;
    let before = spent(stack)?;
    publish(&tenant, batch, bytes, warm_up..warm_up + requests).await?;
    arrived(stack, &tenant, (warm_up + requests) * batch * fan_out).await?;
    let after = spent(stack)?;
    let spent = Spent {
        ingest: after.ingest.saturating_sub(before.ingest),
        delivery: after.delivery.saturating_sub(before.delivery),
    };
    Ok((u32::try_from(requests * batch * fan_out)?, spent))
}

fn spent(stack: &Stack) -> Result<Spent> {
    Ok(Spent { ingest: procs::of_function(stack, "ingest")?, delivery: procs::of_function(stack, "delivery")? })
}

async fn arrived(stack: &Stack, tenant: &Tenant, count: usize) -> Result<()> {
    tenant.receiver.wait_for("/hook", count, PATIENCE).await?;
    stack.drained().await
}

/// An order with as many lines as it takes.
fn payload(bytes: usize, n: usize) -> Value {
    let line =
        |n: usize| json!({"sku": format!("sku-{n:04}"), "quantity": n % 9 + 1, "price": n * 199, "currency": "eur"});
    let one = line(1).to_string().len() + 1;
    let lines: Vec<_> = (0..bytes / one).map(|nth| line(nth * 7 + n)).collect();
    json!({"order": format!("ord_{n:06}"), "lines": lines})
}

/// With keys, as the client libraries send them.
async fn publish(tenant: &Tenant, batch: usize, bytes: usize, numbers: std::ops::Range<usize>) -> Result<()> {
    let post = |n: usize| async move {
        let message = |nth: usize| json!({"eventType": "order.placed", "payload": payload(bytes, n * batch + nth)});
        let (path, body) = if batch == 1 {
            (format!("/app/{}/msg?with_content=false", tenant.app), message(0))
        } else {
            let messages: Vec<_> = (0..batch).map(message).collect();
            (format!("/app/{}/msg/batch?with_content=false", tenant.app), json!({ "messages": messages }))
        };
        let key = format!("{batch}-{bytes}-{n}");
        let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json")];
        let reply = tenant.api.post_raw(&path, &headers, body.to_string()).await?;
        ensure!(reply.status == 202, "{}", reply.text);
        Ok(())
    };
    stream::iter(numbers.map(post)).buffer_unordered(PUBLISHERS).try_collect::<Vec<()>>().await?;
    Ok(())
}
