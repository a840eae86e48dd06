//! Several events in one request.
//!
//! The deliveries of an endpoint that wants this are held; a flush sends them, up to its number in one request, and goes on
//! until none is left. One function at a time does it (the valve's lock), so that no event is in two requests. All events
//! of a request are delivered, or none is; each keeps a record of its own, and those that failed are held again when their
//! next attempt is due.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use futures::{StreamExt as _, future, stream};

use super::{
    Courier, Fate, Queues, Received, SOON, Store, Trip,
    attempt::{Attempted, ended},
    dispose::letter,
    request::{Authorization, Moment, record_of},
    settle::key_of,
};
use crate::{
    compose::Event,
    delivery::{Attempt, Delivery, FaultClass, State},
    entity::Endpoint,
    ids::{AttemptId, Id as _},
    manner::Batching,
    message::{Content, Flush, Message},
    metric::{self, Metric},
    open::Opened,
    outbound::Sender,
    ports::{Ambient, DeliveryKey, Keys, Known, LONGEST_DELAY, Parcel, Unavailable, Way, chain},
    publish::COMMIT_GRACE,
    time::Time,
    trace,
    wake::{envelope, orphan_due},
};

/// Flushes at once: each may hold some tens of megabytes.
const AT_ONCE: usize = 2;
/// Payloads of one request together, unless it is a single one: many receivers take no more than a megabyte.
const MOST_BYTES: usize = 512 * 1024;

/// Messages read at a time, each with a payload of up to 256 KiB.
const READ_AT_ONCE: usize = 25;

