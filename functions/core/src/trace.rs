//! W3C Trace Context (Recommendation of 2021, section 3.2): the trace that a message belongs to is the producer's, goes
//! along with the message, and is told to receivers, each attempt as a span of its own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::ids::{AttemptId, Id as _};

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
        let digest = Sha256::digest(id.ksuid().bytes());
        let mut span = [1; 8];
        span.iter_mut().zip(digest).for_each(|(byte, random)| *byte = random);
        Self { span, ..self }
    }

    /// The trace's id, as logs have it.
    pub fn id(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }
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
