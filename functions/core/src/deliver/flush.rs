//! Several events in one request.
//!
//! The deliveries of an endpoint that wants this are held; a flush sends them, up to its number in one request, and goes on
//! until none is left. One function at a time does it (the valve's lock), so that no event is in two requests. All events
//! of a request are delivered, or none is; each keeps a record of its own, and those that failed are held again when their
//! next attempt is due.

use std::time::Duration;

use futures::future::join_all;

use super::{
    Courier, Fate, Queues, Received, SOON, Store, Trip,
    attempt::{Attempted, ended},
    dispose::letter,
    request::{Authorization, Moment, Opened, record_of},
};
use crate::{
    compose::Event,
    delivery::{Attempt, Delivery, Reason, State},
    entity::Endpoint,
    ids::{AttemptId, Id as _},
    manner::Batching,
    message::{Content, Flush, Message},
    outbound::Sender,
    ports::{Ambient, DeliveryKey, Keys, Known, LONGEST_DELAY, Parcel, Unavailable, Way, chain},
    publish::COMMIT_GRACE,
    wake::{envelope, orphan_due},
};

/// What a request needs.
struct Ready<'a> {
    endpoint: &'a Endpoint,
    opened: Opened,
    authorization: Authorization,
    probe: bool,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Flushes; gives the ids of the queue messages that must come back.
    pub(super) async fn flush_all(&self, flushes: &[(Flush, Received)], trip: Trip) -> Vec<String> {
        let done = join_all(flushes.iter().map(|(flush, received)| async {
            match self.flush(*flush, trip).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(endpoint = %flush.endpoint, error = %chain(&error), "a flush failed; it comes again");
                    Some(received.id.clone())
                }
            }
        }));
        done.await.into_iter().flatten().collect()
    }

    async fn flush(&self, flush: Flush, trip: Trip) -> Result<(), Unavailable> {
        let known = self.store.load(&[], &[(flush.app, flush.endpoint)]).await?;
        self.remember(&known, self.ambient.now());
        let Some(endpoint) = known.endpoints.get(&flush.endpoint) else { return Ok(()) };
        let Some(batch) = endpoint.delivery.batch.filter(|_| !endpoint.delivery.paused && !endpoint.disabled) else {
            return Ok(());
        };
        let now = self.ambient.now();
        let (endpoint, probe) = match endpoint.health.circuit(now) {
            None => (endpoint.clone(), false),
            Some(open) if open.until > now => return Ok(()),
            Some(_) => match self.claim_probe(endpoint, trip.deadline).await {
                Some(claimed) => (claimed, true),
                None => return Ok(()),
            },
        };
        let until = trip.deadline.plus(SOON);
        if self.store.lock(endpoint.id, now, until).await? {
            let done = self.empty(&endpoint, batch, probe, &known, trip).await;
            self.store.unlock(endpoint.id, until).await;
            done?;
        }
        Ok(())
    }

    /// Request after request, until nothing is held, one has failed, or the time is over.
    async fn empty(
        &self,
        endpoint: &Endpoint,
        batch: Batching,
        probe: bool,
        known: &Known,
        trip: Trip,
    ) -> Result<(), Unavailable> {
        while self.budget(self.ambient.now(), trip.deadline).is_some() {
            let keys = self.store.held(endpoint.id, usize::from(batch.max_events)).await?;
            let (events, without) = self.events(endpoint, &keys).await?;
            for delivery in without {
                let state = delivery.state;
                self.record(&ended(delivery, state, false)).await;
            }
            if events.is_empty() {
                break;
            }
            let Ok(opened) = self.opened(endpoint).await else { break };
            let Some(timeout) = self.budget(self.ambient.now(), trip.deadline) else { break };
            let authorization = self.authorization(endpoint, &opened, timeout).await;
            match self.flush_turn(endpoint, known, trip).await? {
                Ok(Some(slot)) if !self.await_turn(slot).await => continue,
                Ok(_) => {}
                Err(wait) => return self.flush_later(endpoint, wait).await,
            }
            let call = Ready { endpoint, opened, authorization, probe };
            if !self.send_events(call, events, known, trip).await? {
                break;
            }
        }
        Ok(())
    }

    /// Asks for a flush after that long.
    pub(super) async fn flush_later(&self, endpoint: &Endpoint, wait: Duration) -> Result<(), Unavailable> {
        let content = Content::Flush(Flush { app: endpoint.app, endpoint: endpoint.id });
        self.queues.send(&[Parcel { content, way: Way::Retry, delay: wait.min(LONGEST_DELAY) }]).await
    }

    /// What is really held of what the index says, with its messages; and what has no message, as it is to be recorded.
    async fn events(
        &self,
        endpoint: &Endpoint,
        keys: &[DeliveryKey],
    ) -> Result<(Vec<(Delivery, Message)>, Vec<Delivery>), Unavailable> {
        if keys.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let wanted: Vec<_> = keys.iter().map(|(_, message)| (endpoint.app, *message)).collect();
        let known = self.store.load(keys, &[]).await?;
        let mut messages = self.store.messages(&wanted).await?;
        let now = self.ambient.now();
        let (mut events, mut without) = (Vec::new(), Vec::new());
        for key in keys {
            let Some(delivery) = known.deliveries.get(key).filter(|is| matches!(is.state, State::Held { .. })) else {
                continue;
            };
            let next = Delivery { rev: delivery.rev + 1, ..delivery.clone() };
            match messages.remove(&key.1) {
                Some(message) if !message.has_expired(now) => events.push((next, message)),
                Some(_) => without.push(Delivery { state: State::Canceled(Reason::MessageGone), ..next }),
                // It may be stored any moment.
                None if key.1.ksuid().time().plus(COMMIT_GRACE) > now => {}
                None => {
                    let state = State::Waiting { due: orphan_due(key.1, now), parked: true };
                    without.push(Delivery { state, ..next });
                }
            }
        }
        Ok((events, without))
    }

    /// One request with all of them; whether it succeeded.
    async fn send_events(
        &self,
        Ready { endpoint, opened, authorization, probe }: Ready<'_>,
        events: Vec<(Delivery, Message)>,
        known: &Known,
        trip: Trip,
    ) -> Result<bool, Unavailable> {
        let at = self.ambient.now();
        let Some(timeout) = self.budget(at, trip.deadline) else { return Ok(false) };
        let contents: Vec<_> = events.iter().map(|(_, message)| Event::from(message)).collect();
        let sent = self.send_batch(endpoint, &opened, authorization, &contents, Moment { at, timeout }).await;
        let first = AttemptId::new(at, self.ambient.random(), endpoint.id);
        let (model, exchange) = record_of(sent, first, at, &endpoint.url);
        let again = events.iter().any(|(delivery, _)| delivery.tries > 0);
        let (wish, lesson) = self.learn(endpoint, &exchange, probe, again);
        let (mut worked, mut letters) = (Vec::with_capacity(events.len()), Vec::new());
        for (nth, (mut delivery, message)) in events.into_iter().enumerate() {
            let attempt = Attempt { id: self.attempt_id(&delivery, at), ..model.clone() };
            let succeeded = attempt.succeeded();
            delivery.add(attempt);
            // No queue message stands for it: whatever it waits for, the scheduler keeps it.
            let mut outcome =
                if succeeded { ended(delivery, State::Succeeded, true) } else { self.failed(delivery, wish, u32::MAX) };
            outcome.event_id.clone_from(&message.event_id);
            if let Fate::Buried(reason) = outcome.fate {
                letters.push(letter(&envelope(&outcome.delivery, &message), reason));
            }
            worked.push((nth, Ok(Attempted { outcome, lesson: lesson.clone(), endpoint: Some(endpoint.clone()) })));
        }
        tracing::info!(endpoint = %endpoint.id, events = worked.len(), "attempted several at once");
        // Buried before it is recorded: nothing would come back to bury it later.
        if !letters.is_empty() {
            self.queues.bury(&letters).await?;
        }
        self.settle(worked, known).await;
        Ok(model.succeeded())
    }
}
