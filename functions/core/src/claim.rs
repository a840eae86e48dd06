//! Claims: who was first to use an idempotency key or an `eventId`.
//!
//! A claim is one conditional write: it succeeds if there is none, or the one there has expired. It names the id of
//! what is being made, so that whoever resumes after a crash makes the same thing. A claim is never "finished" for a
//! message: that the message of its id is stored is the mark (see [`crate::publish`]). Until then it is in flight
//! while its lease lasts, and abandoned afterwards.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{
    ids::{AppId, Ksuid, OrgId},
    problem::Problem,
    time::Time,
};

/// Longer than any function that holds a claim may run.
pub const LEASE: Duration = Duration::from_secs(30);
/// An idempotency key is remembered for a day.
pub const KEY_LIFETIME: Duration = Duration::from_hours(24);
/// Longest idempotency key, in bytes.
pub const KEY_LIMIT: usize = 256;

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClaimKey {
    /// An idempotency key of an organization, for one path; hashed.
    Idempotency(String),
    /// A producer's id of an event in an application.
    EventId(AppId, String),
}

impl ClaimKey {
    /// The claim of an `Idempotency-Key`. Every token of the organization shares its keys.
    pub fn idempotency(org: &OrgId, path: &str, key: &str) -> Self {
        let text = [org.as_str(), path, key].join("\n");
        Self::Idempotency(hex(&Sha256::digest(text)[..20]))
    }
}

/// A claim as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The id of what is being made.
    pub id: Ksuid,
    /// Of the request: another request with the same key is refused.
    pub fingerprint: String,
    /// In flight until then, unless it is known to be done.
    pub lease: Time,
    /// It counts for nothing from then on.
    pub expires_at: Time,
    /// The answer, where it cannot be told from what was made.
    pub answer: Option<StoredAnswer>,
}

/// An HTTP answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status, 2xx.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Tells requests apart.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..16])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads an `Idempotency-Key` header: bare, or quoted as the draft's structured string
/// (draft-ietf-httpapi-idempotency-key-header-07, section 2.1).
pub fn read_key(header: &str) -> Result<String, Problem> {
    let text = header.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => unquote(rest).ok_or_else(|| bad_key("its quotes are not balanced"))?,
        // So do two headers arrive.
        None if text.contains(',') => return Err(bad_key("send it once; a key with a comma must be quoted")),
        None => text.to_owned(),
    };
    if key.is_empty() || key.len() > KEY_LIMIT {
        return Err(bad_key("it must be 1 to 256 characters"));
    }
    Ok(key)
}

fn unquote(rest: &str) -> Option<String> {
    let mut key = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return chars.as_str().is_empty().then_some(key),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
    None
}

fn bad_key(why: &'static str) -> Problem {
    Problem::refused(400, "invalid_idempotency_key", format!("Idempotency-Key: {why}"))
}

/// 422: the key was used for another request.
pub fn reused() -> Problem {
    Problem::invalid(&["header", "idempotency-key"], "this key was used for a different request; use a new key")
}

/// The code of a request whose key is in flight.
pub const KEY_IN_FLIGHT: &str = "idempotency_key_in_flight";
/// The code of a message whose `eventId` is in flight.
pub const EVENT_IN_FLIGHT: &str = "event_in_flight";

/// 409: the first request with the key has not ended.
pub fn in_flight() -> Problem {
    Problem::refused(
        409,
        KEY_IN_FLIGHT,
        "A request with this Idempotency-Key is still being processed; try again in a moment",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_and_quoted_keys_are_the_same() {
        assert_eq!(read_key("abc-1").ok().as_deref(), Some("abc-1"));
        assert_eq!(read_key(r#" "abc-1" "#).ok().as_deref(), Some("abc-1"));
        assert_eq!(read_key(r#""a\"b\\""#).ok().as_deref(), Some(r#"a"b\"#));
        assert_eq!(read_key("\"a,b\"").ok().as_deref(), Some("a,b"));
        for bad in ["", "a,b", "\"a\",\"b\"", "\"\"", "\"a", "\"a\"b", r#""a\b""#, &"k".repeat(257)] {
            assert!(read_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fingerprints_do_not_run_parts_together() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    }
}
