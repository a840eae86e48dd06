//! The member `delivery` of an endpoint as it is answered: without secrets, and with what is known of its health.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    entity::Endpoint,
    filter::Filter,
    health::{Disabled, Health},
    manner::{Auth, Format, Kind, Manner, Method},
    shapes::AnyObject,
    time::Time,
};

/// How an endpoint is delivered to, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeliveryOut")]
pub(super) struct MannerOut {
    /// How messages reach the customer.
    #[serde(rename = "type")]
    kind: Kind,
    /// Whether deliveries are held until it is resumed.
    paused: bool,
    /// The method of the requests.
    method: Method,
    /// The form of the requests' bodies.
    format: Format,
    /// A header in which the event type is sent as well.
    event_type_header: Option<String>,
    auth: AuthOut,
    batch: Option<BatchOut>,
    confirm: Option<ConfirmOut>,
    /// Whether the receiver was asked for its consent.
    consent: bool,
    /// Only messages with such a payload.
    #[schemars(with = "Option<AnyObject>", example = crate::filter::example())]
    filter: Option<Filter>,
    status: StatusOut,
}

/// How the sender proves to the receiver who it is, without the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum AuthOut {
    /// The signature only.
    None,
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
    },
    /// A token.
    Bearer,
    /// A key in a header.
    Header {
        /// The header's name.
        name: String,
    },
    /// A token by client credentials.
    OAuth2 {
        /// Where tokens are asked for.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// What is asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// Several events in one request, as a JSON array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BatchOut {
    /// Events in one request, at most.
    max_events: u16,
    /// Seconds that the first of them waits, at most.
    max_seconds: u16,
}

/// A delivery succeeds when its receiver calls a URL that came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ConfirmOut {
    /// Seconds after its response in which the receiver must.
    within_seconds: u32,
}

/// What is known of the endpoint's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeliveryStatusOut")]
struct StatusOut {
    /// `open` while nothing is sent but a probe now and then.
    #[schemars(extend("enum" = ["closed", "open"]))]
    circuit: &'static str,
    /// When the next probe is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<Time>,
    /// Since when nothing has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Time>,
    /// Whether its answers take long.
    slow: bool,
    /// Why it was disabled, if it was not by a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_because: Option<Disabled>,
}

impl MannerOut {
    /// Nothing, where an endpoint is as the contract knows them and nothing is known against it.
    pub(super) fn of(endpoint: &Endpoint) -> Option<Self> {
        let (manner, health) = (&endpoint.delivery, &endpoint.health);
        (!manner.is_default() || !health.is_well()).then(|| Self::new(manner.clone(), health))
    }

    fn new(manner: Manner, health: &Health) -> Self {
        let batch = manner.batch.map(|batch| BatchOut { max_events: batch.max_events, max_seconds: batch.max_seconds });
        Self {
            kind: manner.kind,
            paused: manner.paused,
            method: manner.method,
            format: manner.format,
            event_type_header: manner.event_type_header,
            auth: manner.auth.into(),
            batch,
            confirm: manner.confirm.map(|confirm| ConfirmOut { within_seconds: confirm.within_seconds }),
            consent: manner.consent,
            filter: manner.filter,
            status: health.into(),
        }
    }
}

impl From<Auth> for AuthOut {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::None => Self::None,
            Auth::Basic { username, .. } => Self::Basic { username },
            Auth::Bearer { .. } => Self::Bearer,
            Auth::Header { name, .. } => Self::Header { name },
            Auth::OAuth2 { token_url, client_id, scope, .. } => Self::OAuth2 { token_url, client_id, scope },
        }
    }
}

impl From<&Health> for StatusOut {
    fn from(health: &Health) -> Self {
        Self {
            circuit: if health.open.is_some() { "open" } else { "closed" },
            open_until: health.open.map(|open| open.until),
            failing_since: health.failing_since,
            slow: health.slow,
            disabled_because: health.disabled,
        }
    }
}
