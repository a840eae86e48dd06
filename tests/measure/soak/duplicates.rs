//! Why an endpoint got something twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use anyhow::{Result, ensure};
use postrider_tests::{Accepted, Stack, world};
use serde_json::Value;
use tokio::time::Instant;

use super::{Customer, spread, weather::Kill};

/// A request that was answered is recorded within this: the lull of a batch, and what AWS takes on a bad day.
const RECORDED: Duration = Duration::from_secs(5);

/// What the function says about deliveries.
#[derive(Default)]
struct Logs {
    /// Queue messages by delivery.
    copies: HashMap<(String, String), HashSet<String>>,
    /// Successes that could not be recorded.
    not_recorded: HashSet<(String, String)>,
}

/// Prints how many deliveries came more than once, by reason; fails if one has none.
pub(super) async fn explain(
    stack: &Stack,
    customers: &[Customer],
    accepted: &[Accepted],
    kills: &[Kill],
) -> Result<()> {
    let logs = read(stack).await?;
    let repeated: HashSet<_> = accepted.iter().filter(|message| message.requests > 1).map(|it| &it.id).collect();
    let (mut reasons, mut without) = (BTreeMap::<&str, Vec<Duration>>::new(), Vec::new());
    for customer in customers {
        for (message, times) in twice(customer) {
            let key = (customer.endpoint.clone(), message.clone());
            for pair in times.windows(2) {
                let killed = kills.iter().any(|kill| {
                    kill.function == "delivery"
                        && kill.at >= pair[0]
                        && kill.at < pair[0] + RECORDED
                        && kill.at < pair[1]
                });
                let reason = if killed {
                    "the function was killed before it had recorded the success"
                } else if logs.not_recorded.contains(&key) {
                    "the success could not be recorded (AWS refused)"
                } else if repeated.contains(&message) {
                    "published again, since the first request had no answer: queued twice"
                } else if logs.copies.get(&key).is_some_and(|copies| copies.len() > 1) {
                    "the answer of SQS was lost: queued twice"
                } else {
                    without.push(key.clone());
                    continue;
                };
                reasons.entry(reason).or_default().push(pair[1] - pair[0]);
            }
        }
    }
    println!("  duplicates: {}", reasons.values().map(Vec::len).sum::<usize>() + without.len());
    for (reason, apart) in reasons {
        println!("    {}: {reason}; apart: {}", apart.len(), spread(&apart));
    }
    ensure!(without.is_empty(), "duplicates without a reason: {without:?}");
    Ok(())
}

/// Messages that an endpoint has taken more than once: when.
fn twice(customer: &Customer) -> BTreeMap<String, Vec<Instant>> {
    let mut times = BTreeMap::<String, Vec<Instant>>::new();
    for taken in customer.taken() {
        times.entry(taken.message).or_default().push(taken.at);
    }
    times.retain(|_, times| times.len() > 1);
    for times in times.values_mut() {
        times.sort_unstable();
    }
    times
}

async fn read(stack: &Stack) -> Result<Logs> {
    let mut logs = Logs::default();
    for line in world().emulator.logs(&stack.deployment.function("delivery")).await? {
        let Ok(line) = serde_json::from_str::<Value>(&line.message) else { continue };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let key = (text("endpoint"), text("msg"));
        match text("message").as_str() {
            "received" => drop(logs.copies.entry(key).or_default().insert(text("copy"))),
            said if said.starts_with("a success could not be recorded") => drop(logs.not_recorded.insert(key)),
            _ => {}
        }
    }
    let logged: BTreeSet<_> = logs.copies.keys().map(|(endpoint, _)| endpoint).collect();
    ensure!(!logged.is_empty(), "the function has logged nothing");
    Ok(logs)
}
