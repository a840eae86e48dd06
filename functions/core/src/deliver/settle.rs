//! Writing the records of a batch.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;

use super::{Courier, Fate, attempt::Outcome};
use crate::{
    delivery::{Delivery, State},
    outbound::Sender,
    ports::{Ambient, Deliveries, Inbox, Keys, Unavailable, chain},
};

/// A waiting record is kept at least this long after its due time.
pub(super) const KEPT_AFTER_DUE: Duration = Duration::from_hours(7 * 24);
/// Writers of one delivery that are waited out before giving up.
const MERGES: usize = 4;

impl<D: Deliveries, I: Inbox, S: Sender, K: Keys, A: Ambient> Courier<D, I, S, K, A> {
    /// Records every outcome; a job's fate stands only once its record does.
    pub(super) async fn settle(&self, worked: Vec<Result<Outcome, Fate>>) -> Vec<Fate> {
        self.list_attempts(&worked).await;
        let outcomes = || worked.iter().flatten();
        let done: Vec<Delivery> = outcomes().filter(|o| succeeded(&o.delivery)).map(|o| o.delivery.clone()).collect();
        let others = outcomes().filter(|outcome| !succeeded(&outcome.delivery));
        let (lost, others) = futures::join!(self.record_successes(&done), join_all(others.map(|o| self.record(o))));
        let lost: HashSet<_> = lost.into_iter().collect();
        let mut others = others.into_iter();
        let fate = |work: Result<Outcome, Fate>| match work {
            Err(fate) => fate,
            Ok(outcome) if !succeeded(&outcome.delivery) => others.next().unwrap_or(Fate::Failed),
            Ok(outcome) if lost.contains(&(outcome.delivery.endpoint, outcome.delivery.message)) => Fate::Failed,
            Ok(outcome) => outcome.fate,
        };
        worked.into_iter().map(fate).collect()
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<crate::ports::DeliveryKey> {
        if done.is_empty() {
            return Vec::new();
        }
        let lost = self.deliveries.record_successes(done).await;
        for (endpoint, message) in &lost {
            tracing::error!(msg = %message, %endpoint, "a success could not be recorded; it may be sent again");
        }
        lost
    }

    /// Entries for the attempts that are not found at their message's place. A lost entry hides an attempt from one
    /// list and from nothing else, so it is not worth a repeated request.
    async fn list_attempts(&self, worked: &[Result<Outcome, Fate>]) {
        let entry = |outcome: &Outcome| {
            let delivery = &outcome.delivery;
            let attempt = delivery.attempts.last().filter(|_| outcome.attempted)?;
            let apart = !delivery.is_in_place(attempt.id);
            apart.then_some((delivery.endpoint, attempt.id, delivery.message, delivery.expires_at))
        };
        let entries: Vec<_> = worked.iter().flatten().filter_map(entry).collect();
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.deliveries.list_attempts(&entries).await {
            tracing::error!(error = %chain(&error), "attempts could not be listed by endpoint");
        }
    }

    async fn record(&self, outcome: &Outcome) -> Fate {
        match self.record_or_merge(outcome).await {
            Ok(fate) => fate,
            Err(error) => {
                let delivery = &outcome.delivery;
                let (message, endpoint) = (delivery.message, delivery.endpoint);
                tracing::error!(msg = %message, %endpoint, error = %chain(&error), "an outcome could not be recorded");
                Fate::Failed
            }
        }
    }

    /// Writes the record; where somebody else has written meanwhile, adds this attempt to theirs and leaves the
    /// decision with them.
    async fn record_or_merge(&self, outcome: &Outcome) -> Result<Fate, Unavailable> {
        if self.deliveries.record(&outcome.delivery).await? {
            return Ok(outcome.fate);
        }
        let key = (outcome.delivery.endpoint, outcome.delivery.message);
        for _ in 0..MERGES {
            let Some(mut theirs) = self.deliveries.load(&[key], &[]).await?.deliveries.remove(&key) else { break };
            let Some(attempt) = outcome.delivery.attempts.last().filter(|_| outcome.attempted) else {
                return Ok(self.fate_of(&theirs));
            };
            // It was the copy's attempt, not one of the schedule's.
            theirs.keep(attempt.clone());
            theirs.rev += 1;
            if self.deliveries.record(&theirs).await? {
                return Ok(self.fate_of(&theirs));
            }
        }
        Ok(Fate::Failed)
    }

    fn fate_of(&self, delivery: &Delivery) -> Fate {
        match delivery.state {
            State::Waiting { due, parked: false } => Fate::Back(self.ambient.now().until(due)),
            State::Failed(reason) => Fate::Buried(reason),
            _ => Fate::Done,
        }
    }
}

const fn succeeded(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Succeeded)
}
