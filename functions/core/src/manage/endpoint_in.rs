//! What is sent to make or change an endpoint, and its rules.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{
    entity::{Endpoint, Metadata},
    given::{Given, not_null},
    ids::{EndpointId, Id as _},
    problem::Problem,
    rules::{Check, URL_LIMIT},
    secret::SigningSecret,
};

/// Channels of an endpoint.
const CHANNELS: usize = 10;
/// Event types of an endpoint, and the bytes of all their names.
const EVENT_TYPES: usize = 1_000;
const EVENT_TYPES_BYTES: usize = 65_536;

/// The body of POST and PUT. Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointIn {
    url: String,
    #[serde(default)]
    pub(super) uid: Given<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    version: Option<u16>,
    #[serde(default)]
    disabled: bool,
    #[serde(default, alias = "filterTypes")]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default)]
    throttle_rate: Option<u16>,
    #[serde(default)]
    rate_limit: Option<u16>,
    #[serde(default)]
    metadata: Option<Metadata>,
    /// Looked at by POST only.
    #[serde(default)]
    secret: Value,
}

/// The body of PATCH.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPatch {
    #[serde(default, deserialize_with = "not_null")]
    url: Option<String>,
    #[serde(default)]
    uid: Given<String>,
    #[serde(default, deserialize_with = "not_null")]
    description: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    version: Option<u16>,
    #[serde(default, deserialize_with = "not_null")]
    disabled: Option<bool>,
    #[serde(default, alias = "filterTypes")]
    event_types: Given<Vec<String>>,
    #[serde(default)]
    channels: Given<Vec<String>>,
    #[serde(default)]
    throttle_rate: Given<u16>,
    #[serde(default)]
    rate_limit: Given<u16>,
    #[serde(default)]
    metadata: Given<Metadata>,
}

/// A change of an endpoint that satisfies every rule that needs no look at other things.
pub(super) struct Checked<T> {
    /// What was asked for, with sets sorted and the URL normalized.
    body: T,
    /// The signing secret, if the caller brings one.
    pub(super) secret: Option<SigningSecret>,
}

impl EndpointIn {
    /// Checks every rule; `secret` too if it counts here.
    pub(super) fn check(mut self, plain_http: bool, with_secret: bool) -> Result<Checked<Self>, Problem> {
        let mut check = Check::default();
        url(&mut check, &mut self.url, plain_http);
        check.uid("uid", self.uid.value().map(String::as_str), EndpointId::PREFIX);
        check.text("description", &self.description);
        version(&mut check, self.version);
        event_types(&mut check, self.event_types.as_mut());
        channels(&mut check, self.channels.as_mut());
        check.rates(self.throttle_rate, self.rate_limit);
        if let Some(metadata) = &self.metadata {
            check.metadata(metadata);
        }
        let secret = if with_secret { secret_of(&mut check, &self.secret) } else { None };
        check.finish()?;
        Ok(Checked { body: self, secret })
    }
}

impl EndpointPatch {
    /// Checks every rule.
    pub(super) fn check(mut self, plain_http: bool) -> Result<Checked<Self>, Problem> {
        let mut check = Check::default();
        if let Some(text) = &mut self.url {
            url(&mut check, text, plain_http);
        }
        check.uid("uid", self.uid.value().map(String::as_str), EndpointId::PREFIX);
        if let Some(text) = &self.description {
            check.text("description", text);
        }
        version(&mut check, self.version);
        event_types(&mut check, self.event_types.value_mut());
        channels(&mut check, self.channels.value_mut());
        check.rates(self.throttle_rate.into_value(), self.rate_limit.into_value());
        if let Some(metadata) = self.metadata.value() {
            check.metadata(metadata);
        }
        check.finish()?;
        Ok(Checked { body: self, secret: None })
    }
}

impl Checked<EndpointIn> {
    /// The event types that must exist.
    pub(super) fn event_types(&self) -> Option<&[String]> {
        self.body.event_types.as_deref()
    }

