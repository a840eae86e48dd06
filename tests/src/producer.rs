//! A producer that does not give up.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::Tenant;

/// Longer than a claim's lease, and whatever comes after.
const LONG: Duration = Duration::from_mins(2);

/// A message that was accepted in the end.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its id.
    pub id: String,
    /// How often it was asked for.
    pub requests: u32,
    /// The first request had begun to queue deliveries and not come to its end: a repetition was told to wait.
    pub interrupted: bool,
}

impl Tenant {
    /// Publishes 20 KB, and repeats that with the same `Idempotency-Key` until it is accepted.
    pub async fn publish_until_accepted(&self, key: &str) -> Result<Accepted> {
        let path = format!("/app/{}/msg", self.app);
        let payload = json!({"key": key, "filling": "x".repeat(20_000)});
        let body = json!({"eventType": "invoice.paid", "payload": payload}).to_string();
        let headers = [("idempotency-key", key), ("content-type", "application/json")];
        let (start, mut interrupted, mut requests) = (Instant::now(), false, 0);
        while start.elapsed() < LONG {
            requests += 1;
            match self.api.post_raw(&path, &headers, body.as_str()).await {
                Ok(reply) if reply.status == 202 => {
                    let id = reply.json()["id"].as_str().context("a message without an id")?.to_owned();
                    return Ok(Accepted { id, requests, interrupted });
                }
                Ok(reply) if reply.status == 409 => interrupted = true,
                Ok(reply) => ensure!(reply.status >= 500, "{}: {}", reply.status, reply.text),
                Err(_) => {}
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!("{key} is not accepted")
    }
}
