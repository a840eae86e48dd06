//! Waking parked deliveries: those that are due go back to the queue.
//!
//! Runs every minute, may run twice at once, and may die at any `.await`. A delivery is taken by moving its due time
//! ahead under a condition (the lease): of two that try, one succeeds. Dying between that and the queue costs the
//! delivery one lease, never more. The envelope names the record's revision, which the lease leaves as it is: whichever
//! copy is recorded first makes all others of that parking leftovers, and they are dropped ([`crate::deliver`]).

use std::time::Duration;

use futures::future::join_all;

use crate::{
    delivery::{Delivery, Reason, State},
    ids::Id as _,
    message::{Envelope, Message},
    ports::{Ambient, LANES, Outbox, Parking, Unavailable},
    time::Time,
};

/// A woken delivery that is not attempted within this long is woken again.
pub const LEASE: Duration = Duration::from_mins(10);
/// A message is stored moments after its deliveries are queued; younger ones may still come.
const COMMIT_GRACE: Duration = Duration::from_mins(2);
/// Keys read at a time.
const PAGE: usize = 100;
/// Deliveries taken at a time, each with a payload of up to 256 KiB: all lanes' together must fit the memory.
const CHUNK: usize = 10;

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Deliveries sent back to the queue.
    pub woken: usize,
    /// Deliveries whose message is gone.
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
}

impl<P: Parking, Q: Outbox, A: Ambient> Waker<P, Q, A> {
    /// Over these ports.
    pub const fn new(parking: P, queue: Q, ambient: A) -> Self {
        Self { parking, queue, ambient }
    }

    /// Wakes what is due, until nothing is or the deadline has come.
    pub async fn run(&self, deadline: Time) -> Result<Summary, Unavailable> {
        let lanes = join_all((0..LANES).map(|lane| self.lane(lane, deadline))).await;
        let mut total = Summary::default();
        for lane in lanes {
            let lane = lane?;
            total.woken += lane.woken;
            total.canceled += lane.canceled;
            total.latest = total.latest.max(lane.latest);
        }
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
            for chunk in due.chunks(CHUNK) {
                let taken = self.take(chunk, now.plus(LEASE)).await?;
                let (woken, canceled) = self.wake(taken, now).await?;
                total.woken += woken;
                total.canceled += canceled;
            }
            match due.last() {
                Some((_, last)) if due.len() == PAGE => from = (*last).max(from.plus(Duration::from_millis(1))),
                _ => break,
            }
        }
        Ok(total)
    }

    async fn take(
        &self,
        due: &[((crate::ids::EndpointId, crate::ids::MessageId), Time)],
        until: Time,
    ) -> Result<Vec<Delivery>, Unavailable> {
        let results = join_all(due.iter().map(|(key, from)| self.parking.lease(*key, *from, until))).await;
        let (mut taken, mut failure) = (Vec::new(), None);
        for result in results {
            match result {
                Ok(delivery) => taken.extend(delivery),
                Err(error) => failure = Some(error),
            }
        }
        // What was taken must be sent now, or it waits for its lease; what failed is still due.
        match failure {
            Some(error) if taken.is_empty() => Err(error),
            _ => Ok(taken),
        }
    }

    async fn wake(&self, taken: Vec<Delivery>, now: Time) -> Result<(usize, usize), Unavailable> {
        if taken.is_empty() {
            return Ok((0, 0));
        }
        let keys: Vec<_> = taken.iter().map(|delivery| (delivery.app, delivery.message)).collect();
        let messages = self.parking.messages(&keys).await?;
        let (mut envelopes, mut gone) = (Vec::new(), Vec::new());
        for delivery in taken {
            match messages.get(&delivery.message).filter(|message| !message.has_expired(now)) {
                Some(message) => envelopes.push(envelope(&delivery, message)),
                None if delivery.message.ksuid().time().plus(COMMIT_GRACE) < now => gone.push(delivery),
                None => {}
            }
        }
        self.queue.send(&envelopes).await?;
        for delivery in &mut gone {
            delivery.state = State::Canceled(Reason::MessageGone);
            delivery.rev += 1;
            self.parking.cancel(delivery).await?;
        }
        Ok((envelopes.len(), gone.len()))
    }
}

fn envelope(delivery: &Delivery, message: &Message) -> Envelope {
    Envelope {
        app: delivery.app,
        endpoint: delivery.endpoint,
        message: delivery.message,
        event_type: message.event_type.clone(),
        expires_at: message.expires_at,
        round: delivery.round,
        woken: Some(delivery.rev),
        rev: 0,
        payload: message.payload.clone(),
    }
}
