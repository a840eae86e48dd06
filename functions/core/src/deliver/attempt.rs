//! One attempt: the request of one delivery, and what follows from its outcome.

use std::{borrow::Cow, time::Duration};

use super::{
    Courier, Fate, Job, MARGIN, Outcome, Queues, SOON, Store, Trip,
    heed::Wish,
    pace::Slot,
    request::{Moment, record_of},
    settle::KEPT_AFTER_DUE,
    tend::Lesson,
};
use futures::FutureExt as _;

use crate::{
    compose::Event,
    delivery::{Attempt, Delivery, FaultClass, PROMPT, Reason, State},
    entity::Endpoint,
    ids::{AttemptId, Id as _},
    manner::Confirming,
    message::{Envelope, Manual},
    metric,
    outbound::{Exchange, Sender},
    ports::{Ambient, Keys, LONGEST_DELAY, Unavailable, chain},
    time::Time,
    trace::{self, TraceParent},
};

/// Longer waits are spent delayed or parked. A message that waits for its visibility counts as in flight, and of those a
/// queue has a limit for everybody; for a short wait it costs less.
pub const LONGEST_IN_FLIGHT: Duration = Duration::from_secs(30);
/// With less time than this left, an attempt is not begun.
const SHORTEST: Duration = Duration::from_secs(1);

/// An attempt that is due.
pub(super) struct Due<'a> {
    pub(super) job: &'a Job,
    /// The record that the next write makes.
    pub(super) delivery: Delivery,
    pub(super) endpoint: Cow<'a, Endpoint>,
    /// The time reserved for it.
    pub(super) slot: Option<Slot>,
    /// The one that an open circuit lets through.
    pub(super) probe: bool,
}

/// What an attempt brought.
pub(super) struct Attempted {
    pub(super) outcome: Outcome,
    /// What it taught about the endpoint, if anything that is to be written.
    pub(super) lesson: Option<Lesson>,
    /// The endpoint as it stood, where that is not what the batch began with.
    pub(super) endpoint: Option<Endpoint>,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Makes the request when its time has come.
    pub(super) async fn attempt(&self, due: Due<'_>, trip: Trip) -> Result<Attempted, Fate> {
        // Another of this batch may just have waited in vain.
        if let Some(wait) = self.shunned(due.endpoint.id).filter(|_| !due.probe) {
            return Err(Fate::Moved { slot: None, missed: 0, delay: wait });
        }
        let timeout = || self.budget(self.ambient.now(), trip.deadline).ok_or_else(|| self.later(due.job, SOON));
        let opened = self.opened(&due.endpoint).await?;
        let authorization = self.authorization(&due.endpoint, &opened, timeout()?).await;
        if let Some(slot) = due.slot
            && !self.await_turn(slot).await
        {
            let missed = due.job.envelope.missed.saturating_add(1);
            return Err(Fate::Moved { slot: None, missed, delay: Duration::ZERO });
        }
        let (at, timeout) = (self.ambient.now(), timeout()?);
        let mut delivery = due.delivery;
        let manual = due.job.envelope.manual;
        let id = manual.map_or_else(|| self.attempt_id(&delivery, at), |manual| manual.attempt);
        let (event, moment) = (Event::from(&due.job.envelope), Moment { at, timeout });
        let sent = if due.endpoint.delivery.batch.is_some() {
            self.send_batch(&due.endpoint, &opened, authorization, &[event], moment).await
        } else {
            self.send_event(&due.endpoint, &opened, authorization, event, id, moment).await
        };
        let (attempt, exchange) = record_of(sent, id, at, &due.endpoint.url);
        let (wish, lesson) = self.learn(&due.endpoint, &exchange, due.probe, delivery.tries > 0);
        let succeeded = attempt.succeeded();
        tracing::info!(
            msg = %delivery.message, app = %delivery.app, endpoint = %delivery.endpoint, attempt = %id, status = attempt.status,
            fault = attempt.fault.map(FaultClass::as_str), duration_ms = attempt.millis, probe = due.probe,
            failed = (!succeeded).then_some(true), manual = manual.is_some(),
            trace = due.job.envelope.trace.map(TraceParent::id), "attempted"
        );
        metric::attempted(&attempt);
        trace::attempted(due.job.envelope.trace, delivery.message, &due.endpoint, &attempt);
        match manual {
            Some(_) => delivery.keep(Attempt { manual: true, ..attempt }),
            None => delivery.add(attempt),
        }
        let mut outcome = match manual {
            Some(manual) if !succeeded || delivery.state == State::Succeeded => unchanged(delivery, manual, at),
            _ if succeeded => match due.endpoint.delivery.confirm {
                None => ended(delivery, State::Succeeded, true),
                Some(confirming) => self.taken(delivery, confirming, due.job.receives()).boxed().await,
            },
            _ => self.failed(delivery, wish, due.job.receives()),
        };
        outcome.event_id.clone_from(&due.job.envelope.event_id);
        let endpoint = due.probe.then(|| due.endpoint.into_owned());
        Ok(Attempted { outcome, lesson, endpoint })
    }

