//! Senders of the many that sign with an HMAC in a way of their own, which the source describes.

use std::{borrow::Cow, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{
    Accepted, Place, Refused, Request, fail, header_name,
    mac::{Hash, unhex},
    timestamp::{TOLERANCE, timely},
};
use crate::rules::Check;

/// Longest description of what is signed, and longest prefix, in bytes.
const LIMIT: usize = 256;
/// Longest tolerance, in seconds.
const LONGEST_TOLERANCE: u32 = 3_600;

/// How the sender signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourceHmac")]
pub struct Signed {
    /// The header with the signature.
    #[schemars(example = "x-signature")]
    signature_header: String,
    /// Before the signature in the header, such as `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prefix: String,
    /// The hash of the HMAC.
    #[serde(default)]
    algorithm: Hash,
    /// How the signature is written.
    #[serde(default)]
    encoding: Encoding,
    /// How the secret is written.
    #[serde(default)]
    secret_encoding: SecretEncoding,
    /// What is signed: a text with `{body}`, and perhaps `{timestamp}` and `{id}`.
    #[serde(default = "body_only", rename = "signedContent")]
    content: String,
    /// The header with the time, where that is signed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_header: Option<String>,
    /// How old, or how far ahead, a signed time may be.
    #[serde(default = "five_minutes")]
    #[schemars(range(max = LONGEST_TOLERANCE))]
    tolerance_seconds: u32,
    /// Where the event's id is; it is published each time it comes if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Place>,
    /// Where the request says what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_type: Option<Place>,
}

/// How the signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SignatureEncoding")]
enum Encoding {
    #[default]
    Hex,
    /// Of either alphabet.
    Base64,
}

/// How the secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SecretEncoding {
    /// Its bytes are the key.
    #[default]
    Text,
    Hex,
    Base64,
}

fn body_only() -> String {
    "{body}".to_owned()
}

fn five_minutes() -> u32 {
    u32::try_from(TOLERANCE.as_secs()).unwrap_or(u32::MAX)
}

/// A part of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Body,
    Timestamp,
    Id,
    Text(&'a str),
}

impl Signed {
    /// Checks every rule.
    pub(super) fn check(&self, check: &mut Check) {
        header_name(check, "signatureHeader", &self.signature_header);
        if self.prefix.len() > LIMIT {
            fail(check, "prefix", "must be at most 256 bytes");
        }
        match parts(&self.content) {
            Some(parts) => self.check_parts(check, &parts),
            None => fail(check, "signedContent", "must be a text such as {timestamp}.{body}, at most 256 bytes"),
        }
        if let Some(name) = &self.timestamp_header {
            header_name(check, "timestampHeader", name);
        }
        if !(1..=LONGEST_TOLERANCE).contains(&self.tolerance_seconds) {
            fail(check, "toleranceSeconds", "must be 1 to 3600");
        }
        Place::check(self.id.as_ref(), check, "id", false);
        Place::check(self.event_type.as_ref(), check, "eventType", false);
    }

    fn check_parts(&self, check: &mut Check, parts: &[Part<'_>]) {
        if !parts.contains(&Part::Body) {
            fail(check, "signedContent", "must hold {body}: what is not signed cannot be trusted");
        }
        if parts.contains(&Part::Timestamp) != self.timestamp_header.is_some() {
            fail(check, "timestampHeader", "must be given if, and only if, {timestamp} is signed");
        }
        if parts.contains(&Part::Id) && !matches!(self.id, Some(Place::Header(_))) {
            fail(check, "id", "must be a header if {id} is signed");
        }
    }

    /// Whether the secret is written as it is said to be.
    pub(super) fn check_secret(&self, secret: &str) -> Result<(), &'static str> {
        match self.key(secret) {
            Some(key) if !key.is_empty() => Ok(()),
            _ => Err("is not written as secretEncoding says"),
        }
    }

    pub(super) fn verify(&self, secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
        let header = request.headers.only(&self.signature_header).ok_or(Refused::BadSignature)?;
        let tag = header.strip_prefix(&self.prefix).and_then(|text| self.tag(text)).ok_or(Refused::BadSignature)?;
        let timestamp = self.timestamp_header.as_deref().map(|name| request.headers.only(name).unwrap_or_default());
        let id = Place::find(self.id.as_ref(), request, &Map::new());
        let parts = parts(&self.content).unwrap_or_default();
        let content: Vec<&[u8]> = parts
            .iter()
            .map(|part| match part {
                Part::Body => request.body,
                Part::Timestamp => timestamp.unwrap_or_default().as_bytes(),
                Part::Id => id.as_deref().unwrap_or_default().as_bytes(),
                Part::Text(text) => text.as_bytes(),
            })
            .collect();
        let keys = secrets.iter().filter_map(|secret| self.key(secret));
        if !keys.fold(false, |found, key| found | self.algorithm.verifies(&key, &content, &tag)) {
            return Err(Refused::BadSignature);
        }
        if let Some(timestamp) = timestamp {
            timely(timestamp, request.now, Duration::from_secs(self.tolerance_seconds.into()))?;
        }
        Ok(Accepted::Event { id, kind: Place::find(self.event_type.as_ref(), request, &Map::new()) })
    }

    fn tag(&self, text: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Hex => unhex(text),
            Encoding::Base64 => {
                [&STANDARD, &URL_SAFE, &URL_SAFE_NO_PAD].into_iter().find_map(|engine| engine.decode(text).ok())
            }
        }
    }

    fn key<'a>(&self, secret: &'a str) -> Option<Cow<'a, [u8]>> {
        match self.secret_encoding {
            SecretEncoding::Text => Some(Cow::Borrowed(secret.as_bytes())),
            SecretEncoding::Hex => unhex(secret).map(Cow::Owned),
            SecretEncoding::Base64 => STANDARD.decode(secret).ok().map(Cow::Owned),
        }
    }
}

/// What the braces name; nothing if they name something else, or are not closed.
fn parts(content: &str) -> Option<Vec<Part<'_>>> {
    let (mut parts, mut rest) = (Vec::new(), content);
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        parts.push(Part::Text(text));
        parts.push(match name {
            "body" => Part::Body,
            "timestamp" => Part::Timestamp,
            "id" => Part::Id,
            _ => return None,
        });
        rest = after;
    }
    parts.push(Part::Text(rest));
    (content.len() <= LIMIT).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_braces_name_what_is_signed() {
        use Part::{Body, Id, Text, Timestamp};
        let all = [Text("v1:"), Id, Text("."), Timestamp, Text("."), Body, Text("")];
        assert_eq!(parts("v1:{id}.{timestamp}.{body}").as_deref(), Some(&all[..]));
        assert_eq!(parts("{body}").as_deref(), Some(&[Text(""), Body, Text("")][..]));
        for bad in ["{url}{body}", "{body", "{}", &"x".repeat(257)] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
