//! Where a request says what it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Request, fail, header_name};
use crate::rules::Check;

/// Longest JSON pointer or name of a claim, in bytes.
const LIMIT: usize = 256;

/// A place in a request with an id or the name of what happened: `{"header": "X-Id"}`, `{"pointer": "/data/id"}` in a JSON
/// body (RFC 6901), or `{"claim": "jti"}` in a JWT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourcePlace")]
pub enum Place {
    /// The value of a header.
    Header(String),
    /// A string or a number in the body.
    Pointer(String),
    /// A claim of the token, where there is a token.
    Claim(String),
}

impl Place {
    pub(super) fn check(place: Option<&Self>, check: &mut Check, field: &str, claims: bool) {
        match place {
            Some(Self::Header(name)) => header_name(check, field, name),
            Some(Self::Pointer(pointer)) if !pointer.starts_with('/') || pointer.len() > LIMIT => {
                fail(check, field, "must be a JSON pointer such as /data/id, at most 256 bytes");
            }
            Some(Self::Claim(_)) if !claims => fail(check, field, "there are no claims with this type of source"),
            Some(Self::Claim(claim)) if claim.is_empty() || claim.len() > LIMIT => {
                fail(check, field, "must be the name of a claim, at most 256 bytes");
            }
            None | Some(Self::Pointer(_) | Self::Claim(_)) => {}
        }
    }

    /// What the request says there; nothing where there is nothing, or something empty.
    pub(super) fn find(place: Option<&Self>, request: &Request<'_>, claims: &Map<String, Value>) -> Option<String> {
        let found = match place? {
            Self::Header(name) => request.headers.first(name).map(str::to_owned),
            Self::Pointer(pointer) => {
                serde_json::from_slice::<Value>(request.body).ok()?.pointer(pointer).and_then(scalar)
            }
            Self::Claim(name) => claims.get(name).and_then(scalar),
        };
        found.filter(|text| !text.is_empty())
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
