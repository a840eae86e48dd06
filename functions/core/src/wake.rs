//! Waking parked deliveries: those that are due go back to the queue, and valves that are due let through what they may.
//!
//! Runs every minute, may run twice at once, and may die at any `.await`. A delivery is taken by moving its due time
//! ahead under a condition (the lease): of two that try, one succeeds. Dying between that and the queue costs the
//! delivery one lease, never more. The envelope names the record's revision, which the lease leaves as it is: whichever
//! copy is recorded first makes all others of that parking leftovers, and they are dropped ([`crate::deliver`]).
//!
//! Everything that is woken goes to the retry queue: it has failed before, or its endpoint has.

mod release;

use std::time::Duration;

use futures::{StreamExt as _, future::join_all, stream};

use crate::{
    delivery::{Delivery, Reason, State},
    ids::{Id as _, MessageId},
    message::{Content, Envelope, Message},
    metric::Metric,
    ports::{Ambient, DeliveryKey, Due, LANES, Outbox, Parcel, Parking, Unavailable, Way, chain},
    time::Time,
};

/// A woken delivery that is not attempted within this long is woken again: much longer than a queue message is delayed
/// or a backlog takes, for another copy of what is only late makes a backlog worse.
pub const LEASE: Duration = Duration::from_mins(30);
/// Keys read at a time.
const PAGE: usize = 100;
/// Valves looked at at once.
const VALVES: usize = 4;
/// Deliveries taken at a time, each with a payload of up to 256 KiB: all lanes' together must fit the memory.
const CHUNK: usize = 10;

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Deliveries sent back to the queue.
    pub woken: usize,
    /// Deliveries whose message has expired or has no content any more.
    pub canceled: usize,
    /// How long the one that waited longest had been due.
    pub latest: Duration,
}

/// The use case.
#[derive(Debug)]
pub struct Waker<P, Q, A> {
    parking: P,
    queue: Q,
    ambient: A,
    /// Held deliveries of one endpoint that are let through in a second.
    releases_per_second: u32,
}

impl<P: Parking, Q: Outbox, A: Ambient> Waker<P, Q, A> {
    /// Over these ports.
    pub const fn new(parking: P, queue: Q, ambient: A, releases_per_second: u32) -> Self {
        Self { parking, queue, ambient, releases_per_second }
    }

    /// Wakes what is due, until nothing is or the deadline has come.
    pub async fn run(&self, deadline: Time) -> Result<Summary, Unavailable> {
        let lanes = join_all((0..LANES).map(|lane| self.lane(lane, deadline))).await;
        let mut total = Summary::default();
        for lane in lanes {
            total.add(lane?);
        }
        Metric::Woken.count_all(total.woken);
        Metric::OldestDueSeconds.note(total.latest.as_secs_f64());
        Ok(total)
    }

    async fn lane(&self, lane: u8, deadline: Time) -> Result<Summary, Unavailable> {
        let mut total = Summary::default();
        // Each page goes on where the last one ended: the index lags, and would show what was taken again.
        let mut from = Time::from_micros(0);
        while self.ambient.now() < deadline {
            let now = self.ambient.now();
            let due = self.parking.due(lane, from, now, PAGE).await?;
            total.latest = total.latest.max(due.first().map_or(Duration::ZERO, |(_, at)| at.until(now)));
            total.add(self.take_up(&due, now, deadline).await?);
            match due.last() {
                Some((_, last)) if due.len() == PAGE => from = (*last).max(from.plus(Duration::from_millis(1))),
                _ => break,
            }
        }
        Ok(total)
    }

