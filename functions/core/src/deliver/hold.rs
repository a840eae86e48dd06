//! Holding deliveries: no request is made, none of the schedule is used up, and the scheduler lets them through later
//! ([`crate::valve`]).
//!
//! The order is valve, record, acknowledgement. A valve without anything held is removed in time; something held always
//! has a valve.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;

use super::{Courier, Fate, Job, Outcome, Queues, Store, settle::KEPT_AFTER_DUE};
use crate::{
    delivery::{Delivery, State},
    entity::Endpoint,
    ids::EndpointId,
    metric::Metric,
    outbound::Sender,
    ports::{Ambient, Keys, Unavailable, chain},
    time::Time,
    valve,
};

/// A delivery that is to be held: its place in the batch, and its next record.
pub(super) type Holding = (usize, Delivery);

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Holds deliveries; gives their fates.
    pub(super) async fn hold(&self, jobs: &[Job], held: Vec<(Holding, &Endpoint)>) -> Vec<(usize, Fate)> {
        let mut groups = BTreeMap::<EndpointId, (Option<&Endpoint>, Vec<Holding>)>::new();
        for (holding, endpoint) in held {
            let group = groups.entry(endpoint.id).or_default();
            group.0 = Some(endpoint);
            group.1.push(holding);
        }
        let groups = groups.into_values().filter_map(|(endpoint, group)| Some((endpoint?, group)));
        join_all(groups.map(|(endpoint, group)| self.hold_group(jobs, endpoint, group))).await.concat()
    }

    async fn hold_group(&self, jobs: &[Job], endpoint: &Endpoint, group: Vec<Holding>) -> Vec<(usize, Fate)> {
        let now = self.ambient.now();
        let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let touched = self.store.touch((endpoint.app, endpoint.id), count, valve::look_at(endpoint, now), now).await;
        let total = match touched {
            Ok(total) => total,
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, error = %chain(&error), "deliveries could not be held");
                return group.into_iter().map(|(at, _)| (at, Fate::Failed)).collect();
            }
        };
        let fates = join_all(
            group.into_iter().map(|(at, delivery)| async move { (at, self.hold_one(&jobs[at], delivery, now).await) }),
        );
        let fates = fates.await;
        if let Err(error) = self.ask_for_flush(endpoint, total, count).await {
            // The scheduler looks at the valve in any case.
            tracing::warn!(endpoint = %endpoint.id, error = %chain(&error), "a flush could not be asked for");
        }
        fates
    }

    async fn hold_one(&self, job: &Job, mut delivery: Delivery, now: Time) -> Fate {
        delivery.state = State::Held { since: now };
        delivery.slot = None;
        delivery.expires_at = delivery.expires_at.max(job.envelope.expires_at.plus(KEPT_AFTER_DUE));
        tracing::info!(msg = %delivery.message, endpoint = %delivery.endpoint, "held");
        Metric::Held.count();
        self.record(&Outcome { delivery, fate: Fate::Done, attempted: false, event_id: None }).await
    }

    /// An endpoint that takes several events at once is sent them when there are enough, or when the first one has waited
    /// long enough.
    async fn ask_for_flush(&self, endpoint: &Endpoint, total: u32, added: u32) -> Result<(), Unavailable> {
        let Some(batch) = endpoint.delivery.batch.filter(|_| !endpoint.delivery.paused) else { return Ok(()) };
        let (most, before) = (u32::from(batch.max_events).max(1), total.saturating_sub(added));
        let delay = match (total / most > before / most, before) {
            (true, _) => Duration::ZERO,
            (false, 0) => Duration::from_secs(u64::from(batch.max_seconds)),
            (false, _) => return Ok(()),
        };
        self.flush_later(endpoint, delay, None).await
    }
}
