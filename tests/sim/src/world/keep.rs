//! What every run begins with. Sealing takes time, so it is done once.

use std::sync::OnceLock;

use postrider_core::{
    entity::{Endpoint, Secrets},
    ids::{AppId, EndpointId, Id as _, Ksuid, OrgId},
    keyring::Keyring,
    manner::Manner,
    secret::SigningSecret,
};

use crate::{
    scenario::{START, Scenario},
    tables::Tables,
};

const MOST_ENDPOINTS: u8 = 8;

/// The keyring.
pub fn ring() -> Keyring {
    static RING: OnceLock<Keyring> = OnceLock::new();
    RING.get_or_init(|| {
        Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("a keyring")
    })
    .clone()
}

/// The organization.
pub fn org() -> OrgId {
    "org_a".parse().expect("an organization")
}

/// The application.
pub fn app() -> AppId {
    AppId::from_ksuid(Ksuid::new(START, [9; 15]))
}

/// The n-th endpoint.
pub fn endpoint_id(n: usize) -> EndpointId {
    let n = u8::try_from(n).unwrap_or(u8::MAX);
    EndpointId::from_ksuid(Ksuid::new(START, [n; 15]))
}

fn endpoints() -> &'static [Endpoint] {
    static ENDPOINTS: OnceLock<Vec<Endpoint>> = OnceLock::new();
    ENDPOINTS.get_or_init(|| (0..MOST_ENDPOINTS).map(endpoint).collect())
}

fn endpoint(n: u8) -> Endpoint {
    let id = endpoint_id(usize::from(n));
    let key = ring().seal(&SigningSecret::generate([n; 24]), id, [n; 12]).expect("seals");
    let json = serde_json::json!({
        "id": id, "app": app(), "url": format!("https://example.com/{n}"), "version": 1,
        "secrets": Secrets { current: key, old: vec![] }, "created_at": START, "updated_at": START, "rev": 1,
    });
    serde_json::from_value(json).expect("an endpoint")
}

/// The tables at the beginning.
pub(super) fn tables(scenario: &Scenario) -> Tables {
    let json = serde_json::json!({
        "id": app(), "org": "org_a", "name": "A", "created_at": START, "updated_at": START, "rev": 1,
        "throttle_rate": scenario.throttle,
    });
    let application = serde_json::from_value(json).expect("an application");
    let endpoints = scenario.endpoints.iter().zip(endpoints()).map(|(subscription, endpoint)| Endpoint {
        throttle_rate: subscription.throttle,
        delivery: Manner {
            batch: subscription.batch,
            confirm: subscription.confirm.map(|(confirming, _)| confirming),
            ..Manner::default()
        },
        ..endpoint.clone()
    });
    Tables::new(application, endpoints)
}
