//! Senders that sign nothing, and show a secret: in a header, or as the password of HTTP's basic authentication.
//!
//! Whoever sees one request can make others. For senders that can do nothing better.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{Accepted, Place, Refused, Request, fail, header_name, mac::same};
use crate::rules::Check;

/// Longest prefix and user name, in bytes.
const LIMIT: usize = 256;

/// Where the secret is shown: exactly one of `header` and `username`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourceApiKey")]
pub struct ApiKey {
    /// The header whose value is the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// Before the secret in the header, such as `Bearer ` with the space.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prefix: String,
    /// The user whose password is the secret (RFC 7617).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Where the event's id is; it is published each time it comes if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Place>,
    /// Where the request says what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_type: Option<Place>,
}

impl ApiKey {
    /// Checks every rule.
    pub(super) fn check(&self, check: &mut Check) {
        match (&self.header, &self.username) {
            (Some(name), None) => header_name(check, "header", name),
            (None, Some(name)) if name.contains(':') || name.len() > LIMIT => {
                fail(check, "username", "must not hold a colon, and be at most 256 bytes");
            }
            (None, Some(_)) => {}
            _ => fail(check, "header", "must be given, or username, but not both"),
        }
        if self.prefix.len() > LIMIT {
            fail(check, "prefix", "must be at most 256 bytes");
        }
        Place::check(self.id.as_ref(), check, "id", false);
        Place::check(self.event_type.as_ref(), check, "eventType", false);
    }

    pub(super) fn verify(&self, secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
        let shown = self.shown(request).ok_or(Refused::BadSignature)?;
        let expected = |secret: &String| match &self.username {
            Some(username) => format!("{username}:{secret}"),
            None => secret.clone(),
        };
        if !secrets.iter().fold(false, |found, secret| found | same(expected(secret).as_bytes(), &shown)) {
            return Err(Refused::BadSignature);
        }
        let find = |place: &Option<Place>| Place::find(place.as_ref(), request, &Map::new());
        Ok(Accepted::Event { id: find(&self.id), kind: find(&self.event_type) })
    }

    fn shown(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        if let Some(name) = &self.header {
            return Some(request.headers.only(name)?.strip_prefix(&self.prefix)?.into());
        }
        let (scheme, encoded) = request.headers.only("authorization")?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("basic") { STANDARD.decode(encoded.trim()).ok() } else { None }
    }
}
