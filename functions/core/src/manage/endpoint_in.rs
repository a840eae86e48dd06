//! What is sent to make or change an endpoint, and its rules.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{manner_in::MannerIn, target_url::url};
use crate::{
    entity::{Endpoint, Metadata},
    given::{Given, not_null, object},
    ids::{EndpointId, Id as _},
    manner::Kind,
    problem::Problem,
    rules::Check,
    secret::{KeyType, SigningSecret},
    shapes::{MetadataShape, Name, Rate, Secret, TargetUrl, Text, Uid, without},
};

/// The URL of a poller that is given none: of a name that never exists (RFC 6761, section 6.4).
const NO_URL: &str = "https://poller.invalid/";
/// Channels of an endpoint.
const CHANNELS: usize = 10;
/// Event types of an endpoint, and the bytes of all their names.
const EVENT_TYPES: usize = 1_000;
const EVENT_TYPES_BYTES: usize = 65_536;

/// An endpoint to be made, or to take the place of the one that is there.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("anyOf" = url_or_poller()))]
pub struct EndpointIn {
    /// Where requests go. A poller's may be left out.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "TargetUrl")]
    url: Option<String>,
    /// Your own name for it, usable in place of its id.
    #[serde(default)]
    #[schemars(with = "Given<Uid<EndpointId>>", example = "acme-billing")]
    pub(super) uid: Given<String>,
    /// For people.
    #[serde(default)]
    #[schemars(with = "Text", example = "Invoices of Acme")]
    description: String,
    /// Kept and shown; it changes nothing.
    #[serde(default)]
    #[schemars(range(min = 1), example = 1)]
    version: Option<u16>,
    /// Whether its messages are recorded only, and not sent.
    #[serde(default)]
    disabled: bool,
    /// The event types it wants; all if left out. They must exist. Duplicates count once; 65,536 bytes together.
    /// `filterTypes` is an older name.
    #[serde(default, alias = "filterTypes")]
    #[schemars(with = "Option<Vec<Name>>", length(min = 1, max = EVENT_TYPES), example = ["invoice.paid"])]
    event_types: Option<Vec<String>>,
    /// The channels it listens to; all if left out. Duplicates count once.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Name>>", length(min = 1, max = CHANNELS), example = ["project_1337"])]
    channels: Option<Vec<String>>,
    /// Requests a second, at most.
    #[serde(default)]
    #[schemars(with = "Option<Rate>")]
    throttle_rate: Option<u16>,
    /// An older name of `throttleRate`.
    #[serde(default)]
    #[schemars(with = "Option<Rate>", extend("deprecated" = true))]
    rate_limit: Option<u16>,
    #[serde(default)]
    #[schemars(with = "Option<MetadataShape>")]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "object")]
    delivery: Given<MannerIn>,
    /// The signing secret, if you bring one; otherwise one is generated. Only POST looks at it.
    // Anything is taken for the methods that do not look.
    #[serde(default)]
    #[schemars(with = "Option<Secret>")]
    secret: Value,
}

fn url_or_poller() -> Value {
    let poller = json!({ "type": "object", "required": ["type"], "properties": { "type": { "const": Kind::Poller } } });
    json!([{ "required": ["url"] }, { "required": ["delivery"], "properties": { "delivery": poller } }])
}

/// The shape of the same where its secret is not looked at: by PUT.
#[derive(Debug)]
pub struct EndpointUpdate;

impl JsonSchema for EndpointUpdate {
    fn schema_name() -> Cow<'static, str> {
        "EndpointUpdate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        without("secret", EndpointIn::json_schema(generator))
    }
}

/// What to change of an endpoint. What is not given stays as it is; `null` unsets.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPatch {
    /// Where requests go.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "TargetUrl")]
    url: Option<String>,
    /// Your own name for it, usable in place of its id.
    #[serde(default)]
    #[schemars(with = "Given<Uid<EndpointId>>", example = "acme-billing")]
    uid: Given<String>,
    /// For people.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "Text", example = "Invoices of Acme")]
    description: Option<String>,
    /// Kept and shown; it changes nothing.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "u16", range(min = 1), example = 1)]
    version: Option<u16>,
    /// Whether its messages are recorded only, and not sent.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "bool")]
    disabled: Option<bool>,
    /// The event types it wants; all if `null`. `filterTypes` is an older name.
    #[serde(default, alias = "filterTypes")]
    #[schemars(with = "Given<Vec<Name>>", length(min = 1, max = EVENT_TYPES), example = ["invoice.paid"])]
    event_types: Given<Vec<String>>,
    /// The channels it listens to; all if `null`.
    #[serde(default)]
    #[schemars(with = "Given<Vec<Name>>", length(min = 1, max = CHANNELS), example = ["project_1337"])]
    channels: Given<Vec<String>>,
    /// Requests a second, at most.
    #[serde(default)]
    #[schemars(with = "Given<Rate>")]
    throttle_rate: Given<u16>,
    /// An older name of `throttleRate`.
    #[serde(default)]
    #[schemars(with = "Given<Rate>", extend("deprecated" = true))]
    rate_limit: Given<u16>,
    #[serde(default)]
    #[schemars(with = "Given<MetadataShape>")]
    metadata: Given<Metadata>,
    #[serde(default, deserialize_with = "object")]
    delivery: Given<MannerIn>,
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
        url(&mut check, self.url_or_default()?, plain_http);
        check.uid("uid", self.uid.value().map(String::as_str), EndpointId::PREFIX);
        check.text("description", &self.description);
        version(&mut check, self.version);
        event_types(&mut check, self.event_types.as_mut());
        channels(&mut check, self.channels.as_mut());
        check.rates(self.throttle_rate, self.rate_limit);
        if let Some(metadata) = &self.metadata {
            check.metadata(metadata);
        }
        manner(&mut check, &mut self.delivery, plain_http);
        let secret = if with_secret { secret_of(&mut check, &self.secret) } else { None };
        if secret.as_ref().is_some_and(|key| self.key_type().is_some_and(|kind| kind != key.key_type())) {
            check.fail(&["body", "delivery", "keyType"], "is not the kind of the key that was given");
        }
        check.finish()?;
        Ok(Checked { body: self, secret })
    }

    fn url_or_default(&mut self) -> Result<&mut String, Problem> {
        let is_poller = self.delivery.value().and_then(MannerIn::kind) == Some(Kind::Poller);
        if self.url.is_none() && !is_poller {
            return Err(Problem::json("url", "missing field `url`"));
        }
        Ok(self.url.get_or_insert_with(|| NO_URL.to_owned()))
    }

    fn key_type(&self) -> Option<KeyType> {
        self.delivery.value().and_then(MannerIn::key_type)
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
        manner(&mut check, &mut self.delivery, plain_http);
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
        endpoint.url = body.url.unwrap_or_default();
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

    /// How to deliver, as it was given: in place of whatever was.
    pub(super) const fn delivery(&self) -> Option<&MannerIn> {
        self.body.delivery.value()
    }

    /// The type of a signing key that the caller does not bring.
    pub(super) fn key_type(&self) -> KeyType {
        self.body.key_type().unwrap_or_default()
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

    /// How to deliver, as it was given.
    pub(super) const fn delivery(&self) -> &Given<MannerIn> {
        &self.body.delivery
    }
}

fn manner(check: &mut Check, manner: &mut Given<MannerIn>, plain_http: bool) {
    if let Some(manner) = manner.value_mut() {
        manner.check(check, plain_http);
    }
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
    text.parse().map_err(|why: crate::secret::InvalidSecret| check.fail(&["body", field], why.to_string())).ok()
}