    /// The time for one request: what is configured, but never so much that the record could not be written.
    pub(super) fn budget(&self, now: Time, deadline: Time) -> Option<Duration> {
        let left = now.until(deadline).checked_sub(MARGIN)?;
        (left >= SHORTEST).then(|| left.min(self.settings.attempt_timeout))
    }

    pub(super) fn attempt_id(&self, delivery: &Delivery, at: Time) -> AttemptId {
        let first = delivery.attempts.is_empty() && delivery.round == 0;
        if first && delivery.message.ksuid().time().plus(PROMPT) > at {
            return AttemptId::prompt(delivery.message, self.ambient.random(), delivery.endpoint);
        }
        AttemptId::new(at, self.ambient.random(), delivery.endpoint)
    }

    /// The endpoint has taken it, and wants to confirm it.
    async fn taken(&self, mut delivery: Delivery, confirming: Confirming, receives: u32) -> Outcome {
        // What cannot be read now is read when the time is over.
        if self.is_noted(&delivery).await.unwrap_or(false) {
            return ended(delivery, State::Succeeded, true);
        }
        let wait = Duration::from_secs(u64::from(confirming.within_seconds));
        let due = self.ambient.now().plus(wait);
        let parked = self.parks(wait, receives);
        delivery.slot = None;
        delivery.state = State::Unconfirmed { due, parked };
        delivery.expires_at = delivery.expires_at.max(due.plus(KEPT_AFTER_DUE));
        let fate = if parked { Fate::Done } else { waiting(wait, None, 0) };
        Outcome { delivery, fate, attempted: true, event_id: None }
    }

    /// Whether the last attempt was confirmed before it was recorded.
    async fn is_noted(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        let noted = self.store.noted_confirmation((delivery.endpoint, delivery.message)).await?;
        Ok(noted.is_some() && noted == delivery.attempts.last().map(|attempt| attempt.id))
    }

