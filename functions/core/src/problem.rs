//! What can be wrong with a call, in the contract's words: a status, and one of two JSON shapes.

use std::{borrow::Cow, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{claim, ports::Unavailable};

/// A refused call. Its `detail` tells the caller what was wrong and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A status and the shape `{"code", "detail"}`.
    #[error("{code}: {detail}")]
    Refused {
        /// The HTTP status, 4xx.
        status: u16,
        /// For programs.
        code: &'static str,
        /// For people.
        detail: Cow<'static, str>,
    },
    /// 429: too many at once; and how long to wait.
    #[error("rate limited for {} ms", .0.as_millis())]
    TooMany(Duration),
    /// 422 and the shape `{"detail": [{"loc", "msg", "type"}]}`.
    #[error("{} invalid field(s), the first: {}", .0.len(), .0.first().map_or("", |item| item.msg.as_ref()))]
    Invalid(Vec<Item>),
    /// 503: something Postrider needs did not answer. The call may be repeated with the same idempotency key.
    #[error("a backing service is unavailable")]
    Unavailable(#[from] Unavailable),
}

/// One invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ValidationErrorItem")]
pub struct Item {
    /// Where: `body`, `query`, `path` or `header`, then the path to the field as it was sent.
    #[schemars(example = ["body", "url"])]
    pub loc: Vec<Cow<'static, str>>,
    /// What is wrong with it, for people.
    #[schemars(example = "must begin with https://")]
    pub msg: Cow<'static, str>,
    /// `value_error.jsondecode` where the JSON does not fit, `value_error` where a rule is broken.
    #[serde(rename = "type")]
    #[schemars(example = &"value_error")]
    pub kind: &'static str,
}

/// The shape of most refusals.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HttpErrorOut")]
pub struct Refused<'a> {
    /// For programs: it does not change.
    code: &'a str,
    /// For people: what was wrong, and what to do about it.
    detail: &'a str,
}

/// The shape of a refusal because of fields.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HTTPValidationError")]
pub struct Invalid<'a> {
    /// The fields, 50 at most.
    detail: &'a [Item],
}

impl Item {
    /// A rule that a field breaks.
    pub fn rule(loc: &[&str], msg: impl Into<Cow<'static, str>>) -> Self {
        Self { loc: owned(loc), msg: msg.into(), kind: "value_error" }
    }
}

fn owned(loc: &[&str]) -> Vec<Cow<'static, str>> {
    loc.iter().map(|part| Cow::Owned((*part).to_owned())).collect()
}

impl Problem {
    /// `{"code", "detail"}` with a status.
    pub fn refused(status: u16, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { status, code, detail: detail.into() }
    }

    /// 404: there is none, or it belongs to somebody else.
    pub fn not_found(what: &str) -> Self {
        Self::refused(404, "not_found", format!("{what} not found"))
    }

    /// 409 for a uid or `eventId` that is taken.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(409, "conflict", detail)
    }

    /// 413.
    pub fn too_large(what: &str, bytes: usize, most: usize) -> Self {
        Self::refused(413, "payload_too_large", format!("{what} has {bytes} bytes; at most {most} are accepted"))
    }

    /// 422 for one field.
    pub fn invalid(loc: &[&str], msg: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![Item::rule(loc, msg)])
    }

    /// 422 for JSON that does not fit, at the path where it does not.
    pub fn json(path: &str, msg: impl Into<Cow<'static, str>>) -> Self {
        let mut loc = vec![Cow::Borrowed("body")];
        loc.extend(path.split('.').filter(|part| !part.is_empty()).map(|part| Cow::Owned(part.to_owned())));
        Self::Invalid(vec![Item { loc, msg: msg.into(), kind: "value_error.jsondecode" }])
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => *status,
            Self::TooMany(_) => 429,
            Self::Invalid(_) => 422,
            Self::Unavailable(_) => 503,
        }
    }

    /// For programs, in one word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code,
            Self::TooMany(_) => "rate_limited",
            Self::Invalid(_) => "invalid",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether the same call may succeed later: after a service that failed, a rate, or a request that is in flight.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::TooMany(_) | Self::Unavailable(_) => true,
            Self::Refused { code, .. } => [claim::KEY_IN_FLIGHT, claim::EVENT_IN_FLIGHT].contains(code),
            Self::Invalid(_) => false,
        }
    }

    /// Whole seconds for `Retry-After`, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable(_) => Some(Duration::from_secs(1)),
            Self::TooMany(wait) => {
                Some(Duration::from_secs((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)))
            }
            _ => None,
        }
    }

    /// The JSON body.
    pub fn body(&self) -> String {
        let text = match self {
            Self::Refused { code, detail, .. } => serde_json::to_string(&Refused { code, detail }),
            Self::TooMany(_) => serde_json::to_string(&Refused {
                code: self.code(),
                detail: "Too many of these requests for now; try again when Retry-After has passed",
            }),
            Self::Invalid(items) => serde_json::to_string(&Invalid { detail: items }),
            Self::Unavailable(_) => serde_json::to_string(&Refused {
                code: self.code(),
                detail: "Try again in a moment, with the same Idempotency-Key if you gave one",
            }),
        };
        text.unwrap_or_default()
    }
}

