//! Where a message will go, and what it is.

use std::{collections::HashSet, time::Duration};

use super::Draft;
use crate::{
    claim::{Claim, LEASE},
    entity::Endpoint,
    filter::Event,
    ids::{AppId, EndpointId, Ksuid, MessageId},
    job::Job,
    manner::Kind,
    message::{Content, Envelope, Message},
    ports::{Audience, Parcel, Way},
    time::Time,
};

/// Endpoints that a message may match to be queued before the answer; for more there is a job.
pub const INLINE: usize = 500;
/// Bytes of payload that may be queued before the answer, over all endpoints and messages of a request.
pub const INLINE_BYTES: usize = 64 * 1024 * 1024;
/// Deliveries of all messages of a request that may be queued before the answer: two hundred requests to the queue.
const INLINE_DELIVERIES: usize = 2_000;

/// What may still be queued before the answer.
pub(super) struct Room {
    deliveries: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { deliveries: INLINE_DELIVERIES, bytes: INLINE_BYTES }
    }
}

impl Room {
    /// Takes so much of it, if there is so much.
    fn take(&mut self, deliveries: usize, bytes: usize) -> bool {
        let fits = deliveries <= self.deliveries && bytes <= self.bytes;
        if fits {
            self.deliveries -= deliveries;
            self.bytes -= bytes;
        }
        fits
    }
}

/// What is known when a request begins.
pub(super) struct Plan {
    pub(super) now: Time,
    pub(super) audience: Audience,
}

impl Plan {
    pub(super) const fn app(&self) -> AppId {
        self.audience.application.id
    }

    pub(super) fn claim(&self, id: Ksuid, fingerprint: &str, expires_at: Time) -> Claim {
        let lease = self.now.plus(LEASE);
        Claim { id, fingerprint: fingerprint.to_owned(), lease, expires_at, answer: None }
    }

    pub(super) fn expires_at(&self, draft: &Draft<'_>) -> Time {
        let days = u64::try_from(draft.payload_retention_period).unwrap_or(0);
        self.now.plus(Duration::from_secs(days * 86_400))
    }

    /// The message, for which there may be room to queue it before the answer, and the pollers that it is announced to.
    pub(super) fn message(&self, id: MessageId, draft: &Draft<'_>, room: &mut Room) -> (Message, Vec<EndpointId>) {
        let (payload, content_type) = draft.content();
        let channels = draft.channels.clone().map(|mut channels| {
            channels.sort();
            channels.dedup();
            channels
        });
        let mut message = Message {
            id,
            app: self.app(),
            event_type: draft.event_type.clone(),
            event_id: draft.event_id.clone(),
            channels,
            payload: Some(payload.into()),
            content_type,
            at: self.now,
            expires_at: self.expires_at(draft),
            endpoints: Vec::new(),
            held: Vec::new(),
            also: Vec::new(),
            trace: draft.trace,
            fans_out: false,
        };
        let found = matching(&message, &self.audience.endpoints);
        message.fans_out = !self.audience.complete
            || found.count() > INLINE
            || !room.take(found.open.len() + found.pollers.len(), found.open.len() * payload.len());
        if message.fans_out {
            return (message, Vec::new());
        }
        message.endpoints = found.open.iter().map(|endpoint| endpoint.id).collect();
        message.held = found.held;
        (message, found.pollers)
    }

    pub(super) fn parcels(&self, message: &Message) -> Vec<Parcel> {
        let open: HashSet<_> = message.endpoints.iter().collect();
        let endpoints = self.audience.endpoints.iter().filter(|endpoint| open.contains(&endpoint.id));
        endpoints.filter_map(|endpoint| first_parcel(message, endpoint)).collect()
    }

    pub(super) const fn job(&self, message: &Message) -> Job {
        Job::FanOut { app: message.app, message: message.id, since: self.now }
    }
}

/// The endpoints that a message is for.
#[derive(Debug, Default)]
pub(crate) struct Matching<'a> {
    /// It is queued for them.
    pub(crate) open: Vec<&'a Endpoint>,
    /// They are disabled.
    pub(crate) held: Vec<EndpointId>,
    /// It is announced to them, disabled or not.
    pub(crate) pollers: Vec<EndpointId>,
}

impl Matching<'_> {
    const fn count(&self) -> usize {
        self.open.len() + self.held.len() + self.pollers.len()
    }
}

/// Those of the endpoints that a message is for.
pub(crate) fn matching<'a>(message: &Message, endpoints: &'a [Endpoint]) -> Matching<'a> {
    let (event, mut found) = (Event::of(message), Matching::default());
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.matches(&event)) {
        match (endpoint.delivery.kind, endpoint.disabled) {
            (Kind::Poller, _) => found.pollers.push(endpoint.id),
            (Kind::Http, true) => found.held.push(endpoint.id),
            (Kind::Http, false) => found.open.push(endpoint),
        }
    }
    found
}

/// The first queue message of a delivery; none of a message whose content was expunged. What is known to be slow does not
/// get among what is not.
pub(crate) fn first_parcel(message: &Message, endpoint: &Endpoint) -> Option<Parcel> {
    let envelope = Envelope::first(message, endpoint)?;
    let way = if endpoint.health.is_well() { Way::Prompt } else { Way::Retry };
    Some(Parcel { content: Content::Delivery(envelope), way, delay: Duration::ZERO })
}
