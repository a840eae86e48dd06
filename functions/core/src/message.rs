//! A published event, and the form in which its deliveries travel through the queue.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    delivery::Reason,
    entity::Endpoint,
    filter::Event,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    time::Time,
    trace::TraceParent,
};

/// A published event as it is stored. That it is stored is the mark that it was accepted (see [`crate::publish`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identifier; carries the time of publication.
    pub id: MessageId,
    /// Whose it is.
    pub app: AppId,
    /// What happened.
    pub event_type: String,
    /// The producer's own id for it, unique in the application while the message is kept.
    pub event_id: Option<String>,
    /// Restricts it to endpoints with one of these channels, and those without any.
    pub channels: Option<Vec<String>>,
    /// The JSON text exactly as it was published, or the raw payload; unset once its content was expunged.
    pub payload: Option<Arc<str>>,
    /// Of a raw payload; the others are JSON.
    pub content_type: Option<String>,
    /// When it was published.
    pub at: Time,
    /// It is gone from then on, whether the store has removed it yet or not.
    pub expires_at: Time,
    /// The endpoints it was queued for.
    pub endpoints: Vec<EndpointId>,
    /// The endpoints it matched that were disabled: not sent, not forgotten.
    pub held: Vec<EndpointId>,
    /// Endpoints that it was sent to afterwards, because somebody asked for it.
    pub also: Vec<EndpointId>,
    /// The producer's trace, if it has told one.
    pub trace: Option<TraceParent>,
    /// It is for so many endpoints that a job queues it ([`crate::job::Job::FanOut`]); the job's pages name them.
    pub fans_out: bool,
}

impl Message {
    /// Whether the endpoint subscribes to what it is; whether it is enabled is another question.
    pub fn is_for(&self, endpoint: &Endpoint) -> bool {
        endpoint.matches(&Event::of(self))
    }

    /// Whether it has outlived its retention.
    pub fn has_expired(&self, now: Time) -> bool {
        self.expires_at <= now
    }

    /// Why nothing of it can be sent any more, if that is so.
    pub fn gone(&self, now: Time) -> Option<Reason> {
        match self.payload {
            _ if self.has_expired(now) => Some(Reason::MessageGone),
            None => Some(Reason::ContentExpunged),
            Some(_) => None,
        }
    }
}

/// A delivery on its way: everything that an attempt needs besides the endpoint's configuration, so that a first
/// attempt reads no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The application.
    pub app: AppId,
    /// Where to.
    pub endpoint: EndpointId,
    /// What.
    pub message: MessageId,
    /// The message's event type.
    pub event_type: String,
    /// The producer's own id for the message.
    pub event_id: Option<String>,
    /// The message's expiry; its record expires with it.
    pub expires_at: Time,
    /// Grows by one each time the delivery is buried in the dead-letter queue: a redriven copy carries a later round
    /// than the record, a stale duplicate does not.
    pub round: u32,
    /// Set by the scheduler: the record's revision when it took the delivery out of the parking. A copy that is not of
    /// the record's present revision is a leftover.
    pub woken: Option<u64>,
    /// The endpoint's revision when this was queued: older cached configuration must not be used.
    pub rev: u64,
    /// The time that was reserved for it under a rate limit.
    pub slot: Option<Time>,
    /// How often it came too late for its slot.
    pub missed: u8,
    /// One attempt that somebody asked for, whatever the delivery's record says.
    pub manual: Option<Manual>,
    /// The producer's trace, if it has told one.
    pub trace: Option<TraceParent>,
    /// Of a raw payload; the others are JSON.
    pub content_type: Option<String>,
    /// The body to deliver.
    pub payload: Arc<str>,
}

/// An attempt that is made once, by hand: it is none of the schedule's, and decides nothing unless it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    /// Its id; a copy whose attempt is recorded already is a duplicate.
    #[serde(rename = "id")]
    pub attempt: AttemptId,
    /// Whether the queue holds the delivery besides, as far as is known: where there is no record, its first attempt is
    /// yet to come.
    #[serde(rename = "q", default)]
    pub queued: bool,
}

/// What a message of a delivery queue says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Make this delivery.
    Delivery(Envelope),
    /// Send what is held for an endpoint that takes several events in one request.
    Flush(Flush),
}

/// See [`Content::Flush`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flush {
    /// Whose.
    #[serde(rename = "flush")]
    pub app: AppId,
    /// Which endpoint.
    #[serde(rename = "ep")]
    pub endpoint: EndpointId,
    /// The time reserved for its first request, under a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Time>,
}

impl Content {
    /// Whose messages must not delay those of others.
    pub const fn endpoint(&self) -> EndpointId {
        match self {
            Self::Delivery(envelope) => envelope.endpoint,
            Self::Flush(flush) => flush.endpoint,
        }
    }

    /// The queue message's text.
    pub fn encode(&self) -> String {
        match self {
            Self::Delivery(envelope) => envelope.encode(),
            Self::Flush(flush) => serde_json::to_string(flush).unwrap_or_default(),
        }
    }

    /// Reads a queue message's text.
    pub fn decode(text: &str) -> Result<Self, NotAnEnvelope> {
        if text.starts_with("{\"flush\"") {
            return serde_json::from_str(text).map(Self::Flush).map_err(|_| NotAnEnvelope);
        }
        Envelope::decode(text).map(Self::Delivery)
    }
}

