//! The headers that a customer adds to every request.
//!
//! Names keep the customer's casing, but two that differ by nothing else are the same header. Headers that Postrider
//! sends itself, that belong to the connection, or that address the services of clouds cannot be set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Manager;
use crate::{
    entity::Endpoint,
    find,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys},
    problem::Problem,
    rules::{Check, NAME_LIMIT},
    shapes::inline_schema,
    token::Caller,
};

/// Headers of an endpoint.
const MOST: usize = 50;
/// Longest value, in bytes.
pub(super) const VALUE_LIMIT: usize = 4_096;
/// Names and values together, in bytes.
const TOTAL_LIMIT: usize = 65_536;

/// A token of RFC 9110, section 5.6.2, as a pattern.
pub(super) const HEADER_NAME: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~\-]+$";

const FORBIDDEN: [&str; 21] = [
    "age",
    "cache-control",
    "clear-site-data",
    "connection",
    "expect",
    "expires",
    "host",
    "http2-settings",
    "keep-alive",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "warning",
];
const FORBIDDEN_PREFIXES: [&str; 11] = [
    "content-", "webhook-", "svix-", "x-svix-", "x-amz-", "x-amzn-", "x-azure-", "x-fd-", "x-gfe", "x-goog-",
    "x-google",
];
/// Their values are not shown.
const SENSITIVE: [&str; 6] =
    ["authorization", "proxy-authenticate", "proxy-authorization", "www-authenticate", "x-api-key", "x-auth-token"];

/// A header's value.
struct HeaderValue;

inline_schema!(HeaderValue => schemars::json_schema!({
    "type": "string", "maxLength": VALUE_LIMIT, "pattern": "^[\\t -~]*$",
}));

/// The headers that an endpoint's requests shall have besides those of Postrider: all of them.
#[derive(Clone, Deserialize, JsonSchema)]
#[schemars(rename = "EndpointHeadersIn")]
pub struct HeadersIn {
    /// Values by name. Names that differ by case only are the same header, and some cannot be set.
    #[schemars(with = "BTreeMap<String, HeaderValue>", extend("maxProperties" = MOST, "propertyNames" = name_schema()))]
    #[schemars(example = BTreeMap::from([("x-tenant", "acme")]))]
    headers: BTreeMap<String, String>,
}

/// The headers to add, to replace, and to remove.
#[derive(Clone, Deserialize, JsonSchema)]
#[schemars(rename = "EndpointHeadersPatchIn")]
pub struct HeadersPatch {
    /// Values by name; `null` removes a header.
    #[schemars(with = "BTreeMap<String, Option<HeaderValue>>", extend("propertyNames" = name_schema()))]
    #[schemars(example = BTreeMap::from([("x-tenant", Some("acme")), ("x-old", None)]))]
    headers: BTreeMap<String, Option<String>>,
}

/// Headers as they are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EndpointHeadersOut")]
pub struct HeadersOut {
    /// Values by name.
    #[schemars(example = BTreeMap::from([("x-tenant", "acme")]))]
    pub headers: BTreeMap<String, String>,
    /// The names of those whose values are withheld.
    #[schemars(example = ["x-api-key"])]
    pub sensitive: Vec<String>,
}

/// That some names are taken is said in words.
fn name_schema() -> serde_json::Value {
    serde_json::json!({ "minLength": 1, "maxLength": NAME_LIMIT, "pattern": HEADER_NAME })
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// An endpoint's headers.
    pub async fn headers(&self, caller: &Caller, app: &str, segment: &str) -> Result<HeadersOut, Problem> {
        let all = self.find_endpoint(caller, app, segment).await?.headers;
        let (hidden, headers): (BTreeMap<_, _>, _) = all.into_iter().partition(|(name, _)| is_sensitive(name));
        Ok(HeadersOut { headers, sensitive: hidden.into_keys().collect() })
    }

    /// Replaces all of an endpoint's headers.
    pub async fn put_headers(&self, caller: &Caller, app: &str, segment: &str, new: HeadersIn) -> Result<(), Problem> {
        let new = new.headers.into_iter().map(|(name, value)| (name, Some(value))).collect();
        self.write_headers(caller, app, segment, &new, true).await
    }

    /// Adds, replaces and removes some of an endpoint's headers.
    pub async fn patch_headers(
        &self,
        caller: &Caller,
        app: &str,
        segment: &str,
        patch: HeadersPatch,
    ) -> Result<(), Problem> {
        self.write_headers(caller, app, segment, &patch.headers, false).await
    }

    async fn write_headers(
        &self,
        caller: &Caller,
        app: &str,
        segment: &str,
        given: &BTreeMap<String, Option<String>>,
        all: bool,
    ) -> Result<(), Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        check(given)?;
        let change = |endpoint: &mut Endpoint| {
            if all {
                endpoint.headers.clear();
            }
            merge(&mut endpoint.headers, given);
            check_size(&endpoint.headers)
        };
        self.change_endpoint(caller, app, segment, change).await.map(drop)
    }
}

/// A header replaces the one that differs from it by case only.
fn merge(stored: &mut BTreeMap<String, String>, given: &BTreeMap<String, Option<String>>) {
    for (name, value) in given {
        stored.retain(|stored, _| !stored.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            stored.insert(name.clone(), value.clone());
        }
    }
}

fn check(given: &BTreeMap<String, Option<String>>) -> Result<(), Problem> {
    let mut check = Check::default();
    let mut seen = std::collections::HashSet::new();
    for (name, value) in given {
        let mut fail = |why| check.fail(&["body", "headers", &shortened(name)], why);
        if let Err(why) = check_name(name) {
            fail(why);
        } else if !seen.insert(name.to_ascii_lowercase()) {
            fail("given twice: names that differ by case only are the same header");
        }
        if let Some(Err(why)) = value.as_deref().map(check_value) {
            fail(why);
        }
    }
    check.finish()
}

fn check_size(headers: &BTreeMap<String, String>) -> Result<(), Problem> {
    let mut check = Check::default();
    if headers.len() > MOST {
        check.fail(&["body", "headers"], format!("an endpoint can have at most {MOST} headers"));
    }
    if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > TOTAL_LIMIT {
        check.fail(&["body", "headers"], format!("names and values must be at most {TOTAL_LIMIT} bytes together"));
    }
    check.finish()
}

/// A token of RFC 9110, section 5.6.2, that is free to be set.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > NAME_LIMIT || !name.bytes().all(is_token) {
        return Err("not a header name of 1 to 256 characters");
    }
    let lower = name.to_ascii_lowercase();
    if FORBIDDEN.contains(&lower.as_str()) || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err("this header cannot be set");
    }
    Ok(())
}

pub(super) fn check_value(value: &str) -> Result<(), &'static str> {
    if value.len() > VALUE_LIMIT {
        return Err("its value must be at most 4096 bytes");
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err("its value must be printable ASCII");
    }
    Ok(())
}

fn is_sensitive(name: &str) -> bool {
    SENSITIVE.iter().any(|sensitive| name.eq_ignore_ascii_case(sensitive))
}

fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
