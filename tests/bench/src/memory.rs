//! The memory that the largest batches take: ten deliveries of a message as large as there may be.

use anyhow::Result;
use postrider_local::Binaries;
use postrider_tests::{print_table, usages, world};
use serde_json::{Value, json};

use crate::{
    load::{Load, PATIENCE},
    procs,
};

const ENDPOINTS: usize = 10;
/// With the members around it, close under the limit of 256 KiB.
const LOAD: Load = Load { batch: 1, fan_out: ENDPOINTS, bytes: 230_000, requests: 12, at_once: 4 };

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let parameters = [("AttemptTimeoutSeconds", "15"), ("DeliveryConcurrency", "2")];
    let template = world().emulator.template().await?;
    let stack = world().deploy_binaries("memory", template, &parameters, binaries).await?;
    let tenant = stack.tenant("memory").await?;
    for _ in 0..ENDPOINTS {
        tenant.endpoint("/hook").await?;
    }
    LOAD.publish(&tenant, 0..LOAD.requests).await?;
    tenant.receiver.wait_for("/hook", LOAD.events(), PATIENCE).await?;
    stack.drained().await?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for function in ["ingest", "delivery"] {
        let peak = procs::peak_of_function(&stack, function)?;
        rows.push(vec![function.to_owned(), format!("{:.0}", mebibytes(peak))]);
        figures.push((function, json!(mebibytes(peak))));
    }
    let batches = usages(&stack, "delivery", "batch handled", 1).await?;
    let largest = batches.iter().map(|batch| batch.get("deliveries")).fold(0.0, f64::max);
    println!("\nMemory: messages of 250 KB, to {ENDPOINTS} endpoints each; the largest batch had {largest} deliveries");
    print_table(&["", "peak MiB"], &rows);
    let figures: serde_json::Map<_, _> = figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(json!({"peakMebibytes": figures, "largestBatch": largest}))
}

#[expect(clippy::cast_precision_loss, reason = "it is printed")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
