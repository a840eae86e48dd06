//! Sources as they are stored.

use serde::{Deserialize, Serialize};

use crate::{
    entity::{Metadata, Secrets},
    ids::{AppId, OrgId, SourceId},
    receive::{EventTypes, Preset},
    time::Time,
};

/// A URL of ours for one third-party sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its identifier, and the end of its URL.
    pub id: SourceId,
    /// Whose it is.
    pub org: OrgId,
    /// The caller's own name for it, unique among the organization's sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// For people.
    pub name: String,
    /// Where its messages are published.
    pub app: AppId,
    /// Nothing is received while true.
    #[serde(default)]
    pub disabled: bool,
    /// How the sender proves that a request is its own.
    #[serde(flatten)]
    pub preset: Preset,
    /// What the sender proves it with.
    pub secrets: Secrets,
    /// How its event types are named.
    #[serde(default)]
    pub event_types: EventTypes,
    /// The caller's.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// When it was created.
    pub created_at: Time,
    /// When it was last written.
    pub updated_at: Time,
    /// Grows by one with every write; a write states the revision it replaces.
    pub rev: u64,
}