    /// It was taken, and the time to confirm it is over.
    pub(super) async fn lapsed(&self, mut delivery: Delivery, receives: u32) -> Result<Outcome, Fate> {
        match self.is_noted(&delivery).await {
            Ok(true) => return Ok(ended(delivery, State::Succeeded, false)),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = %chain(&error), "it could not be read whether a delivery was confirmed");
                return Err(Fate::Failed);
            }
        }
        metric::failed(Some(FaultClass::Unconfirmed));
        if let Some(attempt) = delivery.attempts.last_mut() {
            attempt.fault = Some(FaultClass::Unconfirmed);
            "unconfirmed: the receiver answered, and did not confirm in time".clone_into(&mut attempt.response);
        }
        Ok(Outcome { attempted: false, ..self.failed(delivery, Wish::default(), receives) })
    }

    /// A failed attempt: again later, or never.
    pub(super) fn failed(&self, mut delivery: Delivery, wish: Wish, receives: u32) -> Outcome {
        delivery.slot = None;
        if wish.abort {
            return ended(delivery, State::Failed(Reason::Refused), true);
        }
        let dice = u32::from_be_bytes(self.ambient.random());
        let Some(wait) = self.settings.schedule.wait_after(delivery.tries, dice) else {
            return ended(delivery, State::Failed(Reason::Exhausted), true);
        };
        let now = self.ambient.now();
        let wait = wish.not_before.map_or(wait, |at| wait.max(now.until(at)));
        let parked = self.parks(wait, receives);
        let due = now.plus(wait);
        delivery.state = State::Waiting { due, parked };
        // A record that waits must outlive its wait, or it would vanish in silence.
        delivery.expires_at = delivery.expires_at.max(due.plus(KEPT_AFTER_DUE));
        let fate = if parked { Fate::Done } else { waiting(wait, None, 0) };
        Outcome { delivery, fate, attempted: true, event_id: None }
    }

    /// Not in this invocation. Where the queue would soon give the message up, a new one goes on in its place.
    pub(super) fn later(&self, job: &Job, wait: Duration) -> Fate {
        if self.parks(wait, job.receives()) {
            return Fate::Moved { slot: job.envelope.slot, missed: job.envelope.missed, delay: wait };
        }
        waiting(wait, job.envelope.slot, job.envelope.missed)
    }

    /// Whether a wait is spent parked. The queue gives a message up after so many receives: those that wait often wait
    /// elsewhere.
    fn parks(&self, wait: Duration, receives: u32) -> bool {
        wait > self.settings.park_after || receives.saturating_add(3) >= self.settings.max_receives
    }

    /// What an exchange asks for and what it teaches.
    pub(super) fn learn(
        &self,
        endpoint: &Endpoint,
        exchange: &Exchange,
        probe: bool,
        again: bool,
    ) -> (Wish, Option<Lesson>) {
        let wish = Wish::of(exchange, self.ambient.now());
        (wish, self.lesson(endpoint, wish.sign(exchange, probe, again), wish.disable))
    }
}

fn waiting(wait: Duration, slot: Option<Time>, missed: u8) -> Fate {
    if wait > LONGEST_IN_FLIGHT {
        Fate::Moved { slot, missed, delay: wait.min(LONGEST_DELAY) }
    } else {
        Fate::Back(wait)
    }
}

/// The record that the next write makes.
pub(super) fn next(envelope: &Envelope, record: Option<&Delivery>) -> Delivery {
    let mut delivery = record
        .cloned()
        .unwrap_or_else(|| Delivery::new(envelope.app, envelope.endpoint, envelope.message, envelope.expires_at));
    if envelope.round > delivery.round {
        delivery.round = envelope.round;
        delivery.tries = 0;
    }
    delivery.rev += 1;
    delivery
}

/// An attempt by hand that changes nothing but the list of attempts. Where there was no record, either the queue still
/// holds the delivery, or this was all that was wanted of it.
fn unchanged(mut delivery: Delivery, manual: Manual, at: Time) -> Outcome {
    let is_new = delivery.rev == 1;
    if is_new && manual.queued {
        delivery.state = State::Waiting { due: at, parked: false };
    } else if is_new {
        delivery.state = State::Failed(Reason::Exhausted);
    }
    Outcome { delivery, fate: Fate::Done, attempted: true, event_id: None }
}

pub(super) fn ended(mut delivery: Delivery, state: State, attempted: bool) -> Outcome {
    delivery.state = state;
    let fate = match state {
        State::Failed(reason) => Fate::Buried(reason),
        _ => Fate::Done,
    };
    Outcome { delivery, fate, attempted, event_id: None }
}