/// Reads a request's JSON body, an object; says which field does not fit, and how.
pub fn from_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::json("", "the body is not UTF-8"))?;
    // A list of the fields' values would be read as well.
    if !text.trim_start().starts_with('{') {
        return Err(Problem::json("", "the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| misfit("", error))?;
    json.end().map_err(|error| Problem::json("", error.to_string()))?;
    Ok(value)
}

/// Reads a member of a request's body that was kept as it is, at its path.
pub(crate) fn from_member<T: DeserializeOwned>(at: &str, member: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(member).map_err(|error| misfit(at, error))
}

fn misfit(at: &str, error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    // The root is `.`, and where the JSON breaks off before a name ends, the path does in `?`.
    let path = format!("{at}.{}", error.path());
    let path = path.trim_end_matches('?').trim_end_matches('.');
    let msg = in_json_words(&error.into_inner().to_string());
    match field_in(&msg) {
        Some(field) => Problem::json(&format!("{path}.{field}"), msg),
        None => Problem::json(path, msg),
    }
}

/// Callers know objects, not the names of our types.
fn in_json_words(msg: &str) -> String {
    let Some((before, after)) = msg.split_once("expected struct ") else { return msg.to_owned() };
    let rest = after.split_once(' ').map_or("", |(_, rest)| rest);
    format!("{before}expected an object {rest}")
}

/// The field that is missing or there twice, which the parser names in words only.
fn field_in(msg: &str) -> Option<String> {
    let rest = msg.strip_prefix("missing field `").or_else(|| msg.strip_prefix("duplicate field `"))?;
    rest.split('`').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_names_of_types_are_told() {
        #[derive(Debug, Deserialize)]
        struct Outer {
            #[serde(rename = "inner")]
            _inner: Inner,
        }
        #[derive(Debug, Deserialize)]
        struct Inner {}
        let body = from_json::<Outer>(br#"{"inner":"fast"}"#).expect_err("refused").body();
        assert!(body.contains("expected an object at line 1") && !body.contains("Inner"), "{body}");
    }

    #[derive(Debug, Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only read")]
        names: Vec<String>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        n: u8,
    }

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        for (body, loc) in [
            (&b"{}"[..], &["body", "names"][..]),
            (b"{", &["body"]),
            (b"", &["body"]),
            (b"[[]]", &["body"]),
            (b"{} {}", &["body", "names"]),
            (br#"{"names":[]} {}"#, &["body"]),
            (br#"{"names":[],"names":[]}"#, &["body", "names"]),
            (br#"{"names":["a",1]}"#, &["body", "names[1]"]),
            (br#"{"names":[],"n":-1}"#, &["body", "n"]),
        ] {
            let Err(Problem::Invalid(items)) = from_json::<Body>(body) else { panic!("{body:?} is not refused") };
            assert_eq!(items[0].loc, loc, "{}", String::from_utf8_lossy(body));
        }
    }
}
