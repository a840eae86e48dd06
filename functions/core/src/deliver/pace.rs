//! Rate limits: each delivery gets a time of its own, is put off once until shortly before it, and waits for the rest of
//! the time here, so that the receiver never sees more than its rate.
//!
//! Where no rate is set nothing is read, written or waited for. An endpoint's own rate is exact. Where its application has
//! one too, a delivery waits for the later of the two times.

use std::time::Duration;

use super::{Courier, Fate, Job, Queues, SOON, Store, Trip};
use crate::{
    entity::Endpoint,
    outbound::Sender,
    ports::{Ambient, Keys, Known, LONGEST_DELAY, Paced, Reservation, Slots, Unavailable, Way, chain},
    time::Time,
    wake::LEASE,
};

/// A delivery is received so long before its time, to be sent exactly then; an instance that must start first has that
/// time to do it.
const LEAD: Duration = Duration::from_secs(3);
/// One that is parked is woken so long before its time: the scheduler looks once a minute.
pub(super) const PARKED_LEAD: Duration = Duration::from_secs(90);
/// Time that is waited for here rather than in the queue: more than the lead, which is rounded up. Where first attempts
/// are made, others would wait as well.
const PATIENCE: Duration = Duration::from_secs(5);
const PROMPT_PATIENCE: Duration = Duration::from_secs(1);
/// One that comes later than half the interval for its time, within these bounds, needs another: its own belongs to
/// somebody else by now.
const LATE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));
/// After so many times missed, it is sent when it comes: it must end some day.
const MOST_MISSED: u8 = 5;
/// Reserving may take longer than the times it gives: so often it is tried again.
const TRIES: usize = 3;
/// Reservations reach no further into the future.
const HORIZON: Duration = Duration::from_hours(24 * 7);

/// A time reserved for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Not before.
    from: Time,
    /// Not after: it is too late then.
    to: Time,
}

/// When the request of a job may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// As soon as it can be; no rate applies.
    Now,
    /// At that time, which is near.
    At(Slot),
    /// Not in this invocation.
    Later(Fate),
    /// At that time, which is so far that the scheduler has to keep it.
    Parked(Time),
    /// Not now, and there is no time for it either: the scheduler keeps it for a while.
    Full,
}

