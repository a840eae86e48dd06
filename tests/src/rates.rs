//! Bursts of messages, and how fast they arrive.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::Received;
use serde_json::{Value, json};

use crate::{Stack, Tenant, eventually, world};

const SECOND: Duration = Duration::from_secs(1);
/// Requests of a producer at once.
pub const PRODUCERS: usize = 16;

/// The most requests within one second, wherever it begins.
pub fn most_in_a_second(received: &[Received]) -> usize {
    let within = |from: Instant| {
        let after = received.iter().filter(move |request| request.at >= from);
        after.filter(move |request| request.at.duration_since(from) < SECOND).count()
    };
    received.iter().map(|request| within(request.at)).max().unwrap_or_default()
}

/// Requests of each second since the first one.
pub fn histogram(received: &[Received]) -> Vec<usize> {
    let first = received.iter().map(|request| request.at).min();
    let mut bins = Vec::new();
    for request in received {
        let since = request.at.duration_since(first.unwrap_or(request.at));
        let second = usize::try_from(since.as_secs()).unwrap_or_default();
        bins.resize(bins.len().max(second + 1), 0);
        bins[second] += 1;
    }
    bins
}

/// The time from the beginning to the last of them.
pub fn took(received: &[Received], start: Instant) -> Duration {
    received.iter().map(|request| request.at.duration_since(start)).max().unwrap_or_default()
}

/// Publishes so many messages, a few at a time.
pub async fn publish_at_once(tenant: &Tenant, count: usize) -> Result<()> {
    let publish = |number| tenant.publish("invoice.paid", json!({"number": number}));
    stream::iter(0..count).map(publish).buffer_unordered(PRODUCERS).try_collect::<Vec<_>>().await?;
    Ok(())
}

/// How often each message was received from the queues, as the function logs it.
pub async fn receives(stack: &Stack, wanted: usize) -> Result<HashMap<String, usize>> {
    let function = stack.deployment.function("delivery");
    eventually("the logs are complete", || async {
        // The last lines appear with the next invocation.
        stack.enqueue("not a delivery").await?;
        let mut receives = HashMap::new();
        for line in world().emulator.logs(&function).await? {
            let Ok(line) = serde_json::from_str::<Value>(&line.message) else { continue };
            if line["message"] == "received"
                && let Some(id) = line["msg"].as_str()
            {
                *receives.entry(id.to_owned()).or_default() += 1;
            }
        }
        Ok((receives.len() == wanted).then_some(receives))
    })
    .await
}
