//! Where a message will go, and what it is.

use std::{collections::HashSet, time::Duration};

use super::Draft;
use crate::{
    claim::{Claim, LEASE},
    entity::Endpoint,
    ids::{AppId, Ksuid, MessageId},
    job::Job,
    message::{Content, Envelope, Message},
    ports::{Audience, Parcel, Way},
    time::Time,
};

/// Endpoints that a message may match to be queued before the answer; for more there is a job.
pub const INLINE: usize = 500;
/// Bytes of payload that may be queued before the answer, over all endpoints.
pub const INLINE_BYTES: usize = 64 * 1024 * 1024;

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

    pub(super) fn message(&self, id: MessageId, draft: &Draft<'_>) -> Message {
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
            fans_out: false,
        };
        let (held, open) = matching(&message, &self.audience.endpoints);
        let size = payload.len();
        message.fans_out =
            !self.audience.complete || open.len() + held.len() > INLINE || open.len() * size > INLINE_BYTES;
        if !message.fans_out {
            message.endpoints = open.iter().map(|endpoint| endpoint.id).collect();
            message.held = held.iter().map(|endpoint| endpoint.id).collect();
        }
        message
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

/// Those of the endpoints that a message is for: the disabled ones, and the others.
pub(crate) fn matching<'a>(message: &Message, endpoints: &'a [Endpoint]) -> (Vec<&'a Endpoint>, Vec<&'a Endpoint>) {
    let all = endpoints.iter().filter(|endpoint| message.is_for(endpoint));
    all.partition(|endpoint| endpoint.disabled)
}

/// The first queue message of a delivery; none of a message whose content was expunged. What is known to be slow does not
/// get among what is not.
pub(crate) fn first_parcel(message: &Message, endpoint: &Endpoint) -> Option<Parcel> {
    let envelope = Envelope::first(message, endpoint)?;
    let way = if endpoint.health.is_well() { Way::Prompt } else { Way::Retry };
    Some(Parcel { content: Content::Delivery(envelope), way, delay: Duration::ZERO })
}
