//! Sources as they are answered.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    entity::Metadata,
    ids::{AppId, SourceId},
    receive::Preset,
    source::Source,
    time::Time,
};

/// A source as it is answered: without its secrets, which nobody needs to see again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceOut {
    id: SourceId,
    uid: Option<String>,
    name: String,
    app_id: AppId,
    #[serde(flatten)]
    preset: Preset,
    event_type_prefix: String,
    event_types: BTreeMap<String, String>,
    disabled: bool,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingest_url: Option<String>,
    created_at: Time,
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