/// What was found behind the keys that the index shows.
#[derive(Default)]
struct Found {
    /// What one request takes.
    events: Vec<(Delivery, Message)>,
    /// What has no message, as it is to be recorded.
    without: Vec<Delivery>,
    /// So many of the keys are attended to.
    looked_at: usize,
}

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
        let work = flushes.iter().map(|(flush, received)| async {
            match self.flush(*flush, trip).await {
                Ok(()) => None,
                Err(error) => {
                    Metric::Undone.count();
                    tracing::error!(endpoint = %flush.endpoint, error = %chain(&error), "a flush failed; it comes again");
                    Some(received.id.clone())
                }
            }
        });
        stream::iter(work.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).filter_map(future::ready).collect().await
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
            let done = self.empty(&endpoint, batch, (probe, flush.slot), &known, trip).await;
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
        (probe, mut slot): (bool, Option<Time>),
        known: &Known,
        trip: Trip,
    ) -> Result<(), Unavailable> {
        // The index goes on showing for a while what is held no more.
        let mut seen = BTreeSet::new();
        while self.budget(self.ambient.now(), trip.deadline).is_some() {
            let wanted = usize::from(batch.max_events) + seen.len();
            let shown = self.store.held(endpoint.id, wanted).await?;
            seen.retain(|key| shown.contains(key));
            let unseen = shown.iter().filter(|key| !seen.contains(*key)).copied();
            let keys: Vec<_> = unseen.take(usize::from(batch.max_events)).collect();
            let found = self.events(endpoint, &keys).await?;
            seen.extend(&keys[..found.looked_at]);
            for delivery in found.without {
                let state = delivery.state;
                self.record(&ended(delivery, state, false)).await;
            }
            if found.events.is_empty() {
                if shown.len() < wanted {
                    return Ok(());
                }
                continue;
            }
            let Ok(opened) = self.opened(endpoint).await else { return Ok(()) };
            let Some(timeout) = self.budget(self.ambient.now(), trip.deadline) else { break };
            let authorization = self.authorization(endpoint, &opened, timeout).await;
            match self.flush_turn(endpoint, slot.take(), known, trip).await? {
                Ok(Some(near)) if !self.await_turn(near).await => {
                    seen.retain(|key| !found.events.iter().any(|(delivery, _)| key_of(delivery) == *key));
                    continue;
                }
                Ok(_) => {}
                Err((wait, slot)) => return self.flush_later(endpoint, wait, slot).await,
            }
            let call = Ready { endpoint, opened, authorization, probe };
            if !self.send_events(call, found.events, known, trip).await? {
                return Ok(());
            }
        }
        // What is left should not wait for the scheduler.
        self.flush_later(endpoint, SOON, None).await
    }

    /// Asks for a flush after that long.
    pub(super) async fn flush_later(
        &self,
        endpoint: &Endpoint,
        wait: Duration,
        slot: Option<Time>,
    ) -> Result<(), Unavailable> {
        let content = Content::Flush(Flush { app: endpoint.app, endpoint: endpoint.id, slot });
        self.queues.send(&[Parcel { content, way: Way::Retry, delay: wait.min(LONGEST_DELAY) }]).await
    }

    /// What is really held of what the index says, as much as one request takes.
    async fn events(&self, endpoint: &Endpoint, keys: &[DeliveryKey]) -> Result<Found, Unavailable> {
        let mut found = Found::default();
        if keys.is_empty() {
            return Ok(found);
        }
        let known = self.store.load(keys, &[]).await?;
        let (now, mut messages, mut bytes) = (self.ambient.now(), HashMap::new(), 0);
        for (nth, key) in keys.iter().enumerate() {
            if nth % READ_AT_ONCE == 0 {
                let chunk = keys[nth..].iter().take(READ_AT_ONCE);
                let wanted: Vec<_> = chunk.map(|(_, message)| (endpoint.app, *message)).collect();
                messages = self.store.messages(&wanted).await?;
            }
            let message = messages.remove(&key.1);
            bytes += message.as_ref().and_then(|message| message.payload.as_ref()).map_or(0, |payload| payload.len());
            if bytes > MOST_BYTES && !found.events.is_empty() {
                break;
            }
            found.looked_at += 1;
            let Some(delivery) = known.deliveries.get(key).filter(|is| matches!(is.state, State::Held { .. })) else {
                continue;
            };
            let next = Delivery { rev: delivery.rev + 1, ..delivery.clone() };
            match message {
                Some(message) => match message.gone(now) {
                    None => found.events.push((next, message)),
                    Some(reason) => found.without.push(Delivery { state: State::Canceled(reason), ..next }),
                },
                // It may be stored any moment.
                None if key.1.ksuid().time().plus(COMMIT_GRACE) > now => {}
                None => {
                    let state = State::Waiting { due: orphan_due(key.1, now), parked: true };
                    found.without.push(Delivery { state, ..next });
                }
            }
        }
        Ok(found)
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
        let contents: Vec<_> = events.iter().filter_map(|(_, message)| Event::of(message)).collect();
        let sent = self.send_batch(endpoint, &opened, authorization, &contents, Moment { at, timeout }).await;
        let first = AttemptId::new(at, self.ambient.random(), endpoint.id);
        let (model, exchange) = record_of(sent, first, at, &endpoint.url);
        metric::attempted(&model);
        let again = events.iter().any(|(delivery, _)| delivery.tries > 0);
        let (wish, lesson) = self.learn(endpoint, &exchange, probe, again);
        let (mut worked, mut letters) = (Vec::with_capacity(events.len()), Vec::new());
        for (nth, (mut delivery, message)) in events.into_iter().enumerate() {
            let attempt = Attempt { id: self.attempt_id(&delivery, at), ..model.clone() };
            let succeeded = attempt.succeeded();
            trace::attempted(message.trace, message.id, endpoint, &attempt);
            delivery.add(attempt);
            // No queue message stands for it: whatever it waits for, the scheduler keeps it.
            let mut outcome =
                if succeeded { ended(delivery, State::Succeeded, true) } else { self.failed(delivery, wish, u32::MAX) };
            outcome.event_id.clone_from(&message.event_id);
            if let (Fate::Buried(reason), Some(envelope)) = (outcome.fate, envelope(&outcome.delivery, &message)) {
                letters.push(letter(&envelope, reason));
            }
            worked.push((nth, Ok(Attempted { outcome, lesson: lesson.clone(), endpoint: Some(endpoint.clone()) })));
        }
        tracing::info!(
            endpoint = %endpoint.id, app = %endpoint.app, status = model.status,
            fault = model.fault.map(FaultClass::as_str), duration_ms = model.millis, events = worked.len(),
            failed = (!model.succeeded()).then_some(true),
            "attempted several at once"
        );
        // Buried before it is recorded: nothing would come back to bury it later.
        if !letters.is_empty() {
            self.queues.bury(&letters).await?;
            Metric::DeadLettered.count_all(letters.len());
        }
        // What could not be recorded is still held and sent again later: let there be no more of that.
        let recorded = self.settle(worked, known).await.iter().all(|(_, fate)| *fate != Fate::Failed);
        Ok(model.succeeded() && recorded)
    }
}
