//! CPU time of the functions' processes for a delivered event, beside that of a bare loop, and beside the least that their
//! invocations and requests could take: each invocation like that of a function that does nothing, each request to AWS like
//! one of the bare loop, which signs and POSTs as well.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use postrider_local::Binaries;
use postrider_tests::{Stack, Tenant, print_table, world};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    ledger::{Asked, asked, now},
    load::{Load, PATIENCE},
    procs,
    start::empty_invocation,
};

const WARM_UP: usize = 40;

const fn load(batch: usize, fan_out: usize, bytes: usize, requests: usize) -> Load {
    Load { batch, fan_out, bytes, requests, at_once: 4 }
}

const LOADS: [Load; 9] = [
    load(1, 1, 1_000, 600),
    load(10, 1, 1_000, 100),
    load(1, 10, 1_000, 100),
    load(1, 100, 1_000, 15),
    load(1, 1, 10_000, 300),
    load(10, 1, 10_000, 40),
    load(1, 10, 10_000, 40),
    load(1, 1, 100_000, 80),
    load(1, 10, 100_000, 12),
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
    let other = stack.tenant("bench-other").await?;
    other.endpoint("/other").await?;
    let empty = empty_invocation(&binaries["minimal"]).await?.as_secs_f64() * 1e6;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    let mut floors = Vec::new();
    for bytes in [1_000, 10_000, 100_000] {
        floors.push((bytes, floor(&stack, binaries, bytes).await?));
    }
    for load in LOADS {
        let Load { batch, fan_out, bytes, .. } = load;
        let floor = floors.iter().find(|(of, _)| *of == bytes).map(|(_, floor)| *floor).context("a floor")?;
        let (events, spent, asked) = case(&stack, load, &other).await?;
        let per = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(events);
        let invocations = (asked.publications + asked.batches) / f64::from(events);
        let requests = asked.own_requests / f64::from(events);
        let least = floor * (1.0 + requests) + empty * invocations;
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
            format!("{invocations:.2}"),
            format!("{requests:.2}"),
            format!("{:.1}", (ingest + delivery) / least),
        ]);
        figures.push(json!({
            "messagesInARequest": batch, "endpoints": fan_out, "bytes": bytes, "delivered": events,
            "ingestMicros": ingest, "deliveryMicros": delivery, "floorMicros": floor, "ratio": ratio,
            "invocations": invocations, "requests": requests, "leastMicros": least,
        }));
    }
    let head = [
        "CPU microseconds per delivered event",
        "delivered",
        "ingest",
        "delivery",
        "both",
        "floor",
        "x floor",
        "invocations",
        "requests to AWS",
        "x least",
    ];
    println!("\nCPU (release profile, HTTP to a local AWS without TLS)");
    print_table(&head, &rows);
    println!(
        "An invocation of a function that does nothing takes {empty:.0} microseconds. The least is that for each invocation, and \
         the floor for each request: the delivery's, and those to AWS."
    );
    Ok(json!({"loads": figures, "emptyInvocationMicros": empty}))
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

/// How many events were delivered, what that took, and what it asked.
async fn case(stack: &Stack, load: Load, other: &Tenant) -> Result<(u32, Spent, Asked)> {
    let Load { batch, fan_out, bytes, requests, .. } = load;
    let tenant = stack.tenant(&format!("bench-{batch}-{fan_out}-{bytes}")).await?;
    for _ in 0..fan_out {
        tenant.endpoint("/hook").await?;
    }
    let warm_up = (WARM_UP / (batch * fan_out)).max(2);
    load.publish(&tenant, 0..warm_up).await?;
    arrived(stack, &tenant, warm_up * batch * fan_out).await?;
    let (before, since) = (spent(stack)?, now());
    load.publish(&tenant, warm_up..warm_up + requests).await?;
    arrived(stack, &tenant, warm_up * batch * fan_out + load.events()).await?;
    let after = spent(stack)?;
    let spent = Spent {
        ingest: after.ingest.saturating_sub(before.ingest),
        delivery: after.delivery.saturating_sub(before.delivery),
    };
    Ok((u32::try_from(load.events())?, spent, asked(stack, since, load.events(), other).await?))
}

fn spent(stack: &Stack) -> Result<Spent> {
    Ok(Spent { ingest: procs::of_function(stack, "ingest")?, delivery: procs::of_function(stack, "delivery")? })
}

async fn arrived(stack: &Stack, tenant: &Tenant, count: usize) -> Result<()> {
    tenant.receiver.wait_for("/hook", count, PATIENCE).await?;
    stack.drained().await
}
