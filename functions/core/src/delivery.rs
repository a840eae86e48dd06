//! The record of a delivery: its state and its attempts, in one item, written at once.
//!
//! Deliveries are keyed by (endpoint, message). An endpoint's attempts are listed newest first without an index: a
//! first attempt made promptly has an id that sorts as its message's does ([`AttemptId::prompt`]), so it is found by
//! its delivery's place; every other attempt (a retry, or one that had to wait) gets a small entry of its own, keyed
//! (endpoint, attempt), which costs a write unit on the failure path only.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AppId, AttemptId, EndpointId, Id as _, MessageId},
    outbound::{Exchange, Fault},
    time::Time,
};

/// A first attempt within this long of the publication is listed at its message's place.
pub const PROMPT: Duration = Duration::from_mins(1);
/// Attempts kept of one delivery; replays may add up.
const KEPT_ATTEMPTS: usize = 40;
/// Bytes of the attempts' JSON: the record must stay under an item's 400 KB, whatever an endpoint answers. Where it would
/// not, the oldest responses are cut. (Forty attempts with the longest URLs and cut responses take less.)
const LOG_LIMIT: usize = 300_000;
const SHORT_RESPONSE: usize = 128;

/// One message on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose it is.
    pub app: AppId,
    /// Where to.
    pub endpoint: EndpointId,
    /// What.
    pub message: MessageId,
    /// How far it is.
    pub state: State,
    /// Times it was buried before; see [`crate::message::Envelope::round`].
    pub round: u32,
    /// Attempts made in this round.
    pub tries: u32,
    /// The time that was reserved for the next attempt under a rate limit, if it is so far away that it waits parked.
    pub slot: Option<Time>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    /// The record is gone from then on.
    pub expires_at: Time,
    /// Grows by one with every write.
    pub rev: u64,
}

/// How far a delivery is. One without a record is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The next attempt is due then: the queue holds the delivery until that, or, if parked, the scheduler does.
    Waiting {
        /// When.
        due: Time,
        /// Whether the scheduler holds it.
        parked: bool,
    },
    /// It waits behind its endpoint's valve, since then: the endpoint's circuit is open, it is paused, or it takes several
    /// events in one request.
    Held {
        /// When it was held.
        since: Time,
    },
    /// A 2xx was received, and the receiver has until then to confirm it.
    Unconfirmed {
        /// When it counts as failed.
        due: Time,
        /// Whether the scheduler holds it.
        parked: bool,
    },
    /// A 2xx was received, and confirmed where that was asked for.
    Succeeded,
    /// It is in the dead-letter queue.
    Failed(Reason),
    /// It will not be sent, and need not be.
    Canceled(Reason),
}

/// Why a delivery ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Every attempt of the schedule failed.
    Exhausted,
    /// The endpoint is disabled.
    EndpointDisabled,
    /// The receiver asked for no more attempts: 410, or `webhook-delivery: abort-message`.
    Refused,
    /// The endpoint or its application was deleted.
    EndpointDeleted,
    /// The message outlived its retention, or was never accepted.
    MessageGone,
    /// Somebody had the message's content removed.
    ContentExpunged,
    /// What the queue held is not a delivery.
    Malformed,
    /// Somebody asked for it.
    Canceled,
}

impl Reason {
    /// As it is shown, in the dead-letter queue's attributes too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::Refused => "refused",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::MessageGone => "message_gone",
            Self::ContentExpunged => "content_expunged",
            Self::Malformed => "malformed",
            Self::Canceled => "canceled",
        }
    }
}

/// One HTTP request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its identifier.
    pub id: AttemptId,
    /// When it began.
    #[serde(rename = "t", with = "micros")]
    pub at: Time,
    /// Until the response headers, or the failure.
    #[serde(rename = "d")]
    pub millis: u64,
    /// The HTTP status; 0 if there was no response.
    #[serde(rename = "s", default)]
    pub status: u16,
    /// Why there was no response.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultClass>,
    /// The response's body, or the error in words.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// The endpoint's URL at that time.
    #[serde(rename = "u")]
    pub url: String,
    /// Somebody asked for it: it is none of the schedule's.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
}

/// [`Fault`] as it is recorded and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// [`Fault::Dns`].
    Dns,
    /// [`Fault::Connect`].
    Connect,
    /// [`Fault::Tls`].
    Tls,
    /// [`Fault::Timeout`].
    Timeout,
    /// [`Fault::Blocked`].
    BlockedAddress,
    /// [`Fault::Protocol`].
    Protocol,
    /// [`Fault::Invalid`].
    InvalidRequest,
    /// The receiver did not confirm it in time.
    Unconfirmed,
    /// No token could be had for the request.
    Authorization,
}

