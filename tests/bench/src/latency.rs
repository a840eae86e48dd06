//! From the beginning of a publication to the receipt of its event, at a steady pace.

use std::time::Duration;

use anyhow::{Context as _, Result};
use postrider_local::Binaries;
use postrider_tests::{arrivals, percentile, print_table, steady, world};
use serde_json::{Value, json};

use crate::load::PATIENCE;

/// Between two messages, and for how long.
const PACES: [(Duration, Duration); 2] =
    [(Duration::from_millis(100), Duration::from_secs(30)), (Duration::from_millis(25), Duration::from_secs(30))];

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let parameters = [("AttemptTimeoutSeconds", "15"), ("DeliveryConcurrency", "4")];
    let template = world().emulator.template().await?;
    let stack = world().deploy_binaries("latency", template, &parameters, binaries).await?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for (every, length) in PACES {
        let tenants = [stack.tenant("latency").await?];
        tenants[0].endpoint("/hook").await?;
        // The first seconds start the instances.
        steady(&tenants, every, Duration::from_secs(5)).await?;
        let sent = steady(&tenants, every, length).await?.into_iter().flatten().collect::<Vec<_>>();
        tenants[0].receiver.wait_for("/hook", sent.len(), PATIENCE).await?;
        stack.drained().await?;
        let arrived = arrivals(&tenants[0], "/hook");
        let latency = |id: &String, at| arrived.get(id).map(|arrived| arrived.saturating_duration_since(at));
        let all = sent.iter().map(|sent| latency(&sent.id, sent.at).with_context(|| format!("{} is lost", sent.id)));
        let all = all.collect::<Result<Vec<_>>>()?;
        let [half, most] = [50, 99].map(|percent| percentile(&all, percent).unwrap_or_default().as_millis());
        let pace = 1_000 / every.as_millis();
        rows.push(vec![pace.to_string(), all.len().to_string(), half.to_string(), most.to_string()]);
        figures.push(json!({"aSecond": pace, "events": all.len(), "p50Millis": half, "p99Millis": most}));
    }
    println!("\nLatency from publication to receipt, on a local AWS that shares this machine, in milliseconds");
    print_table(&["events a second", "events", "p50", "p99"], &rows);
    Ok(Value::Array(figures))
}
