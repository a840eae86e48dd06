//! How the endpoint is configured, and how it stands.

use std::time::Duration;

use serde_json::json;

use super::Step;
use crate::{entity::Endpoint, health::Disabled, manner::Auth, open::NotOpened, time::Time};

/// Everything about the endpoint that keeps deliveries from being sent. The server is looked at in any case.
pub(super) fn step(endpoint: &Endpoint, sealed: Option<&NotOpened>, event_type: Option<&str>, now: Time) -> Step {
    let open = endpoint.health.circuit(now);
    let facts = json!({
        "disabled": endpoint.disabled,
        "disabledBecause": endpoint.health.disabled,
        "paused": endpoint.delivery.paused,
        "circuitOpenUntil": open.map(|open| open.until),
        "failingSince": endpoint.health.failing_since,
        "slow": endpoint.health.slow,
        "eventTypes": endpoint.event_types,
        "channels": endpoint.channels,
        "throttleRate": endpoint.throttle_rate,
        "headers": endpoint.headers.keys().collect::<Vec<_>>(),
        "auth": kind(&endpoint.delivery.auth),
        "batch": endpoint.delivery.batch.is_some(),
        "confirm": endpoint.delivery.confirm.is_some(),
        "secretsOpen": sealed.is_none(),
    });
    let mut problems = Vec::new();
    if endpoint.disabled {
        problems.push(disabled(endpoint.health.disabled));
    }
    if endpoint.delivery.paused {
        problems.push("The endpoint is paused: deliveries are held until its delivery.paused is false.".to_owned());
    }
    if let Some(open) = open.filter(|_| !endpoint.disabled) {
        problems.push(format!(
            "Too many deliveries have failed, so that none are attempted before {}; then one is, and if it succeeds the others \
             follow. A change of the endpoint has it tried at once.",
            open.until
        ));
    }
    if let Some(wanted) = event_type.filter(|wanted| !takes(endpoint, wanted)) {
        problems.push(format!("The endpoint is not subscribed to {wanted}: add it to its eventTypes."));
    }
    if sealed.is_some() {
        problems.push(
            "The endpoint's secrets do not open any more, because a root key was removed: rotate its secret."
                .to_owned(),
        );
    }
    let problem = (!problems.is_empty()).then(|| problems.join(" "));
    Step::new("configuration", Duration::ZERO, facts, problem)
}

fn disabled(why: Option<Disabled>) -> String {
    let why = match why {
        None => "",
        Some(Disabled::Gone) => ", because its server answered 410 Gone",
        Some(Disabled::Asked) => ", because its server asked for that (webhook-delivery: disable)",
        Some(Disabled::Failing) => ", because nothing had succeeded for days",
    };
    format!("The endpoint is disabled{why}: nothing is sent to it until its disabled is false.")
}

fn takes(endpoint: &Endpoint, event_type: &str) -> bool {
    endpoint.event_types.as_ref().is_none_or(|types| types.iter().any(|is| is == event_type))
}

const fn kind(auth: &Auth) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Basic { .. } => "basic",
        Auth::Bearer { .. } => "bearer",
        Auth::Header { .. } => "header",
        Auth::OAuth2 { .. } => "oauth2",
    }
}