impl Turn {
    /// The record of a delivery says nothing of an attempt by hand: the queue keeps that, however long.
    pub(super) fn for_one(self, manual: bool, now: Time) -> Self {
        let (slot, delay) = match self {
            Self::Parked(slot) if manual => (Some(slot), now.until(slot).saturating_sub(LEAD).min(LONGEST_DELAY)),
            Self::Full if manual => (None, LONGEST_DELAY),
            turn => return turn,
        };
        Self::Later(Fate::Moved { slot, missed: 0, delay })
    }
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// When the requests of these jobs, all to one endpoint, may be made.
    pub(super) async fn turns(&self, jobs: &[&Job], endpoint: &Endpoint, known: &Known, trip: Trip) -> Vec<Turn> {
        let application = known.owners.get(&endpoint.app).and_then(|owner| owner.throttle_rate);
        if endpoint.throttle_rate.is_none() && application.is_none() {
            return vec![Turn::Now; jobs.len()];
        }
        // An instance's first look at the keyring takes long: it must not come between a time and its request.
        if let Err(fate) = self.opened(endpoint).await {
            return vec![Turn::Later(fate); jobs.len()];
        }
        let now = self.ambient.now();
        let late = late(endpoint, application);
        let standing: Vec<_> = jobs.iter().map(|job| standing(job, known, now, late)).collect();
        let without = standing.iter().filter(|slot| slot.is_none()).count();
        let (slots, full) = match self.times(endpoint, application, without, late).await {
            Ok(slots) => (slots, true),
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, error = %chain(&error), "no times could be reserved");
                (vec![None; without], false)
            }
        };
        let mut slots = slots.into_iter();
        let turn = |(job, slot): (&&Job, Option<Time>)| {
            let new = slot.is_none();
            let missed = job.envelope.missed + u8::from(new && job.envelope.slot.is_some());
            match slot.or_else(|| slots.next().flatten()) {
                Some(slot) => self.turn(job, Slot { from: slot, to: last(slot, late, missed) }, missed, new, trip),
                None if full => Turn::Full,
                None => Turn::Later(self.later(job, SOON)),
            }
        };
        jobs.iter().zip(standing).map(turn).collect()
    }

    /// When the one request of a flush may be made; or when the flush is to come again, with the time it has then.
    pub(super) async fn flush_turn(
        &self,
        endpoint: &Endpoint,
        has: Option<Time>,
        known: &Known,
        trip: Trip,
    ) -> Result<Result<Option<Slot>, (Duration, Option<Time>)>, Unavailable> {
        let application = known.owners.get(&endpoint.app).and_then(|owner| owner.throttle_rate);
        if endpoint.throttle_rate.is_none() && application.is_none() {
            return Ok(Ok(None));
        }
        let late = late(endpoint, application);
        let slot = match has.filter(|slot| self.ambient.now() <= slot.plus(late)) {
            Some(slot) => slot,
            None => match self.reserve(endpoint, Paced::Batches(endpoint.id), application, 1, LONGEST_DELAY).await? {
                Ok(slots) => slots.first().copied().unwrap_or_else(|| self.ambient.now()),
                Err(_) => return Ok(Err((LONGEST_DELAY, None))),
            },
        };
        if self.is_near(slot, trip) {
            return Ok(Ok(Some(Slot { from: slot, to: slot.plus(late) })));
        }
        Ok(Err((self.ambient.now().until(slot).saturating_sub(LEAD), Some(slot))))
    }

    /// Waits for a time; whether it is still that time then. Nothing may come between this and the request.
    pub(super) async fn await_turn(&self, slot: Slot) -> bool {
        self.ambient.sleep(self.ambient.now().until(slot.from)).await;
        self.ambient.now() <= slot.to
    }

    /// So many times that are not over when they are known.
    async fn times(
        &self,
        endpoint: &Endpoint,
        application: Option<u16>,
        count: usize,
        late: Duration,
    ) -> Result<Vec<Option<Time>>, Unavailable> {
        let mut times = self.far(endpoint, application, count).await?;
        for _ in 0..TRIES {
            let now = self.ambient.now();
            let over = times.iter().flatten().filter(|slot| slot.plus(late) < now).count();
            if over == 0 {
                break;
            }
            times.drain(..over);
            times.extend(self.far(endpoint, application, over).await?);
        }
        Ok(times)
    }

    /// So many times, however far away.
    async fn far(
        &self,
        endpoint: &Endpoint,
        application: Option<u16>,
        count: usize,
    ) -> Result<Vec<Option<Time>>, Unavailable> {
        let times = self.reserve(endpoint, Paced::Endpoint(endpoint.id), application, count, HORIZON).await?;
        Ok(times.map_or_else(|_| vec![None; count], |times| times.into_iter().map(Some).collect()))
    }

    /// So many times within the horizon, or when the next one is free; of the application first, since all of its endpoints share them in order.
    async fn reserve(
        &self,
        endpoint: &Endpoint,
        own: Paced,
        application: Option<u16>,
        count: usize,
        horizon: Duration,
    ) -> Result<Result<Vec<Time>, Time>, Unavailable> {
        let mut times = vec![self.ambient.now(); count];
        let limits = [(Paced::Application(endpoint.app), application), (own, endpoint.throttle_rate)];
        for (of, rate) in limits.into_iter().filter(|(_, rate)| rate.is_some()) {
            let Some(from) = times.first().copied() else { break };
            let interval = interval(rate);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            match self.store.reserve(&Reservation { of, count, interval, from, horizon }).await? {
                Slots::From(first) => spread(&mut times, first, interval),
                Slots::Full(next) => return Ok(Err(next)),
            }
        }
        Ok(Ok(times))
    }

    /// Whether it is waited for here, and leaves time for a request.
    fn is_near(&self, slot: Time, trip: Trip) -> bool {
        let patience = if trip.way == Way::Prompt { PROMPT_PATIENCE } else { PATIENCE };
        self.ambient.now().until(slot) <= patience && self.budget(slot, trip.deadline).is_some()
    }

    fn turn(&self, job: &Job, near: Slot, missed: u8, new: bool, trip: Trip) -> Turn {
        let slot = near.from;
        if self.is_near(slot, trip) {
            return Turn::At(near);
        }
        let wait = self.ambient.now().until(slot);
        // Whole seconds, rounded down: early is on time.
        let delay = Duration::from_secs(wait.saturating_sub(LEAD).as_secs());
        match new {
            // A woken copy must be gone long before its lease ends, and another one comes.
            true if delay > if job.envelope.woken.is_some() { LEASE / 4 } else { LONGEST_DELAY } => Turn::Parked(slot),
            true => Turn::Later(Fate::Moved { slot: Some(slot), missed, delay }),
            false => Turn::Later(self.later(job, delay.max(SOON))),
        }
    }
}

/// How late a request may be for its time.
fn late(endpoint: &Endpoint, application: Option<u16>) -> Duration {
    (interval(endpoint.throttle_rate.or(application)) / 2).clamp(LATE.0, LATE.1)
}

/// Until when the request may begin that has missed so many times before.
fn last(slot: Time, late: Duration, missed: u8) -> Time {
    slot.plus(if missed < MOST_MISSED { late } else { HORIZON })
}

fn interval(rate: Option<u16>) -> Duration {
    Duration::from_secs(1) / u32::from(rate.unwrap_or(1).max(1))
}

fn spread(times: &mut [Time], first: Time, interval: Duration) {
    let mut slot = first;
    for time in times {
        *time = slot.max(*time);
        slot = slot.plus(interval);
    }
}

/// The time a job has, if it still counts: it is not over, and no attempt was made at it.
fn standing(job: &Job, known: &Known, now: Time, late: Duration) -> Option<Time> {
    let slot = job.envelope.slot?;
    let last = known.deliveries.get(&job.key()).and_then(|record| record.attempts.last());
    let used = last.is_some_and(|attempt| attempt.at.plus(late) >= slot);
    (!used && now <= self::last(slot, late, job.envelope.missed)).then_some(slot)
}
