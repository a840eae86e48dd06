//! An endpoint with a rate, and a burst of messages for it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_tests::{Stack, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::models::EndpointIn;

use crate::figures::{print_load, print_table};

const RATE: u16 = 10;
const MESSAGES: usize = 300;
/// Requests of the producer at once.
const PRODUCERS: usize = 16;
/// Of the receiver's clock: one more in a second is no more than a late packet.
const BOUND: usize = RATE as usize + 1;
const LONGEST: Duration = Duration::from_secs(33);
const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn measure() -> Result<()> {
    let stack = world().stack("rate-limit", &[("LogLevel", "debug"), ("DeliveryConcurrency", "10")]).await?;
    let tenant = stack.tenant("rate-limit").await?;
    let url = tenant.receiver.url("/hook");
    tenant.endpoint_with(EndpointIn { throttle_rate: Some(RATE), ..EndpointIn::new(url) }).await?;
    println!("{MESSAGES} messages at once for an endpoint that takes {RATE} a second");
    let start = Instant::now();
    let publish = |number| {
        let tenant = &tenant;
        async move { tenant.publish("invoice.paid", json!({"number": number})).await }
    };
    stream::iter(0..MESSAGES).map(publish).buffer_unordered(PRODUCERS).try_collect::<Vec<_>>().await?;
    println!("  published within {:.1?}", start.elapsed());
    let received = tenant.receiver.wait_for("/hook", MESSAGES, PATIENCE).await?;
    let at: Vec<Instant> = received.iter().map(|request| request.at).collect();
    let counted = receives(&stack, &tenant).await?;
    print_load();
    judge(start, &at, &counted)
}

/// How often each message was received from the queues, as the function logs it.
async fn receives(stack: &Stack, tenant: &Tenant) -> Result<HashMap<String, usize>> {
    let function = stack.deployment.function("delivery");
    eventually("the logs are complete", || async {
        // The last lines appear with the next invocation.
        stack.enqueue("not a delivery").await?;
        let mut receives = HashMap::new();
        for line in world().emulator.logs(&function).await? {
            let Ok(line) = serde_json::from_str::<Value>(&line.message) else { continue };
            let is_receive = line["message"] == "received";
            if let Some(id) = line["msg"].as_str().filter(|_| is_receive) {
                *receives.entry(id.to_owned()).or_default() += 1;
            }
        }
        let all = tenant
            .receiver
            .received("/hook")
            .iter()
            .all(|request| request.header("webhook-id").is_some_and(|id| receives.contains_key(id)));
        Ok(all.then_some(receives))
    })
    .await
}

fn judge(start: Instant, at: &[Instant], receives: &HashMap<String, usize>) -> Result<()> {
    let first = at.iter().min().copied().unwrap_or(start);
    let last = at.iter().max().copied().unwrap_or(start);
    let bins = bins(at, first);
    let rows = bins.iter().enumerate().map(|(n, count)| vec![format!("{n} s"), count.to_string(), "#".repeat(*count)]);
    print_table(&["second", "requests", ""], &rows.collect::<Vec<_>>());
    let (fullest, any) = (bins.iter().max().copied().unwrap_or_default(), sliding(at));
    let (took, most) = (last.duration_since(start), receives.values().max().copied().unwrap_or_default());
    let count = |times| receives.values().filter(|count| **count == times).count();
    println!("  most in a second of the table {fullest}, in any second {any} (at most {BOUND})");
    println!("  the last one {took:.1?} after the first publication (at most {LONGEST:?})");
    println!("  received from the queue once {}, twice {}, at most {most} times (at most 2)", count(1), count(2));
    ensure!(at.len() == MESSAGES, "{} requests", at.len());
    ensure!(any <= BOUND, "above the rate");
    ensure!(took <= LONGEST, "too slow");
    ensure!(most <= 2, "received too often");
    Ok(())
}

/// Requests of each second since the first one.
fn bins(at: &[Instant], first: Instant) -> Vec<usize> {
    let mut bins = Vec::new();
    for at in at {
        let second = usize::try_from(at.duration_since(first).as_secs()).unwrap_or_default();
        if bins.len() <= second {
            bins.resize(second + 1, 0);
        }
        bins[second] += 1;
    }
    bins
}

/// The most requests within one second, wherever it begins.
fn sliding(at: &[Instant]) -> usize {
    let within = |from: &Instant| at.iter().filter(|at| **at >= *from && at.duration_since(*from) < SECOND).count();
    at.iter().map(within).max().unwrap_or_default()
}
