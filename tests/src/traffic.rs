//! Messages, published as producers do, and when they arrived.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::json;
use tokio::time::sleep_until;

use crate::Tenant;

/// A message that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// When its publication began, since the traffic did.
    pub after: Duration,
    /// The same moment.
    pub at: Instant,
}

/// Publishes for every tenant at a steady pace, however long the answers take. A list for each tenant.
pub async fn steady(tenants: &[Tenant], every: Duration, length: Duration) -> Result<Vec<Vec<Sent>>> {
    let start = Instant::now() + Duration::from_millis(100);
    let count = u32::try_from(length.as_millis() / every.as_millis().max(1))?;
    let of_tenant = tenants.iter().enumerate().map(|(nth, tenant)| async move {
        let first = every * u32::try_from(nth).unwrap_or_default() / u32::try_from(tenants.len()).unwrap_or(1);
        try_join_all((0..count).map(|number| publish(tenant, start, first + every * number))).await
    });
    try_join_all(of_tenant).await
}

async fn publish(tenant: &Tenant, start: Instant, after: Duration) -> Result<Sent> {
    sleep_until((start + after).into()).await;
    let at = Instant::now();
    let id = tenant.publish("invoice.paid", json!({"total": 2000, "filling": "x".repeat(900)})).await?.id;
    Ok(Sent { id, after, at })
}

/// When each message was first received at a path.
pub fn arrivals(tenant: &Tenant, path: &str) -> HashMap<String, Instant> {
    let mut first = HashMap::new();
    for request in tenant.receiver.received(path) {
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        first.entry(id).or_insert(request.at);
    }
    first
}

/// The least of the samples that so many per cent of them do not exceed; nothing of none.
pub fn percentile(samples: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}
