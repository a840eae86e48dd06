//! What is sent to make or change a source, and its rules.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    entity::Metadata,
    given::Given,
    ids::{Id as _, SourceId},
    problem::{Problem, from_member},
    receive::{ApiKey, EventTypes, Jwt, Kind, Preset, SECRET_LIMIT, Signed},
    rules::{Check, NAME_RULE, is_name, json_size},
    shapes::{MetadataShape, Name, Text, Uid},
    source::Source,
};

/// Longest prefix of event types, in bytes: as much is left for what follows it.
const PREFIX_LIMIT: usize = 128;
/// All names of event types that are mapped, as JSON text in bytes.
const NAMES_LIMIT: usize = 65_536;

/// A source to be made, or to take the place of the one that is there.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceIn {
    /// What people call it.
    #[schemars(with = "Text", length(min = 1), example = "GitHub of Acme")]
    name: String,
    /// Your own name for it, usable in place of its id.
    #[serde(default)]
    #[schemars(with = "Given<Uid<SourceId>>", example = "acme-github")]
    pub(super) uid: Given<String>,
    /// Where its messages are published: an application's id or uid.
    #[schemars(example = &"acme")]
    pub(super) app_id: String,
    #[serde(rename = "type")]
    #[schemars(flatten, with = "PresetIn")]
    kind: Kind,
    #[serde(default)]
    #[schemars(skip)]
    config: Option<Map<String, Value>>,
    /// What the event types of its messages begin with; the type's own unless given.
    #[serde(default)]
    #[schemars(length(max = PREFIX_LIMIT), regex(pattern = r"^[A-Za-z0-9\-_.]*$"), example = &"github")]
    event_type_prefix: Option<String>,
    /// Event types by what the sender calls them, where they are to be called otherwise.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, Name>>", example = BTreeMap::from([("push", "code.pushed")]))]
    event_types: Option<BTreeMap<String, String>>,
    /// Whether nothing is received.
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    #[schemars(with = "Option<MetadataShape>")]
    metadata: Option<Metadata>,
}

/// The type of a source, and what it needs to know.
#[derive(JsonSchema)]
#[schemars(tag = "type", content = "config", rename_all = "kebab-case", transform = may_be_absent)]
#[expect(dead_code, reason = "a shape only")]
enum PresetIn {
    StandardWebhooks(SecretIn),
    Github(SecretIn),
    Stripe(SecretIn),
    Shopify(SecretIn),
    Slack(SecretIn),
    Hmac(WithSecret<Signed>),
    ApiKey(WithSecret<ApiKey>),
    Jwt(WithSecret<Jwt>),
}

/// The secret of a type that needs to know nothing else.
#[derive(JsonSchema)]
#[schemars(rename = "SourceSecretIn")]
#[expect(dead_code, reason = "a shape only")]
struct SecretIn {
    /// What the sender signs with. Left out where a source is replaced, it stays.
    #[schemars(length(min = 1, max = SECRET_LIMIT), example = &"It_is_a_secret")]
    secret: Option<String>,
}

/// Settings and a secret.
#[derive(JsonSchema)]
#[schemars(rename = "{T}In")]
#[expect(dead_code, reason = "a shape only")]
struct WithSecret<T> {
    /// What the sender signs with. Left out where a source is replaced, it stays.
    #[schemars(length(min = 1, max = SECRET_LIMIT), example = &"It_is_a_secret")]
    secret: Option<String>,
    #[schemars(flatten)]
    settings: T,
}

/// The settings of a type that has none but its secret may be left out.
fn may_be_absent(schema: &mut Schema) {
    let Some(Value::Array(kinds)) = schema.get_mut("oneOf") else { return };
    for kind in kinds.iter_mut().take(5) {
        kind["required"] = json!(["type"]);
    }
}

/// A source as it was asked for, which satisfies every rule that needs no look at other things.
pub(super) struct Checked {
    body: SourceIn,
    /// The type with its settings.
    pub(super) preset: Preset,
    /// The sender's secret, if the caller brings one.
    pub(super) secret: Option<String>,
}

impl SourceIn {
    /// Checks every rule.
    pub(super) fn check(mut self) -> Result<Checked, Problem> {
        let mut config = self.config.take().unwrap_or_default();
        let secret: Option<String> = from_member("config.secret", config.remove("secret").unwrap_or_default())?;
        let preset = preset(self.kind, config)?;
        let mut check = Check::default();
        if self.name.is_empty() {
            check.fail(&["body", "name"], "must not be empty");
        }
        check.text("name", &self.name);
        check.uid("uid", self.uid.value().map(String::as_str), SourceId::PREFIX);
        preset.check(&mut check);
        if let Some(text) = &secret {
            check_secret(&mut check, &["body", "config", "secret"], &preset, text);
        }
        self.check_event_types(&mut check);
        if let Some(metadata) = &self.metadata {
            check.metadata(metadata);
        }
        check.finish()?;
        Ok(Checked { body: self, preset, secret })
    }

    fn check_event_types(&self, check: &mut Check) {
        let prefix = self.event_type_prefix.as_deref().unwrap_or_default();
        if !prefix.is_empty() && (!is_name(prefix) || prefix.len() > PREFIX_LIMIT) {
            check.fail(&["body", "eventTypePrefix"], "must be at most 128 characters of A-Z a-z 0-9 - _ .");
        }
        for (from, to) in self.event_types.iter().flatten() {
            if !is_name(to) {
                check.fail(&["body", "eventTypes", from], NAME_RULE);
            }
        }
        if json_size(&self.event_types) > NAMES_LIMIT {
            check.fail(&["body", "eventTypes"], format!("must be at most {NAMES_LIMIT} bytes of JSON together"));
        }
    }
}

impl Checked {
    /// The uid as it was given.
    pub(super) const fn uid(&self) -> &Given<String> {
        &self.body.uid
    }

    /// The application's id or uid.
    pub(super) fn app(&self) -> &str {
        &self.body.app_id
    }

    /// How event types are named.
    pub(super) fn event_types(&self) -> EventTypes {
        let prefix = self.body.event_type_prefix.clone().unwrap_or_else(|| self.preset.prefix().to_owned());
        EventTypes { prefix, names: self.body.event_types.clone().unwrap_or_default() }
    }

    /// Puts everything into the source but its application and its secrets.
    pub(super) fn fill(&self, source: &mut Source, uid: Option<String>) {
        let body = self.body.clone();
        source.uid = uid;
        source.name = body.name;
        source.disabled = body.disabled;
        source.preset = self.preset.clone();
        source.event_types = self.event_types();
        source.metadata = body.metadata.unwrap_or_default();
    }
}

fn preset(kind: Kind, config: Map<String, Value>) -> Result<Preset, Problem> {
    let config = Value::Object(config);
    Ok(match kind {
        Kind::StandardWebhooks => Preset::StandardWebhooks,
        Kind::Github => Preset::Github,
        Kind::Stripe => Preset::Stripe,
        Kind::Shopify => Preset::Shopify,
        Kind::Slack => Preset::Slack,
        Kind::Hmac => Preset::Hmac(from_member("config", config)?),
        Kind::ApiKey => Preset::ApiKey(from_member("config", config)?),
        Kind::Jwt => Preset::Jwt(from_member("config", config)?),
    })
}

/// Notes where a secret is not one of the source's type.
pub(super) fn check_secret(check: &mut Check, loc: &[&str], preset: &Preset, secret: &str) {
    if let Err(why) = preset.check_secret(secret) {
        check.fail(loc, why);
    }
}