    /// Puts everything into the endpoint; what was not given falls to its default.
    pub(super) fn fill(&self, endpoint: &mut Endpoint, uid: Option<String>) {
        let body = self.body.clone();
        endpoint.uid = uid;
        endpoint.url = body.url;
        endpoint.version = body.version.unwrap_or(1);
        endpoint.description = body.description;
        endpoint.disabled = body.disabled;
        endpoint.event_types = body.event_types;
        endpoint.channels = body.channels;
        endpoint.throttle_rate = body.throttle_rate.or(body.rate_limit);
        endpoint.metadata = body.metadata.unwrap_or_default();
    }

    /// The uid as it was given.
    pub(super) const fn uid(&self) -> &Given<String> {
        &self.body.uid
    }
}

impl Checked<EndpointPatch> {
    /// The event types that must exist.
    pub(super) fn event_types(&self) -> Option<&[String]> {
        self.body.event_types.value().map(Vec::as_slice)
    }

    /// Changes what was given.
    pub(super) fn apply(&self, endpoint: &mut Endpoint) {
        let body = self.body.clone();
        endpoint.url = body.url.unwrap_or_else(|| std::mem::take(&mut endpoint.url));
        body.uid.apply(&mut endpoint.uid);
        endpoint.description = body.description.unwrap_or_else(|| std::mem::take(&mut endpoint.description));
        endpoint.version = body.version.unwrap_or(endpoint.version);
        endpoint.disabled = body.disabled.unwrap_or(endpoint.disabled);
        body.event_types.apply(&mut endpoint.event_types);
        body.channels.apply(&mut endpoint.channels);
        body.throttle_rate.or(body.rate_limit).apply(&mut endpoint.throttle_rate);
        body.metadata.apply_or_default(&mut endpoint.metadata);
    }
}

/// Normalizes the URL. Whether its address may be reached is asked at delivery: names change.
fn url(check: &mut Check, text: &mut String, plain_http: bool) {
    match normalized(text, plain_http) {
        Ok(url) => *text = url,
        Err(why) => check.fail(&["body", "url"], why),
    }
}

fn normalized(text: &str, plain_http: bool) -> Result<String, &'static str> {
    if text.len() > URL_LIMIT {
        return Err("must be at most 4096 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    let mut url = Url::parse(text).map_err(|_| "must be an absolute URL, such as https://example.com/webhooks")?;
    match url.scheme() {
        "https" => {}
        "http" if plain_http => {}
        "http" => return Err("must begin with https://"),
        _ => return Err("must be an https URL"),
    }
    // A fragment is never sent.
    url.set_fragment(None);
    if url.as_str().len() > URL_LIMIT { Err("must be at most 4096 bytes when encoded") } else { Ok(url.into()) }
}

fn version(check: &mut Check, version: Option<u16>) {
    if version == Some(0) {
        check.fail(&["body", "version"], "must be at least 1");
    }
}

fn event_types(check: &mut Check, names: Option<&mut Vec<String>>) {
    let Some(names) = names else { return };
    sort(names);
    if names.is_empty() || names.len() > EVENT_TYPES {
        check.fail(&["body", "eventTypes"], format!("must be 1 to {EVENT_TYPES} event types, or be left out"));
    }
    if names.iter().map(String::len).sum::<usize>() > EVENT_TYPES_BYTES {
        check.fail(&["body", "eventTypes"], format!("their names must be at most {EVENT_TYPES_BYTES} bytes together"));
    }
    for name in names {
        check.name("eventTypes", name);
    }
}

fn channels(check: &mut Check, channels: Option<&mut Vec<String>>) {
    let Some(channels) = channels else { return };
    sort(channels);
    check.channels(Some(channels), CHANNELS);
}

fn sort(set: &mut Vec<String>) {
    set.sort_unstable();
    set.dedup();
}

fn secret_of(check: &mut Check, given: &Value) -> Option<SigningSecret> {
    match given {
        Value::Null => None,
        Value::String(text) => secret(check, "secret", text),
        _ => {
            check.fail(&["body", "secret"], "must be a string");
            None
        }
    }
}

/// A signing secret that the caller brings, at `body.<field>`.
pub(super) fn secret(check: &mut Check, field: &str, text: &str) -> Option<SigningSecret> {
    if text.starts_with("whsk_") {
        check.fail(&["body", field], "asymmetric secrets (whsk_) are not supported yet; use whsec_");
        return None;
    }
    text.parse().map_err(|why: crate::secret::InvalidSecret| check.fail(&["body", field], why.to_string())).ok()
}
