//! Building the request of a delivery: body, headers and signature, as the endpoint wants them. Pure.
//!
//! Headers are added in the order of their rank, and the first of a name stands: ours, then the authorization, then the
//! customer's own, so that none of theirs ever replaces one of ours, whatever was stored. The signature is made over
//! the very bytes that are sent.

use std::{sync::Arc, time::Duration};

use crate::{
    authorize::Header,
    entity::Endpoint,
    ids::{Id as _, MessageId},
    manner::Format,
    message::{Envelope, Message},
    outbound::Outbound,
    secret::SigningSecret,
    sign,
    time::Time,
    trace::{self, TraceParent},
};

mod body;
#[cfg(test)]
pub(crate) mod tests;

pub use body::batch_id;

const JSON: &str = "application/json";
const CLOUD_EVENT: &str = "application/cloudevents+json";
const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

/// What the requests of a deployment have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `user-agent` of every request.
    pub user_agent: String,
    /// The header that names the event type, where the endpoint names none.
    pub event_type_header: String,
    /// `CloudEvents`' `source` is this, a slash, and the application's id. May be empty.
    pub source: String,
}

/// An event to deliver.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The message; its id tells when it was published.
    pub id: MessageId,
    /// What happened.
    pub event_type: &'a str,
    /// Of a raw payload; the others are JSON.
    pub content_type: Option<&'a str>,
    /// As it was published.
    pub payload: &'a Arc<str>,
    /// Told to the receiver, where it is delivered alone.
    pub trace: Option<TraceParent>,
}

impl Event<'_> {
    /// When it was published. Of the id, so that it is the same on every attempt, wherever the event was read from.
    pub fn at(&self) -> Time {
        self.id.ksuid().time()
    }
}

impl<'a> From<&'a Envelope> for Event<'a> {
    fn from(envelope: &'a Envelope) -> Self {
        let Envelope { message, event_type, content_type, payload, trace, .. } = envelope;
        Self { id: *message, event_type, content_type: content_type.as_deref(), payload, trace: *trace }
    }
}

impl<'a> Event<'a> {
    /// Of a stored message, unless its content was expunged.
    pub fn of(message: &'a Message) -> Option<Self> {
        let Message { id, event_type, content_type, payload, trace, .. } = message;
        let payload = payload.as_ref()?;
        Some(Self { id: *id, event_type, content_type: content_type.as_deref(), payload, trace: *trace })
    }
}

/// A request to be made: to whom, when, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The deployment's.
    pub settings: &'a Settings,
    /// Where to, and how.
    pub endpoint: &'a Endpoint,
    /// The keys that sign now, the current one first.
    pub secrets: &'a [SigningSecret],
    /// See [`crate::authorize`].
    pub authorization: Option<&'a Header>,
    /// Where the receiver confirms it.
    pub confirm_url: Option<&'a str>,
    /// The time of this attempt.
    pub at: Time,
    /// For the whole exchange.
    pub timeout: Duration,
}

impl Call<'_> {
    /// The request with one event.
    pub fn event(&self, event: &Event<'_>) -> Outbound {
        let format = self.endpoint.delivery.format;
        let (kind, body) = match format {
            Format::CloudEventsStructured => (CLOUD_EVENT, body::cloud_event(event, &self.source())),
            Format::AsPublished | Format::CloudEventsBinary => {
                (event.content_type.unwrap_or(JSON), Arc::clone(event.payload).into())
            }
        };
        let mut headers = self.ours(kind, &event.id.to_string(), &body);
        headers.add(self.event_type_header(), event.event_type);
        if let Some(trace) = event.trace {
            headers.add(trace::HEADER, &trace.to_string());
        }
        if format == Format::CloudEventsBinary {
            for (name, value) in body::attributes(event, &self.source()) {
                headers.add(name, &body::encoded(&value));
            }
        }
        self.outbound(headers, body)
    }

    /// The request with several events; none of them in `CloudEvents`' binary form, which knows no batches.
    pub fn batch(&self, events: &[Event<'_>]) -> Outbound {
        let (kind, body) = match self.endpoint.delivery.format {
            Format::AsPublished => (JSON, body::array(events)),
            Format::CloudEventsStructured | Format::CloudEventsBinary => {
                (CLOUD_EVENTS, body::cloud_events(events, &self.source()))
            }
        };
        let id = batch_id(events.iter().map(|event| event.id));
        self.outbound(self.ours(kind, &id, &body), body)
    }

    /// A URI reference (`CloudEvents` 1.0.2, "source").
    fn source(&self) -> String {
        format!("{}/{}", self.settings.source.trim_end_matches('/'), self.endpoint.app)
    }

    fn event_type_header(&self) -> &str {
        self.endpoint.delivery.event_type_header.as_deref().unwrap_or(&self.settings.event_type_header)
    }

    fn ours(&self, kind: &str, id: &str, body: &[u8]) -> Headers {
        let mut headers = Headers::default();
        headers.add("content-type", kind);
        headers.add("user-agent", &self.settings.user_agent);
        for (name, value) in sign::headers(self.secrets, id, self.at, body) {
            headers.add(name, &value);
        }
        if let Some(url) = self.confirm_url {
            headers.add("webhook-confirm-url", url);
        }
        // Before the event type's header: without it the receiver would refuse.
        if let Some((name, value)) = self.authorization {
            headers.add(name, value);
        }
        headers
    }

    fn outbound(&self, mut headers: Headers, body: Arc<[u8]>) -> Outbound {
        for (name, value) in self.endpoint.headers.iter().filter(|(name, _)| !self.is_reserved(name)) {
            headers.add(name, value);
        }
        let Endpoint { url, delivery, .. } = self.endpoint;
        Outbound { method: delivery.method, url: url.clone(), headers: headers.0, body, timeout: self.timeout }
    }

    /// Names that are ours even where this request does not have them.
    fn is_reserved(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let cloud_events = self.endpoint.delivery.format != Format::AsPublished;
        name.starts_with("webhook-")
            || matches!(name.as_str(), "content-length" | "host")
            || name.eq_ignore_ascii_case(self.event_type_header())
            || cloud_events && name.starts_with("ce-")
    }
}

/// The first of a name stands.
#[derive(Default)]
struct Headers(Vec<(String, String)>);

impl Headers {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.iter().any(|(there, _)| there.eq_ignore_ascii_case(name)) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }
}