    async fn take_up(&self, due: &[(Due, Time)], now: Time, deadline: Time) -> Result<Summary, Unavailable> {
        let mut total = Summary::default();
        let (mut deliveries, mut valves) = (Vec::new(), Vec::new());
        for (what, at) in due {
            match what {
                Due::Delivery(key) => deliveries.push((*key, *at)),
                Due::Valve(endpoint) => valves.push((*endpoint, *at)),
            }
        }
        // Deliveries first: a valve may let through very many.
        for chunk in deliveries.chunks(CHUNK) {
            let taken = self.take(chunk, now.plus(LEASE)).await?;
            total.add(self.wake(taken.into_iter().map(|delivery| (delivery, Duration::ZERO)).collect(), now).await?);
        }
        let looks = valves.into_iter().map(|(endpoint, at)| async move {
            // One that is not looked at keeps its time, and comes first in a minute.
            if self.ambient.now() >= deadline {
                return Summary::default();
            }
            // One valve that fails must not stop the others.
            self.look(endpoint, at, now, deadline).await.unwrap_or_else(|error| {
                tracing::error!(%endpoint, error = %chain(&error), "a valve could not be looked at");
                Summary::default()
            })
        });
        let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(VALVES);
        while let Some(released) = looks.next().await {
            total.add(released);
        }
        Ok(total)
    }

    async fn take(&self, due: &[(DeliveryKey, Time)], until: Time) -> Result<Vec<Delivery>, Unavailable> {
        collected(join_all(due.iter().map(|(key, from)| self.parking.lease(*key, *from, until))).await)
    }

    /// Sends what was taken, each after its delay.
    async fn wake(&self, taken: Vec<(Delivery, Duration)>, now: Time) -> Result<Summary, Unavailable> {
        if taken.is_empty() {
            return Ok(Summary::default());
        }
        let keys: Vec<_> = taken.iter().map(|(delivery, _)| (delivery.app, delivery.message)).collect();
        let messages = Parking::messages(&self.parking, &keys).await?;
        let (mut parcels, mut gone, mut orphans) = (Vec::new(), Vec::new(), Vec::new());
        for (delivery, delay) in taken {
            let Some(message) = messages.get(&delivery.message) else {
                orphans.push((delivery.endpoint, delivery.message));
                continue;
            };
            match (message.gone(now), envelope(&delivery, message)) {
                (None, Some(envelope)) => {
                    parcels.push(Parcel { content: Content::Delivery(envelope), way: Way::Retry, delay });
                }
                (reason, _) => gone.push((delivery, reason.unwrap_or(Reason::ContentExpunged))),
            }
        }
        self.queue.send(&parcels).await?;
        for (delivery, reason) in &mut gone {
            delivery.state = State::Canceled(*reason);
            delivery.rev += 1;
            self.parking.cancel(delivery).await?;
        }
        for key in orphans {
            self.parking.lease(key, now.plus(LEASE), orphan_due(key.1, now)).await?;
        }
        Ok(Summary { woken: parcels.len(), canceled: gone.len(), latest: Duration::ZERO })
    }
}

impl Summary {
    fn add(&mut self, other: Self) {
        self.woken += other.woken;
        self.canceled += other.canceled;
        self.latest = self.latest.max(other.latest);
    }
}

/// What was taken must be sent now, or it waits for its lease; what failed is still due.
fn collected(results: Vec<Result<Option<Delivery>, Unavailable>>) -> Result<Vec<Delivery>, Unavailable> {
    let (mut taken, mut failure) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(delivery) => taken.extend(delivery),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if taken.is_empty() => Err(error),
        _ => Ok(taken),
    }
}

/// When to look again for the message of a delivery that has none.
///
/// Its publisher has died before the commit, and whoever repeats the request stores the message after all, with the same
/// id: as long as that may be, nothing may end the delivery. So it is looked at ever more rarely, a dozen times in 90
/// days, until the record expires with the claims.
pub(crate) fn orphan_due(message: MessageId, now: Time) -> Time {
    now.plus(message.ksuid().time().until(now).max(LEASE))
}

/// The queue's form of a delivery that is recorded; none if the message's content was expunged.
pub(crate) fn envelope(delivery: &Delivery, message: &Message) -> Option<Envelope> {
    Some(Envelope {
        app: delivery.app,
        endpoint: delivery.endpoint,
        message: delivery.message,
        event_type: message.event_type.clone(),
        event_id: message.event_id.clone(),
        expires_at: message.expires_at,
        round: delivery.round,
        woken: Some(delivery.rev),
        rev: 0,
        slot: delivery.slot,
        missed: 0,
        manual: None,
        trace: message.trace,
        content_type: message.content_type.clone(),
        payload: message.payload.clone()?,
    })
}
