//! What a stretch of time asked of AWS, as the functions and Lambda say in their logs.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use postrider_tests::{PATIENCE, Stack, Tenant, Usage, world};
use serde_json::{Value, json};

/// CloudWatch counts so many bytes for a line besides its own.
const LINE_BYTES: usize = 26;
/// More than there are instances.
const NUDGES: usize = 8;
const MEGABYTE: f64 = 1_048_576.0;

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) publications: f64,
    pub(crate) batches: f64,
    pub(crate) deliveries: f64,
    pub(crate) invocations: f64,
    pub(crate) gigabyte_seconds: f64,
    pub(crate) dynamodb_requests: f64,
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) sqs_requests: f64,
    /// What the functions ask themselves, of all services: Lambda receives from the queues and deletes for them.
    pub(crate) own_requests: f64,
    pub(crate) log_megabytes: f64,
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Of all functions that publish and deliver, from then until now, when there have been so many attempts. The last lines of
/// an instance appear with its next invocation: so another tenant's endpoint gets something to do until all are there.
pub(crate) async fn asked(stack: &Stack, since: i64, attempts: usize, other: &Tenant) -> Result<Asked> {
    let until = now();
    let start = Instant::now();
    loop {
        let nudges = (0..NUDGES).map(|nth| other.publish("order.nudged", json!({"nth": nth})));
        try_join_all(nudges).await?;
        stack.drained().await?;
        let mut asked = Asked::default();
        for function in ["ingest", "delivery", "scheduler"] {
            for event in world().emulator.logs(&stack.deployment.function(function)).await? {
                // The scheduler works every minute, whatever there is to do: only its jobs are an event's.
                let counts = function != "scheduler" || event.message.contains("\"jobs handled\"");
                if counts && (since..=until).contains(&event.at_millis) {
                    asked.add(&event.message);
                }
            }
        }
        let counted = format!("{} of {attempts} attempts", asked.deliveries);
        if asked.deliveries >= f64::from(u32::try_from(attempts)?) {
            return Ok(asked);
        }
        ensure!(start.elapsed() < PATIENCE, "{counted} are in the log");
    }
}

impl Asked {
    fn add(&mut self, line: &str) {
        if let Some(gigabyte_seconds) = reported(line) {
            self.invocations += 1.0;
            self.gigabyte_seconds += gigabyte_seconds;
        }
        // Lambda's own lines about invocations are not written on AWS: the template turns them off.
        let Ok(Value::Object(members)) = serde_json::from_str(line) else { return };
        self.log_megabytes += f64::from(u32::try_from(line.len() + LINE_BYTES).unwrap_or(u32::MAX)) / MEGABYTE;
        let usage = Usage(Value::Object(members));
        match usage.0["message"].as_str() {
            Some("request handled") => self.publications += 1.0,
            Some("batch handled") => {
                let deliveries = usage.get("deliveries");
                self.batches += 1.0;
                self.deliveries += deliveries;
                // The records of a batch, 4 KB each at most, consistently: the local AWS does not count them.
                self.read_units += deliveries;
                // Lambda receives a batch, and deletes what is done.
                self.sqs_requests += if usage.get("returned") < deliveries { 2.0 } else { 1.0 };
            }
            Some("jobs handled") => {
                self.invocations += 1.0;
                self.sqs_requests += 2.0;
            }
            _ => return,
        }
        self.dynamodb_requests += usage.get("dynamodb_requests");
        self.write_units += usage.get("write_units");
        self.read_units += usage.get("read_units");
        self.sqs_requests += usage.get("sqs_requests");
        self.own_requests += usage.get("dynamodb_requests") + usage.get("sqs_requests");
    }
}

/// The GB-seconds that Lambda bills for an invocation, of a line that begins with `REPORT` and has, between tabs, such as
/// `Billed Duration: 13 ms` and `Memory Size: 256 MB`.
fn reported(line: &str) -> Option<f64> {
    let after = |name: &str| line.split('\t').find_map(|part| part.trim().strip_prefix(name)?.split(' ').next());
    let millis: f64 = line.starts_with("REPORT ").then(|| after("Billed Duration: "))??.parse().ok()?;
    let megabytes: f64 = after("Memory Size: ")?.parse().ok()?;
    Some(Duration::from_millis(1).as_secs_f64() * millis * megabytes / 1024.0)
}