/// The envelope's JSON. The payload is embedded as it is, so that the queue bills no escapes, except where it holds
/// characters that SQS refuses.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    v: u8,
    app: AppId,
    ep: EndpointId,
    msg: MessageId,
    #[serde(rename = "type")]
    event_type: std::borrow::Cow<'a, str>,
    #[serde(rename = "eid", default, skip_serializing_if = "Option::is_none")]
    event_id: Option<std::borrow::Cow<'a, str>>,
    exp: i64,
    #[serde(default)]
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    woken: Option<u64>,
    rev: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    missed: u8,
    #[serde(rename = "hand", default, skip_serializing_if = "Option::is_none")]
    manual: Option<Manual>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceParent>,
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    content_type: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload64: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

const VERSION: u8 = 1;

/// A queue message that is not an envelope.
#[derive(Debug, thiserror::Error)]
#[error("the queue message is not a delivery")]
pub struct NotAnEnvelope;

impl Envelope {
    /// The first one of a delivery; none of a message whose content was expunged.
    pub fn first(message: &Message, endpoint: &Endpoint) -> Option<Self> {
        Some(Self {
            app: message.app,
            endpoint: endpoint.id,
            message: message.id,
            event_type: message.event_type.clone(),
            event_id: message.event_id.clone(),
            expires_at: message.expires_at,
            round: 0,
            woken: None,
            rev: endpoint.rev,
            slot: None,
            missed: 0,
            manual: None,
            trace: message.trace,
            content_type: message.content_type.clone(),
            payload: message.payload.clone()?,
        })
    }

    /// The queue message's text.
    pub fn encode(&self) -> String {
        let is_json = self.content_type.is_none();
        let raw = if is_json && self.payload.chars().all(sqs_allows) {
            serde_json::from_str(&self.payload).ok()
        } else {
            None
        };
        let wire = Wire {
            v: VERSION,
            app: self.app,
            ep: self.endpoint,
            msg: self.message,
            event_type: self.event_type.as_str().into(),
            event_id: self.event_id.as_deref().map(Into::into),
            exp: self.expires_at.secs(),
            round: self.round,
            woken: self.woken,
            rev: self.rev,
            slot: self.slot.map(Time::micros),
            missed: self.missed,
            manual: self.manual,
            trace: self.trace,
            content_type: self.content_type.as_deref().map(Into::into),
            payload: raw,
            payload64: raw.is_none().then(|| STANDARD.encode(self.payload.as_bytes())),
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a queue message's text.
    pub fn decode(text: &str) -> Result<Self, NotAnEnvelope> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|_| NotAnEnvelope)?;
        let payload = match (wire.payload, wire.payload64) {
            (Some(raw), None) => Arc::from(raw.get()),
            (None, Some(encoded)) => {
                let bytes = STANDARD.decode(encoded).map_err(|_| NotAnEnvelope)?;
                Arc::from(String::from_utf8(bytes).map_err(|_| NotAnEnvelope)?)
            }
            _ => return Err(NotAnEnvelope),
        };
        if wire.v != VERSION {
            return Err(NotAnEnvelope);
        }
        Ok(Self {
            app: wire.app,
            endpoint: wire.ep,
            message: wire.msg,
            event_type: wire.event_type.into_owned(),
            event_id: wire.event_id.map(std::borrow::Cow::into_owned),
            expires_at: Time::from_secs(wire.exp),
            round: wire.round,
            woken: wire.woken,
            rev: wire.rev,
            slot: wire.slot.map(Time::from_micros),
            missed: wire.missed,
            manual: wire.manual,
            trace: wire.trace,
            content_type: wire.content_type.map(std::borrow::Cow::into_owned),
            payload,
        })
    }
}

/// The characters that an SQS message may hold (SQS API reference, `SendMessage`).
pub(crate) const fn sqs_allows(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{Id as _, Ksuid};

    fn envelope(payload: &str) -> Envelope {
        Envelope {
            app: AppId::from_ksuid(Ksuid::from_bytes([1; 20])),
            endpoint: EndpointId::from_ksuid(Ksuid::from_bytes([2; 20])),
            message: MessageId::from_ksuid(Ksuid::from_bytes([3; 20])),
            event_type: "a.b".to_owned(),
            event_id: Some("e-1".to_owned()),
            expires_at: Time::from_secs(1_900_000_000),
            round: 2,
            woken: Some(4),
            rev: 9,
            slot: Some(Time::from_micros(1_800_000_000_000_001)),
            missed: 1,
            trace: None,
            manual: None,
            content_type: None,
            payload: payload.into(),
        }
    }

    proptest! {
        #[test]
        fn carries_any_json_text_byte_for_byte(text: String) {
            let payload = format!("{{ \"a\" :  {} }}", serde_json::to_string(&text).expect("JSON"));
            let sent = envelope(&payload);
            let encoded = sent.encode();
            prop_assert!(encoded.chars().all(sqs_allows));
            prop_assert_eq!(Envelope::decode(&encoded).ok(), Some(sent));
        }
    }

    #[test]
    fn characters_that_sqs_refuses_travel_too() {
        let sent = envelope("{\"a\":\"\u{ffff}\"}");
        let encoded = sent.encode();
        assert!(encoded.chars().all(sqs_allows));
        assert_eq!(Envelope::decode(&encoded).ok(), Some(sent));
    }

    #[test]
    fn other_texts_are_not_envelopes() {
        for text in ["", "{}", "null", r#"{"v":1,"payload":{}}"#] {
            assert!(Envelope::decode(text).is_err(), "{text}");
        }
    }
}
