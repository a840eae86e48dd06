//! Applications, endpoints and event types as they are answered.

use serde::Serialize;
use serde_json::{Map, Value};

use super::manner_out::MannerOut;
use crate::{
    entity::{Application, Endpoint, EventType, Metadata},
    ids::{AppId, EndpointId},
    page::Key,
    time::Time,
};

/// An application as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationOut {
    id: AppId,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    name: String,
    throttle_rate: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<u16>,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<PublishingOut>,
    created_at: Time,
    updated_at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PublishingOut {
    publish_rate: u32,
}

impl From<Application> for ApplicationOut {
    fn from(app: Application) -> Self {
        Self {
            id: app.id,
            uid: app.uid,
            name: app.name,
            throttle_rate: app.throttle_rate,
            rate_limit: app.throttle_rate,
            metadata: app.metadata,
            delivery: app.publish_rate.map(|publish_rate| PublishingOut { publish_rate }),
            created_at: app.created_at,
            updated_at: app.updated_at,
        }
    }
}

/// What is shown of an endpoint everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRow {
    id: EndpointId,
    uid: Option<String>,
    url: String,
    version: u16,
    description: String,
    disabled: bool,
    event_types: Option<Vec<String>>,
    filter_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    throttle_rate: Option<u16>,
    rate_limit: Option<u16>,
    created_at: Time,
    updated_at: Time,
}

impl From<Endpoint> for EndpointRow {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            uid: endpoint.uid,
            url: endpoint.url,
            version: endpoint.version,
            description: endpoint.description,
            disabled: endpoint.disabled,
            filter_types: endpoint.event_types.clone(),
            event_types: endpoint.event_types,
            channels: endpoint.channels,
            throttle_rate: endpoint.throttle_rate,
            rate_limit: endpoint.throttle_rate,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// An endpoint as it is answered: without its secrets and headers, which have calls of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointOut {
    #[serde(flatten)]
    row: EndpointRow,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<MannerOut>,
}

impl From<Endpoint> for EndpointOut {
    fn from(mut endpoint: Endpoint) -> Self {
        let metadata = std::mem::take(&mut endpoint.metadata);
        let delivery = MannerOut::of(&endpoint);
        Self { row: endpoint.into(), metadata, delivery }
    }
}

/// An event type as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeOut {
    name: String,
    description: String,
    archived: bool,
    deprecated: bool,
    /// `null` in lists unless asked for.
    schemas: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<ValidationOut>,
    feature_flag: Option<String>,
    created_at: Time,
    updated_at: Time,
}

/// Shown where payloads must satisfy a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ValidationOut {
    payload: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl From<EventType> for EventTypeOut {
    fn from(kind: EventType) -> Self {
        Self {
            name: kind.name,
            description: kind.description,
            archived: kind.archived,
            deprecated: kind.deprecated,
            schemas: kind.schemas,
            validation: kind.validation.map(|demand| ValidationOut { payload: "enforce", version: demand.version }),
            feature_flag: kind.feature_flag,
            created_at: kind.created_at,
            updated_at: kind.updated_at,
        }
    }
}

/// The name of an event type as an iterator. One that begins with `-` gets a `~` before it, or it would read as the
/// direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName(pub String);

impl Key for TypeName {
    fn text(&self) -> String {
        if self.0.starts_with('-') { format!("~{}", self.0) } else { self.0.clone() }
    }

    fn read(text: &str) -> Option<Self> {
        let name = text.strip_prefix('~').unwrap_or(text);
        crate::rules::is_name(name).then(|| Self(name.to_owned()))
    }
}