impl FaultClass {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::BlockedAddress => "blocked address",
            Self::Protocol => "protocol",
            Self::InvalidRequest => "invalid request",
            Self::Unconfirmed => "unconfirmed",
            Self::Authorization => "authorization",
        }
    }
}

impl From<Fault> for FaultClass {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Dns => Self::Dns,
            Fault::Connect => Self::Connect,
            Fault::Tls => Self::Tls,
            Fault::Timeout => Self::Timeout,
            Fault::Blocked => Self::BlockedAddress,
            Fault::Protocol => Self::Protocol,
            Fault::Invalid => Self::InvalidRequest,
        }
    }
}

impl Attempt {
    /// The record of one request.
    pub fn new(id: AttemptId, at: Time, url: String, exchange: Exchange) -> Self {
        let millis = u64::try_from(exchange.duration.as_millis()).unwrap_or(u64::MAX);
        match exchange.result {
            Ok(answer) => {
                let (status, response) = (answer.status, answer.body);
                Self { id, at, millis, status, fault: None, response, url, manual: false }
            }
            Err(fault) => {
                let class = FaultClass::from(fault);
                let response = format!("{}: {fault}", class.as_str());
                Self { id, at, millis, status: 0, fault: Some(class), response, url, manual: false }
            }
        }
    }

    /// Whether the endpoint took it.
    pub const fn succeeded(&self) -> bool {
        self.status >= 200 && self.status < 300 && self.fault.is_none()
    }
}

impl Delivery {
    /// The record of a delivery that has none yet.
    pub const fn new(app: AppId, endpoint: EndpointId, message: MessageId, expires_at: Time) -> Self {
        let state = State::Canceled(Reason::MessageGone);
        Self { app, endpoint, message, state, round: 0, tries: 0, slot: None, attempts: Vec::new(), expires_at, rev: 0 }
    }

    /// Whether it has ended.
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, State::Succeeded | State::Failed(_) | State::Canceled(_))
    }

    /// Whether anything was tried.
    pub const fn was_attempted(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// When the next attempt is due, if one is.
    pub const fn next_attempt(&self) -> Option<Time> {
        match self.state {
            State::Waiting { due, .. } | State::Unconfirmed { due, .. } => Some(due),
            _ => None,
        }
    }

    /// Adds an attempt of the schedule.
    pub fn add(&mut self, attempt: Attempt) {
        self.tries += 1;
        self.keep(attempt);
    }

    /// Keeps the record of an attempt, and forgets what of the oldest ones the item cannot hold.
    pub fn keep(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
        let excess = self.attempts.len().saturating_sub(KEPT_ATTEMPTS);
        self.attempts.drain(..excess);
        let size = |attempt: &Attempt| serde_json::to_string(attempt).map_or(LOG_LIMIT, |text| text.len() + 1);
        let mut total: usize = self.attempts.iter().map(size).sum();
        for attempt in &mut self.attempts {
            if total <= LOG_LIMIT {
                break;
            }
            total -= size(attempt);
            let end = attempt.response.floor_char_boundary(SHORT_RESPONSE);
            attempt.response.truncate(end);
            total += size(attempt);
        }
    }

    /// Whether this attempt is listed at its message's place, or by an entry of its own.
    pub fn is_in_place(&self, attempt: AttemptId) -> bool {
        attempt.ksuid().bytes()[..12] == self.message.ksuid().bytes()[..12]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        ids::Ksuid,
        outbound::{Answer, RESPONSE_LIMIT},
    };

    #[test]
    fn whatever_an_endpoint_answers_the_record_fits_an_item() {
        let at = Time::from_secs(1_800_000_000);
        let id = Ksuid::floor(at);
        let (endpoint, message) = (EndpointId::from_ksuid(id), MessageId::from_ksuid(id));
        let mut delivery = Delivery::new(AppId::from_ksuid(id), endpoint, message, at);
        for n in 0..100 {
            // Control characters are the longest in JSON.
            let body = "\u{1}".repeat(RESPONSE_LIMIT);
            let exchange =
                Exchange { duration: Duration::ZERO, result: Ok(Answer { status: 500, body, headers: vec![] }) };
            let id = AttemptId::new(at, [n; 11], endpoint);
            delivery.add(Attempt::new(id, at, "u".repeat(crate::rules::URL_LIMIT), exchange));
            let size = serde_json::to_string(&delivery.attempts).expect("JSON").len();
            assert!(size <= LOG_LIMIT + KEPT_ATTEMPTS, "{size} bytes after {n}");
        }
        assert_eq!((delivery.tries, delivery.attempts.len()), (100, KEPT_ATTEMPTS));
        assert_eq!(delivery.attempts[KEPT_ATTEMPTS - 1].response.len(), RESPONSE_LIMIT);
    }
}

mod micros {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::Time;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        i64::deserialize(deserializer).map(Time::from_micros)
    }
}
