//! Applications, endpoints and event types as they are answered.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::manner_out::MannerOut;
use crate::{
    entity::{Application, Endpoint, EventType, Metadata},
    ids::{AppId, EndpointId},
    page::Key,
    shapes::{MetadataShape, Rate, inline_schema},
    time::Time,
};

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationOut {
    /// Its identifier.
    id: AppId,
    /// Your own name for it, usable in place of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"acme")]
    uid: Option<String>,
    /// What people call it.
    #[schemars(example = "Acme Inc.")]
    name: String,
    /// Deliveries a second to all its endpoints together, at most.
    #[schemars(with = "Option<Rate>")]
    throttle_rate: Option<u16>,
    /// An older name of `throttleRate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Rate>", extend("deprecated" = true))]
    rate_limit: Option<u16>,
    #[schemars(with = "MetadataShape")]
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<PublishingOut>,
    /// When it was made.
    created_at: Time,
    /// When it was changed last.
    updated_at: Time,
}

/// What Postrider adds to an application of the contract; left out where it is as the contract knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApplicationDeliveryOut")]
struct PublishingOut {
    /// Messages a second that are taken in, at most.
    #[schemars(example = 500)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRow {
    /// Its identifier.
    id: EndpointId,
    /// Your own name for it, usable in place of its id.
    #[schemars(example = "acme-billing")]
    uid: Option<String>,
    /// Where requests go.
    #[schemars(example = "https://example.com/webhooks")]
    url: String,
    /// Kept and shown; it changes nothing.
    #[schemars(example = 1)]
    version: u16,
    /// For people.
    #[schemars(example = "Invoices of Acme")]
    description: String,
    /// Whether its messages are recorded only, and not sent.
    disabled: bool,
    /// The event types it wants; all if `null`.
    #[schemars(example = ["invoice.paid"])]
    event_types: Option<Vec<String>>,
    /// An older name of `eventTypes`.
    #[schemars(extend("deprecated" = true))]
    filter_types: Option<Vec<String>>,
    /// The channels it listens to; all if `null`.
    #[schemars(example = ["project_1337"])]
    channels: Option<Vec<String>>,
    /// Requests a second, at most.
    #[schemars(with = "Option<Rate>")]
    throttle_rate: Option<u16>,
    /// An older name of `throttleRate`.
    #[schemars(with = "Option<Rate>", extend("deprecated" = true))]
    rate_limit: Option<u16>,
    /// When it was made.
    created_at: Time,
    /// When it was changed last.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EndpointOut {
    #[serde(flatten)]
    row: EndpointRow,
    #[schemars(with = "MetadataShape")]
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

/// An event type.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeOut {
    /// Its name, which is its key.
    #[schemars(example = "invoice.paid")]
    name: String,
    /// For people.
    #[schemars(example = "An invoice was paid in full")]
    description: String,
    /// Whether it is hidden from lists.
    archived: bool,
    /// Kept and shown; it changes nothing.
    deprecated: bool,
    /// A JSON Schema of its payloads for each version; `null` in lists unless asked for.
    #[schemars(example = super::event_type_in::schemas_example())]
    schemas: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<ValidationOut>,
    /// Who may see it: applications whose tokens have this flag.
    #[schemars(example = &"beta")]
    feature_flag: Option<String>,
    /// When it was made.
    created_at: Time,
    /// When it was changed last.
    updated_at: Time,
}

/// What is demanded of payloads; left out where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EventTypeValidationOut")]
struct ValidationOut {
    /// That they satisfy the schema.
    #[schemars(extend("const" = "enforce"))]
    payload: &'static str,
    /// The version of the schema; the latest if it is left out.
    #[schemars(example = &"1")]
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

inline_schema!(TypeName => schemars::json_schema!({
    "type": "string", "pattern": r"^(~-)?[A-Za-z0-9\-_.]{1,256}$", "examples": ["invoice.paid"],
}));

impl Key for TypeName {
    fn text(&self) -> String {
        if self.0.starts_with('-') { format!("~{}", self.0) } else { self.0.clone() }
    }

    fn read(text: &str) -> Option<Self> {
        let name = text.strip_prefix('~').unwrap_or(text);
        crate::rules::is_name(name).then(|| Self(name.to_owned()))
    }
}
