//! From what is known of a batch to the fate of each of its jobs.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    pin::pin,
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{Either, join_all, select},
    stream::{self, BoxStream},
};

use super::{
    Courier, Fate, Job, Outcome, Queues, SOON, Store, Trip,
    attempt::{Attempted, Due, ended, next},
    hold::Holding,
    judge::{Subscription, Verdict, judge},
    pace::{PARKED_LEAD, Turn},
    settle::KEPT_AFTER_DUE,
};
use crate::{
    delivery::{Delivery, State},
    entity::Endpoint,
    ids::EndpointId,
    message::Envelope,
    outbound::Sender,
    ports::{Ambient, Keys, Known, chain},
    time::Time,
};

/// Requests at once to one endpoint.
const AT_ONCE: usize = 5;
/// A delivery whose rate is booked out looks again after this.
const FULL_PAUSE: Duration = Duration::from_hours(1);
/// When nothing has ended for so long, what has is recorded.
const LULL: Duration = Duration::from_secs(1);

/// A job's place in the batch, and what came of its attempt or of the judgement about it.
pub(super) type Worked = (usize, Result<Attempted, Fate>);

/// What is to be done with a batch.
#[derive(Default)]
struct Plan<'a> {
    settled: Vec<Worked>,
    held: Vec<(Holding, &'a Endpoint)>,
    attempts: BTreeMap<EndpointId, Vec<(usize, Due<'a>)>>,
    /// Endpoints whose probe was asked for.
    probed: BTreeSet<EndpointId>,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Attempts what is due, holds what may not be attempted, records what came of it, and tells the fate of every job.
    pub(super) async fn fates(&self, jobs: &[Job], known: &Known, trip: Trip) -> Vec<Fate> {
        let mut plan = Plan::default();
        for at in 0..jobs.len() {
            self.plan((at, jobs), known, trip, &mut plan).await;
        }
        let Plan { settled, held, attempts, .. } = plan;
        let (paced, running) = self.begin(jobs, known, attempts, trip).await;
        let (mut first, mut moved) = (Vec::new(), Vec::new());
        for (at, worked) in settled.into_iter().chain(paced) {
            match worked {
                Err(fate @ Fate::Moved { .. }) => moved.push((at, fate)),
                worked => first.push((at, worked)),
            }
        }
        let (ended, held, moved) =
            futures::join!(self.finish(first, running, known), self.hold(jobs, held), self.move_on(jobs, moved));
        let mut fates = vec![Fate::Failed; jobs.len()];
        for (at, fate) in ended.into_iter().chain(held).chain(moved) {
            fates[at] = fate;
        }
        fates
    }

    async fn plan<'a>(&self, (at, jobs): (usize, &'a [Job]), known: &'a Known, trip: Trip, plan: &mut Plan<'a>) {
        let job = &jobs[at];
        let envelope = &job.envelope;
        let record = known.deliveries.get(&job.key());
        let endpoint = known.endpoints.get(&envelope.endpoint);
        let subscription = match endpoint {
            Some(endpoint) => Subscription::Is(endpoint),
            None if known.unreadable.contains(&envelope.endpoint) => Subscription::Unreadable,
            None => Subscription::None,
        };
        let verdict = if known.damaged.contains(&job.key()) {
            Verdict::Leave
        } else if jobs[..at].iter().any(|other| other.key() == job.key()) {
            // One record is written once in a batch.
            Verdict::Wait(SOON)
        } else {
            judge(envelope, record, subscription, trip.way, self.ambient.now())
        };
        let verdict = if verdict == Verdict::Attempt { self.unless_gone(envelope).await } else { verdict };
        let delivery = next(envelope, record);
        match (verdict, endpoint) {
            (Verdict::Drop, _) => plan.settle(at, Err(Fate::Done)),
            (Verdict::Wait(wait), _) => plan.settle(at, Err(self.later(job, wait))),
            (Verdict::Move, _) => plan.settle(at, Err(Fate::MOVED)),
            (Verdict::Bury(reason), _) => plan.settle(at, Err(Fate::Buried(reason))),
            (Verdict::End(state), _) => plan.settle(at, Ok(ended(delivery, state, false).into())),
            (Verdict::Lapse, _) => {
                plan.settle(at, self.lapsed(delivery, job.receives()).await.map(Into::into));
            }
            // Only one of the batch asks for the right to it.
            (Verdict::Probe, Some(endpoint)) if plan.probed.insert(endpoint.id) => {
                match self.claim_probe(endpoint, trip.deadline).await {
                    Some(claimed) => plan.attempt(at, job, delivery, Cow::Owned(claimed), true),
                    None => plan.held.push(((at, delivery), endpoint)),
                }
            }
            (Verdict::Hold | Verdict::Probe, Some(endpoint)) => plan.held.push(((at, delivery), endpoint)),
            (Verdict::Attempt, Some(endpoint)) => plan.attempt(at, job, delivery, Cow::Borrowed(endpoint), false),
            (Verdict::Leave | Verdict::Hold | Verdict::Probe | Verdict::Attempt, _) => {
                plan.settle(at, Err(Fate::Failed));
            }
        }
    }

    /// No state of a record is in the way of an attempt by hand: that the content is gone, only the message tells.
    async fn unless_gone(&self, envelope: &Envelope) -> Verdict {
        if envelope.manual.is_none() {
            return Verdict::Attempt;
        }
        match self.store.messages(&[(envelope.app, envelope.message)]).await {
            Ok(found) => match found.get(&envelope.message) {
                Some(message) if message.payload.is_some() => Verdict::Attempt,
                _ => Verdict::Drop,
            },
            Err(error) => {
                tracing::error!(msg = %envelope.message, error = %chain(&error), "a message could not be read");
                Verdict::Leave
            }
        }
    }

    /// Gives every attempt its time under the rates; those that are near begin, a few at once for each endpoint.
    async fn begin<'a>(
        &'a self,
        jobs: &'a [Job],
        known: &Known,
        attempts: BTreeMap<EndpointId, Vec<(usize, Due<'a>)>>,
        trip: Trip,
    ) -> (Vec<Worked>, Vec<BoxStream<'a, Worked>>) {
        let (mut paced, mut running) = (Vec::new(), Vec::new());
        let groups = attempts.into_values().filter_map(|group| {
            let endpoint = group.first().map(|(_, due)| due.endpoint.clone())?;
            Some((group, endpoint))
        });
        // At once, since no time may be over before the last is known.
        let groups = join_all(groups.map(|(group, endpoint)| async move {
            // A probe is alone after a pause, and must be made while it is claimed: no rate holds it up.
            if group.iter().any(|(_, due)| due.probe) {
                return (vec![Turn::Now; group.len()], group);
            }
            let of_group: Vec<&Job> = group.iter().map(|(at, _)| &jobs[*at]).collect();
            (self.turns(&of_group, &endpoint, known, trip).await, group)
        }));
        for (turns, group) in groups.await {
            let mut now = Vec::new();
            for ((at, due), turn) in group.into_iter().zip(turns) {
                match turn.for_one(due.job.envelope.manual.is_some(), self.ambient.now()) {
                    Turn::Now => now.push((at, due)),
                    Turn::At(slot) => now.push((at, Due { slot: Some(slot), ..due })),
                    Turn::Later(fate) => paced.push((at, Err(fate))),
                    Turn::Parked(slot) => {
                        let due_at = slot.micros().saturating_sub_unsigned(PARKED_LEAD.as_secs() * 1_000_000);
                        paced.push((at, Ok(parked(due.delivery, Some(slot), Time::from_micros(due_at)).into())));
                    }
                    Turn::Full => {
                        let later = self.ambient.now().plus(FULL_PAUSE);
                        paced.push((at, Ok(parked(due.delivery, None, later).into())));
                    }
                }
            }
            // Those that have their times are spread out already.
            let at_once = if now.iter().any(|(_, due)| due.slot.is_some()) { now.len() } else { AT_ONCE };
            let work = move |(at, due): (usize, Due<'a>)| async move { (at, self.guarded(due, trip).await) };
            running.push(stream::iter(now).map(work).buffer_unordered(at_once.max(1)).boxed());
        }
        (paced, running)
    }

    /// One bad delivery must not take its neighbours with it.
    async fn guarded(&self, due: Due<'_>, trip: Trip) -> Result<Attempted, Fate> {
        let (message, endpoint) = (due.delivery.message, due.delivery.endpoint);
        // Boxed: the state of an attempt is large, and would be moved about with each of its neighbours.
        AssertUnwindSafe(self.attempt(due, trip).boxed()).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(msg = %message, %endpoint, "a delivery panicked");
            Err(Fate::Failed)
        })
    }

    /// Records what has ended, at the latest when nothing else has for a while: dying now repeats no request of those.
    async fn finish(
        &self,
        mut ended: Vec<Worked>,
        running: Vec<BoxStream<'_, Worked>>,
        known: &Known,
    ) -> Vec<(usize, Fate)> {
        let mut fates = Vec::new();
        let mut running = stream::select_all(running);
        loop {
            let nothing_yet = ended.is_empty();
            let lull =
                pin!(async { if nothing_yet { std::future::pending().await } else { self.ambient.sleep(LULL).await } });
            match select(running.next(), lull).await {
                Either::Left((Some(worked), _)) => ended.push(worked),
                Either::Left((None, _)) => break,
                Either::Right(_) => fates.extend(self.settle(std::mem::take(&mut ended), known).await),
            }
        }
        fates.extend(self.settle(ended, known).await);
        fates
    }
}

impl<'a> Plan<'a> {
    fn settle(&mut self, at: usize, worked: Result<Attempted, Fate>) {
        self.settled.push((at, worked));
    }

    fn attempt(&mut self, at: usize, job: &'a Job, delivery: Delivery, endpoint: Cow<'a, Endpoint>, probe: bool) {
        let due = Due { job, delivery, endpoint, slot: None, probe };
        self.attempts.entry(due.endpoint.id).or_default().push((at, due));
    }
}

impl From<Outcome> for Attempted {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, lesson: None, endpoint: None }
    }
}

/// The scheduler keeps it until then; its record must outlive that.
fn parked(mut delivery: Delivery, slot: Option<Time>, due: Time) -> Outcome {
    delivery.slot = slot;
    delivery.state = State::Waiting { due, parked: true };
    delivery.expires_at = delivery.expires_at.max(due.plus(KEPT_AFTER_DUE));
    Outcome { delivery, fate: Fate::Done, attempted: false, event_id: None }
}
