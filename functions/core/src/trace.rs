//! W3C Trace Context (Recommendation of 2021, section 3.2): the trace that a message belongs to is the producer's, goes
//! along with the message, and is told to receivers, each attempt as a span of its own.
//!
//! Of a trace that its producer samples, spans are told as events of `tracing` with the target [`TARGET`]; who collects
//! them is not known here. The publication is a span in the producer's, and each attempt one in the publication's. Spans
//! have ids that follow from the message's and the attempt's, so that none has to be kept.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{
    delivery::Attempt,
    entity::Endpoint,
    ids::{AttemptId, Id, MessageId},
    message::Message,
    time::Time,
};

/// The target of spans.
pub const TARGET: &str = "spans";

/// The header.
pub const HEADER: &str = "traceparent";
/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const LENGTH: usize = 55;

/// A header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// What is no such value counts for nothing (section 3.2.2.3): the message is published without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a traceparent of W3C Trace Context")]
pub struct InvalidTrace;

impl TraceParent {
    /// The same trace, as an attempt's span.
    #[must_use]
    pub fn attempt(self, id: AttemptId) -> Self {
        self.of(id)
    }

    /// The same trace, as the span of a message's publication.
    fn publication(self, id: MessageId) -> Self {
        self.of(id)
    }

    fn of(self, id: impl Id) -> Self {
        let digest = Sha256::digest(id.ksuid().bytes());
        let mut span = [1; 8];
        span.iter_mut().zip(digest).for_each(|(byte, random)| *byte = random);
        Self { span, ..self }
    }

    /// The trace's id, as logs have it.
    pub fn id(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }

    fn span(self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.span))
    }

    /// Whether the producer keeps the trace (section 3.2.2.5.1).
    const fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

/// Tells of a message that was published.
pub(crate) fn published(message: &Message, from: Time, to: Time) {
    let Some(trace) = message.trace.filter(|trace| trace.is_sampled()) else { return };
    tracing::info!(
        target: TARGET, trace = trace.id(), span = trace.publication(message.id).span(), parent = trace.span(),
        name = "publish", kind = "producer", start = from.micros(), end = to.micros(),
        messaging.message.id = %message.id, postrider.app.id = %message.app, postrider.event_type = message.event_type,
    );
}

/// Tells of an attempt to deliver a message. Of where it went the host alone: the rest of the URL may hold secrets.
pub(crate) fn attempted(trace: Option<TraceParent>, message: MessageId, endpoint: &Endpoint, attempt: &Attempt) {
    let Some(trace) = trace.filter(|trace| trace.is_sampled()) else { return };
    // Without a collector nothing more is done for it.
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let url = url::Url::parse(&attempt.url).ok();
    let failure = match attempt.fault {
        Some(fault) => Some(fault.as_str().to_owned()),
        None => (!attempt.succeeded()).then(|| attempt.status.to_string()),
    };
    tracing::info!(
        target: TARGET, trace = trace.id(), span = trace.attempt(attempt.id).span(),
        parent = trace.publication(message).span(), name = endpoint.delivery.method.as_str(), kind = "client",
        start = attempt.at.micros(), end = attempt.at.plus(Duration::from_millis(attempt.millis)).micros(),
        http.request.method = endpoint.delivery.method.as_str(),
        server.address = url.as_ref().and_then(|url| url.host_str()),
        server.port = url.as_ref().and_then(url::Url::port_or_known_default),
        http.response.status_code = (attempt.status > 0).then_some(attempt.status), "error.type" = failure,
        messaging.message.id = %message, postrider.app.id = %endpoint.app, postrider.endpoint.id = %endpoint.id,
        postrider.attempt.id = %attempt.id,
    );
}

impl FromStr for TraceParent {
    type Err = InvalidTrace;

    /// Later versions may have more behind it (section 3.2.4).
    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = text.len() >= LENGTH && text.is_ascii() && !text.starts_with("ff");
        let is_longer = text.len() > LENGTH;
        if !fits || is_longer && (text.starts_with("00") || text.as_bytes()[LENGTH] != b'-') {
            return Err(InvalidTrace);
        }
        let mut parts = text[..LENGTH].split('-');
        let mut part = |length| {
            let part = parts.next().filter(|part| part.len() == length && part.bytes().all(is_digit));
            u128::from_str_radix(part.ok_or(InvalidTrace)?, 16).map_err(|_| InvalidTrace)
        };
        let (_, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        if trace == 0 || span == 0 {
            return Err(InvalidTrace);
        }
        let span = u64::try_from(span).map_err(|_| InvalidTrace)?.to_be_bytes();
        Ok(Self { trace: trace.to_be_bytes(), span, flags: u8::try_from(flags).map_err(|_| InvalidTrace)? })
    }
}

/// Of version 00, with the one flag that it knows.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-{:02x}", self.id(), u64::from_be_bytes(self.span), self.flags & 1)
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ksuid;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_recommendation_reads_back() {
        let trace: TraceParent = EXAMPLE.parse().expect("valid");
        assert_eq!((trace.to_string().as_str(), trace.id()), (EXAMPLE, EXAMPLE[3..35].to_owned()));
        let later: TraceParent = format!("cc{}-what-comes-next", &EXAMPLE[2..]).parse().expect("valid");
        assert_eq!(later, trace);
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "00-0-0-0",
            &EXAMPLE[..54],
            &format!("{EXAMPLE}-more"),
            &format!("cc{}more", &EXAMPLE[2..]),
            &format!("ff{}", &EXAMPLE[2..]),
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replace('4', "g"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTrace), "{text}");
        }
    }

    #[test]
    fn an_attempt_is_a_span_of_its_own_in_the_same_trace() {
        let trace: TraceParent = EXAMPLE.parse().expect("valid");
        let of = |n| trace.attempt(AttemptId::from_ksuid(Ksuid::from_bytes([n; 20])));
        assert_eq!((of(1).id(), of(1)), (trace.id(), of(1)));
        assert!(of(1) != of(2) && of(1) != trace);
    }
}
