//! The member `delivery` of an endpoint as it is answered: without secrets, and with what is known of its health.

use serde::Serialize;

use crate::{
    entity::Endpoint,
    filter::Filter,
    health::{Disabled, Health},
    manner::{Auth, Format, Kind, Manner, Method},
    time::Time,
};

/// How an endpoint is delivered to, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MannerOut {
    #[serde(rename = "type")]
    kind: Kind,
    paused: bool,
    method: Method,
    format: Format,
    event_type_header: Option<String>,
    auth: AuthOut,
    batch: Option<BatchOut>,
    confirm: Option<ConfirmOut>,
    consent: bool,
    filter: Option<Filter>,
    status: StatusOut,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum AuthOut {
    None,
    Basic {
        username: String,
    },
    Bearer,
    Header {
        name: String,
    },
    OAuth2 {
        token_url: String,
        client_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchOut {
    max_events: u16,
    max_seconds: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmOut {
    within_seconds: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusOut {
    circuit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Time>,
    slow: bool,
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
