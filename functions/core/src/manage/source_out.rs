//! Sources as they are answered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    entity::Metadata,
    ids::{AppId, SourceId},
    receive::Preset,
    shapes::MetadataShape,
    source::Source,
    time::Time,
};

/// A source as it is answered: without its secrets, which nobody needs to see again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceOut {
    /// Its identifier.
    id: SourceId,
    /// Your own name for it, usable in place of its id.
    #[schemars(example = "acme-github")]
    uid: Option<String>,
    /// What people call it.
    #[schemars(example = "GitHub of Acme")]
    name: String,
    /// Where its messages are published.
    app_id: AppId,
    #[serde(flatten)]
    preset: Preset,
    /// What the event types of its messages begin with.
    #[schemars(example = &"github")]
    event_type_prefix: String,
    /// Event types by what the sender calls them, where they are called otherwise.
    #[schemars(example = BTreeMap::from([("push", "code.pushed")]))]
    event_types: BTreeMap<String, String>,
    /// Whether nothing is received.
    disabled: bool,
    #[schemars(with = "MetadataShape")]
    metadata: Metadata,
    /// Where third parties send to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "https://hooks.example.com/in/src_2tAbcdefghijklmnopqrstuvwxy")]
    ingest_url: Option<String>,
    /// When it was made.
    created_at: Time,
    /// When it was changed last.
    updated_at: Time,
}

impl SourceOut {
    /// With its own URL, below that of the API.
    #[must_use]
    pub fn at(mut self, api_url: &str) -> Self {
        self.ingest_url = Some(format!("{}/in/{}", api_url.trim_end_matches('/'), self.id));
        self
    }
}

impl From<Source> for SourceOut {
    fn from(source: Source) -> Self {
        Self {
            id: source.id,
            uid: source.uid,
            name: source.name,
            app_id: source.app,
            preset: source.preset,
            event_type_prefix: source.event_types.prefix,
            event_types: source.event_types.names,
            disabled: source.disabled,
            metadata: source.metadata,
            ingest_url: None,
            created_at: source.created_at,
            updated_at: source.updated_at,
        }
    }
}
