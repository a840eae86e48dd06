//! What the config table holds: applications, endpoints and event types, in the form they are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    filter::Event,
    health::Health,
    ids::{AppId, EndpointId, OrgId},
    keyring::Sealed,
    manner::Manner,
    time::Time,
};

/// String to string, kept for the caller, never interpreted.
pub type Metadata = BTreeMap<String, String>;

/// One customer of an organization: the tenancy boundary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its identifier.
    pub id: AppId,
    /// Whose it is.
    pub org: OrgId,
    /// The caller's own name for it, unique in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// For people.
    pub name: String,
    /// Deliveries per second to all its endpoints together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_rate: Option<u16>,
    /// Messages per second that it takes in, where that is not the deployment's rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_rate: Option<u32>,
    /// The caller's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
    /// When it was created.
    pub created_at: Time,
    /// When it was last written.
    pub updated_at: Time,
    /// Grows by one with every write; a write states the revision it replaces.
    pub rev: u64,
}

/// A subscription: where to send what, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its identifier.
    pub id: EndpointId,
    /// Whose it is.
    pub app: AppId,
    /// The caller's own name for it, unique in the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Absolute `https` (or allow-listed `http`) URL, normalized.
    pub url: String,
    /// The customer's own version number, at least 1.
    pub version: u16,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Nothing is sent while true.
    #[serde(default)]
    pub disabled: bool,
    /// Only these event types; all if unset. Sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<String>>,
    /// Only messages with one of these channels; all messages if unset. Sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Deliveries per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle_rate: Option<u16>,
    /// The caller's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
    /// Sent with every request; names as the customer typed them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Its signing keys.
    pub secrets: Secrets,
    /// How to deliver.
    #[serde(default, skip_serializing_if = "Manner::is_default")]
    pub delivery: Manner,
    /// How it is. Postrider's own to write.
    #[serde(default, skip_serializing_if = "Health::is_well")]
    pub health: Health,
    /// When it was created.
    pub created_at: Time,
    /// When it was last written.
    pub updated_at: Time,
    /// Grows by one with every write; a write states the revision it replaces.
    pub rev: u64,
}

/// The secrets of an endpoint or a source, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Signs, or is expected, first.
    pub current: Sealed,
    /// Count as well until they expire; soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old: Vec<OldSecret>,
}

/// A secret that was replaced and still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// The key.
    pub key: Sealed,
    /// It counts until then.
    pub expires_at: Time,
}

impl Endpoint {
    /// Whether a message is for this endpoint, by its type, its channels and its payload; whether the endpoint is enabled
    /// is another question. A message without channels does not reach an endpoint with channels.
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let type_fits = self.event_types.as_ref().is_none_or(|types| types.iter().any(|t| t == event.name));
        let channel_fits =
            self.channels.as_ref().is_none_or(|wanted| event.channels.iter().any(|channel| wanted.contains(channel)));
        type_fits && channel_fits && self.delivery.filter.as_ref().is_none_or(|filter| event.passes(filter))
    }
}

/// A name of events, and what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventType {
    /// Such as `invoice.paid`; the key.
    pub name: String,
    /// For people.
    pub description: String,
    /// Out of use: not listed, and endpoints cannot newly subscribe to it.
    #[serde(default)]
    pub archived: bool,
    /// Shown, not interpreted.
    #[serde(default)]
    pub deprecated: bool,
    /// Version to JSON Schema, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<serde_json::Map<String, serde_json::Value>>,
    /// Payloads must satisfy a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Application tokens see the type only with this flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_flag: Option<String>,
    /// When it was created.
    pub created_at: Time,
    /// When it was last written.
    pub updated_at: Time,
    /// Grows by one with every write; a write states the revision it replaces.
    pub rev: u64,
}

/// That payloads of an event type must satisfy one of its schemas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validation {
    /// Which; the highest one if unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl EventType {
    /// The schema that payloads must satisfy, if there is such a demand and such a schema.
    pub fn enforced(&self) -> Option<&serde_json::Value> {
        let version = self.validation.as_ref()?.version.as_deref();
        let schemas = self.schemas.as_ref()?;
        schemas.get(version.or_else(|| self.versions().first().copied())?)
    }

    /// The versions of its schemas, the highest first: numbers as numbers, and above everything else.
    pub fn versions(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.schemas.iter().flatten().map(|(version, _)| version.as_str()).collect();
        all.sort_by_key(|version| std::cmp::Reverse((version.parse::<u64>().ok(), *version)));
        all
    }
}

/// What is needed of an event type to know whether it may be used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventTypeName {
    /// Its name.
    pub name: String,
    /// See [`EventType::archived`].
    #[serde(default)]
    pub archived: bool,
    /// See [`EventType::feature_flag`].
    #[serde(default)]
    pub feature_flag: Option<String>,
}

/// What becomes of a message whose event type is none that the organization uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "AcceptOrRefuse")]
pub enum Unlisted {
    /// It is published like any other.
    #[default]
    Accept,
    /// It is refused.
    Refuse,
}

/// What an organization has settled for all its applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Messages of types that do not exist.
    #[serde(default)]
    pub unknown: Unlisted,
    /// Messages of archived types.
    #[serde(default)]
    pub archived: Unlisted,
    /// Whether an event type may have demanded that payloads satisfy its schema. Postrider's own: where it is unset,
    /// publishing need not look at event types.
    #[serde(default)]
    pub validates: bool,
    /// Grows by one with every write; a write states the revision it replaces.
    pub rev: u64,
}

impl Settings {
    /// Whether publishing must look at the event type.
    pub fn demands(&self) -> bool {
        self.validates || self.unknown == Unlisted::Refuse || self.archived == Unlisted::Refuse
    }
}
