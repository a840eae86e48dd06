//! Writing the records of a batch.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures::future::join_all;

use super::{Courier, Fate, Outcome, Queues, Store, attempt::Attempted, fates::Worked, tend::Lesson};
use crate::{
    delivery::{Delivery, State},
    entity::Endpoint,
    ids::{EndpointId, Id as _},
    metric::Metric,
    outbound::Sender,
    ports::{Ambient, DeliveryKey, Keys, Known, Unavailable, chain},
};

/// A waiting record is kept at least this long after its due time.
pub(super) const KEPT_AFTER_DUE: Duration = Duration::from_hours(7 * 24);
/// Writers of one delivery that are waited out before giving up.
const MERGES: usize = 4;

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Records every outcome, and what was learned; a job's fate stands only once its record does.
    pub(super) async fn settle(&self, worked: Vec<Worked>, known: &Known) -> Vec<(usize, Fate)> {
        let outcomes: Vec<&Outcome> =
            worked.iter().filter_map(|(_, work)| Some(&work.as_ref().ok()?.outcome)).collect();
        let (successes, others): (Vec<&Outcome>, Vec<&Outcome>) =
            outcomes.iter().partition(|outcome| succeeded(&outcome.delivery));
        self.note(&outcomes);
        futures::join!(self.list_attempts(&outcomes), self.tell(&outcomes, known));
        let done: Vec<Delivery> = successes.iter().map(|outcome| outcome.delivery.clone()).collect();
        let recorded = join_all(others.into_iter().map(|outcome| self.record(outcome)));
        let (lost, others) = futures::join!(self.record_successes(&done), recorded);
        self.tend_all(&worked, known).await;
        let lost: HashSet<_> = lost.into_iter().collect();
        let mut others = others.into_iter();
        let mut fate = |work: Result<Attempted, Fate>| match work {
            Err(fate) => fate,
            Ok(Attempted { outcome, .. }) if !succeeded(&outcome.delivery) => others.next().unwrap_or(Fate::Failed),
            Ok(Attempted { outcome, .. }) if lost.contains(&key_of(&outcome.delivery)) => Fate::Failed,
            Ok(Attempted { outcome, .. }) => outcome.fate,
        };
        worked.into_iter().map(|(at, work)| (at, fate(work))).collect()
    }

    fn note(&self, outcomes: &[&Outcome]) {
        let now = self.ambient.now();
        for delivery in outcomes.iter().map(|outcome| &outcome.delivery) {
            match delivery.state {
                State::Succeeded => {
                    let age = delivery.message.ksuid().time().until(now);
                    Metric::Delivered.count();
                    Metric::DeliveryMillis.note(age.as_secs_f64() * 1_000.0);
                }
                State::Waiting { parked: true, .. } => Metric::Parked.count(),
                _ => {}
            }
        }
    }

    /// The last lesson of each endpoint, and above all that it is to be disabled.
    async fn tend_all(&self, worked: &[Worked], known: &Known) {
        let mut lessons = BTreeMap::<EndpointId, (&Lesson, Option<&Endpoint>)>::new();
        for (_, work) in worked {
            let Ok(Attempted { outcome, lesson: Some(lesson), endpoint }) = work else { continue };
            let lesson = (lesson, endpoint.as_ref().or_else(|| known.endpoints.get(&outcome.delivery.endpoint)));
            match lessons.get(&outcome.delivery.endpoint) {
                Some((Lesson::Disable(_), _)) => {}
                _ => drop(lessons.insert(outcome.delivery.endpoint, lesson)),
            }
        }
        let lessons = lessons.into_values().filter_map(|(lesson, endpoint)| Some((lesson, endpoint?)));
        join_all(lessons.map(|(lesson, endpoint)| self.tend(endpoint, lesson, known.owners.get(&endpoint.app)))).await;
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<DeliveryKey> {
        if done.is_empty() {
            return Vec::new();
        }
        let lost = self.store.record_successes(done).await;
        for (endpoint, message) in &lost {
            tracing::error!(msg = %message, %endpoint, "a success could not be recorded; it may be sent again");
        }
        lost
    }

    /// Entries for the attempts that are not found at their message's place. A lost entry hides an attempt from one
    /// list and from nothing else, so it is not worth a repeated request.
    async fn list_attempts(&self, outcomes: &[&Outcome]) {
        let entry = |outcome: &&Outcome| {
            let delivery = &outcome.delivery;
            let attempt = delivery.attempts.last().filter(|_| outcome.attempted)?;
            let apart = !delivery.is_in_place(attempt.id);
            apart.then_some((delivery.endpoint, attempt.id, delivery.message, delivery.expires_at))
        };
        let entries: Vec<_> = outcomes.iter().filter_map(entry).collect();
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.store.list_attempts(&entries).await {
            tracing::error!(error = %chain(&error), "attempts could not be listed by endpoint");
        }
    }

    pub(super) async fn record(&self, outcome: &Outcome) -> Fate {
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
        if self.store.record(&outcome.delivery).await? {
            return Ok(outcome.fate);
        }
        let key = (outcome.delivery.endpoint, outcome.delivery.message);
        for _ in 0..MERGES {
            let Some(mut theirs) = self.store.load(&[key], &[]).await?.deliveries.remove(&key) else { break };
            let Some(attempt) = outcome.delivery.attempts.last().filter(|_| outcome.attempted) else {
                return Ok(self.fate_of(&theirs));
            };
            // It was the copy's attempt, not one of the schedule's.
            theirs.keep(attempt.clone());
            theirs.rev += 1;
            if self.store.record(&theirs).await? {
                return Ok(self.fate_of(&theirs));
            }
        }
        Ok(Fate::Failed)
    }

    fn fate_of(&self, delivery: &Delivery) -> Fate {
        match delivery.state {
            State::Waiting { due, parked: false } | State::Unconfirmed { due, parked: false } => {
                Fate::Back(self.ambient.now().until(due))
            }
            State::Failed(reason) => Fate::Buried(reason),
            _ => Fate::Done,
        }
    }
}

pub(super) const fn key_of(delivery: &Delivery) -> DeliveryKey {
    (delivery.endpoint, delivery.message)
}

const fn succeeded(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Succeeded)
}
