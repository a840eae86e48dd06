use serde_json::json;

use super::*;
use crate::{
    health::{Disabled, Health, Open},
    manner::{Auth, Manner},
};

/// An endpoint `e` with that `delivery`.
fn with(delivery: &Value) -> String {
    json!({ "url": "https://example.com", "uid": "e", "delivery": delivery }).to_string()
}

fn basic(password: Option<&str>) -> Value {
    match password {
        Some(password) => json!({ "auth": { "type": "basic", "username": "u", "password": password } }),
        None => json!({ "auth": { "type": "basic", "username": "u" } }),
    }
}

impl World {
    async fn delivering(&self, delivery: &Value) -> Result<Value, Problem> {
        self.endpoint(&with(delivery)).await
    }

    async fn patch_delivery(&self, delivery: Value) -> Result<Value, Problem> {
        self.patched("e", &json!({ "delivery": delivery }).to_string()).await
    }

    fn password(&self) -> String {
        let endpoint = self.stored();
        let Auth::Basic { password, .. } = &endpoint.delivery.auth else { panic!("no password") };
        self.ring.open_text(password, endpoint.id).expect("opens")
    }
}

#[tokio::test]
async fn what_was_asked_for_is_shown_without_its_secrets() {
    let world = World::new();
    let wanted = json!({
        "paused": true, "method": "PUT", "format": "cloudevents-structured", "eventTypeHeader": "x-event-type",
        "auth": { "type": "oauth2", "tokenUrl": "HTTPS://Example.com/token", "clientId": "c", "clientSecret": "hush",
                  "scope": "a b" },
        "batch": { "maxEvents": 100, "maxSeconds": 900 }, "other": 1,
    });
    let made = world.delivering(&wanted).await.expect("created");
    let expected = json!({
        "type": "http", "paused": true, "method": "PUT", "format": "cloudevents-structured", "eventTypeHeader": "x-event-type",
        "auth": { "type": "oauth2", "tokenUrl": "https://example.com/token", "clientId": "c", "scope": "a b" },
        "batch": { "maxEvents": 100, "maxSeconds": 900 }, "confirm": null, "consent": false, "filter": null,
        "status": { "circuit": "closed", "slow": false },
    });
    assert_eq!(made["delivery"], expected);
    assert!(!serde_json::to_string(&world.stored()).expect("JSON").contains("hush"));
}

#[tokio::test]
async fn every_type_of_authentication_is_kept_sealed_for_its_endpoint() {
    for (auth, shown) in [
        (json!({ "type": "none", "token": "t" }), None),
        (json!({ "type": "basic", "username": "", "password": "" }), Some(json!({ "type": "basic", "username": "" }))),
        (json!({ "type": "bearer", "token": "t" }), Some(json!({ "type": "bearer" }))),
        (
            json!({ "type": "header", "name": "X-API-Key", "value": "v" }),
            Some(json!({ "type": "header", "name": "X-API-Key" })),
        ),
    ] {
        let world = World::new();
        let made = world.delivering(&json!({ "auth": auth })).await.expect("created");
        assert_eq!(made.get("delivery").map(|delivery| delivery["auth"].clone()), shown);
    }
}

#[tokio::test]
async fn an_endpoint_as_the_contract_knows_it_shows_nothing_more() {
    let world = World::new();
    for nothing in [json!(null), json!({}), json!({ "paused": null, "auth": null, "method": "POST", "batch": null })] {
        let made = World::new().delivering(&nothing).await.expect("created");
        assert_eq!(made.get("delivery"), None, "{nothing}");
    }
    world.delivering(&json!({})).await.expect("created");
    let health = Health {
        open: Some(Open { until: Time::from_secs(1_800_000_030), pause: 30 }),
        failing_since: Some(Time::from_secs(1_800_000_000)),
        slow: true,
        disabled: Some(Disabled::Gone),
    };
    world.alter(|endpoint| endpoint.health = health);
    let shown = world.patched("e", "{}").await.expect("patched");
    let status = json!({
        "circuit": "open", "openUntil": "2027-01-15T08:00:30.000000Z", "failingSince": "2027-01-15T08:00:00.000000Z",
        "slow": true, "disabledBecause": "gone",
    });
    assert_eq!((&shown["delivery"]["status"], &shown["delivery"]["auth"]), (&status, &json!({ "type": "none" })));
}

#[tokio::test]
async fn patch_changes_member_by_member_and_null_is_the_default() {
    let world = World::new();
    let wanted = json!({ "method": "PATCH", "confirm": { "withinSeconds": 60 }, "auth": basic(Some("p"))["auth"] });
    world.delivering(&wanted).await.expect("created");
    let kept = world.patched("e", r#"{"description":"d"}"#).await.expect("patched");
    assert_eq!(kept["delivery"]["method"], "PATCH");
    let changed = world.patch_delivery(json!({ "paused": true, "method": null })).await.expect("patched");
    let delivery = &changed["delivery"];
    assert_eq!((&delivery["paused"], &delivery["method"]), (&true.into(), &"POST".into()));
    assert_eq!((&delivery["confirm"]["withinSeconds"], world.password()), (&60.into(), "p".to_owned()));
    let cleared = world.patch_delivery(Value::Null).await.expect("patched");
    assert_eq!((cleared.get("delivery"), world.stored().delivery), (None, Manner::default()));
}

#[tokio::test]
async fn put_replaces_all_and_a_secret_that_is_left_out_stays() {
    let world = World::new();
    world.delivering(&basic(Some("p"))).await.expect("created");
    world.patch_delivery(json!({ "paused": true })).await.expect("patched");
    let put = world.replaced("e", &with(&basic(None))).await.expect("put");
    assert_eq!((&put["delivery"]["paused"], world.password()), (&false.into(), "p".to_owned()));
    world.patch_delivery(basic(None)).await.expect("patched");
    assert_eq!(world.password(), "p");
    world.patch_delivery(basic(Some("q"))).await.expect("patched");
    assert_eq!(world.password(), "q");
    let other = json!({ "auth": { "type": "bearer" } });
    assert_eq!(fields(world.replaced("e", &with(&other)).await), ["body.delivery.auth.token"]);
    world.replaced("e", r#"{"url":"https://example.com"}"#).await.expect("put");
    assert_eq!(world.stored().delivery, Manner::default());
    assert_eq!(fields(world.patch_delivery(basic(None)).await), ["body.delivery.auth.password"]);
}

#[tokio::test]
async fn a_clients_secret_goes_to_no_other_server_than_it_was_given_for() {
    let client = |url: &str| json!({ "auth": { "type": "oauth2", "tokenUrl": url, "clientId": "c" } });
    let world = World::new();
    let mut first = client("https://a.example/token");
    first["auth"]["clientSecret"] = "s".into();
    world.delivering(&first).await.expect("created");
    assert!(world.patch_delivery(client("https://A.example/token")).await.is_ok());
    let elsewhere = world.patch_delivery(client("https://b.example/token")).await;
    assert_eq!(fields(elsewhere), ["body.delivery.auth.clientSecret"]);
}

#[tokio::test]
async fn a_secret_goes_to_no_other_server_than_that_of_the_url_it_was_given_with() {
    let world = World::new();
    world.delivering(&basic(Some("p"))).await.expect("created");
    let url = |url: &str, delivery: Option<Value>| {
        let mut patch = json!({ "url": url });
        if let Some(delivery) = delivery {
            patch["delivery"] = delivery;
        }
        patch.to_string()
    };
    assert!(world.patched("e", &url("https://example.com/elsewhere", None)).await.is_ok(), "the same server");
    let other = "https://other.example/";
    assert_eq!(fields(world.patched("e", &url(other, None)).await), ["body.delivery.auth"]);
    assert_eq!(fields(world.patched("e", &url(other, Some(basic(None)))).await), ["body.delivery.auth.password"]);
    let put = json!({ "url": other, "uid": "e", "delivery": basic(None) }).to_string();
    assert_eq!(fields(world.replaced("e", &put).await), ["body.delivery.auth.password"]);
    assert_eq!(world.stored().url, "https://example.com/elsewhere");
    assert!(world.patched("e", &url(other, Some(basic(Some("q"))))).await.is_ok());
    assert_eq!(world.password(), "q");
    let without = json!({ "auth": null });
    assert!(world.patched("e", &url("https://third.example/", Some(without))).await.is_ok());
}

#[tokio::test]
async fn all_broken_rules_are_named() {
    let world = World::new();
    let long = "x".repeat(4_097);
    for (delivery, broken) in [
        (json!({ "eventTypeHeader": "" }), &["eventTypeHeader"][..]),
        (json!({ "eventTypeHeader": "a b" }), &["eventTypeHeader"]),
        (json!({ "eventTypeHeader": "Content-Type" }), &["eventTypeHeader"]),
        (json!({ "eventTypeHeader": "webhook-id" }), &["eventTypeHeader"]),
        (json!({ "eventTypeHeader": "CE-Type" }), &["eventTypeHeader"]),
        (json!({ "eventTypeHeader": "Authorization" }), &["eventTypeHeader"]),
        (json!({ "auth": { "type": "basic" } }), &["auth.username"]),
        (
            json!({ "auth": { "type": "basic", "username": "a:b", "password": "\n" } }),
            &["auth.username", "auth.password"],
        ),
        (
            json!({ "auth": { "type": "basic", "username": long, "password": long } }),
            &["auth.username", "auth.password"],
        ),
        (json!({ "auth": { "type": "bearer", "token": "" } }), &["auth.token"]),
        (json!({ "auth": { "type": "bearer", "token": "a\u{e9}" } }), &["auth.token"]),
        (json!({ "auth": { "type": "bearer", "token": " a" } }), &["auth.token"]),
        (json!({ "auth": { "type": "bearer" } }), &["auth.token"]),
        (json!({ "auth": { "type": "header", "name": "Host", "value": long } }), &["auth.name", "auth.value"]),
        (json!({ "auth": { "type": "header", "name": "ce-id", "value": "v" } }), &["auth.name"]),
        (
            json!({ "auth": { "type": "oauth2", "tokenUrl": "http://a", "scope": "a  b" } }),
            &["auth.tokenUrl", "auth.clientId", "auth.scope"],
        ),
        (
            json!({ "auth": { "type": "oauth2", "tokenUrl": "https://u:p@a.example/", "clientId": "c" } }),
            &["auth.tokenUrl"],
        ),
        (json!({ "batch": { "maxEvents": 1, "maxSeconds": 70_000 } }), &["batch.maxEvents", "batch.maxSeconds"]),
        (json!({ "confirm": { "withinSeconds": 0 } }), &["confirm.withinSeconds"]),
        (json!({ "filter": "a" }), &["filter"]),
        (json!({ "filter": { "a": { "b": [{ "numeric": ["~", 1] }] } }, "method": "POST" }), &["filter.a.b.0.numeric"]),
    ] {
        let broken: Vec<_> = broken.iter().map(|field| format!("body.delivery.{field}")).collect();
        assert_eq!(fields(world.delivering(&delivery).await), broken, "{delivery}");
    }
    assert!(world.delivering(&json!({ "eventTypeHeader": "Webhook-Event-Type" })).await.is_ok());
}

#[tokio::test]
async fn a_filter_is_shown_kept_and_cleared() {
    let world = World::new();
    let filter = json!({ "state": ["running", { "anything-but": { "prefix": "init" } }] });
    let made = world.delivering(&json!({ "filter": filter })).await.expect("created");
    assert_eq!(made["delivery"]["filter"], filter);
    let kept = world.patch_delivery(json!({ "method": "PUT" })).await.expect("patched");
    assert_eq!(kept["delivery"]["filter"], filter);
    let cleared = world.patch_delivery(json!({ "filter": null, "method": null })).await.expect("patched");
    assert_eq!(cleared.get("delivery"), None);
}

#[test]
fn json_that_does_not_fit_is_named_too() {
    for (delivery, field) in [
        (json!({ "method": "GET" }), "body.delivery.method"),
        (json!({ "method": "OPTIONS" }), "body.delivery.method"),
        (json!({ "format": "xml" }), "body.delivery.format"),
        (json!({ "auth": {} }), "body.delivery.auth.type"),
        (json!({ "auth": { "type": "ntlm" } }), "body.delivery.auth.type"),
        (json!({ "batch": { "maxEvents": 5 } }), "body.delivery.batch.maxSeconds"),
        (json!({ "confirm": { "withinSeconds": -1 } }), "body.delivery.confirm.withinSeconds"),
    ] {
        let result = from_json::<EndpointIn>(with(&delivery).as_bytes());
        assert_eq!(fields(result.map(drop)), [field], "{delivery}");
    }
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_with_what_stands() {
    let world = World::new();
    let batch = json!({ "batch": { "maxEvents": 2, "maxSeconds": 1 } });
    world.delivering(&batch).await.expect("created");
    let confirm = world.patch_delivery(json!({ "confirm": { "withinSeconds": 5 } })).await;
    assert_eq!(fields(confirm), ["body.delivery.batch"]);
    let binary = world.patch_delivery(json!({ "format": "cloudevents-binary" })).await;
    assert_eq!(fields(binary), ["body.delivery.batch"]);
    assert!(world.patch_delivery(json!({ "format": "cloudevents-binary", "batch": null })).await.is_ok());
    let twice = json!({ "eventTypeHeader": "x-a", "auth": { "type": "header", "name": "X-A", "value": "v" } });
    assert_eq!(fields(world.patch_delivery(twice).await), ["body.delivery.eventTypeHeader"]);
}

#[tokio::test]
async fn the_key_type_counts_where_an_endpoint_is_created() {
    let world = World::new();
    let ed25519 = json!({ "keyType": "ed25519" });
    let made = world.delivering(&ed25519).await.expect("created");
    assert_eq!(made.get("delivery"), None);
    let key = async || shown(&world.manager().secret(&world.caller, "app", "e").await.expect("secret"));
    let before = key().await;
    assert!(before["key"].as_str().is_some_and(|key| key.starts_with("whpk_")), "{before}");
    world.replaced("e", &with(&json!({ "keyType": "hmacSha256" }))).await.expect("put");
    assert_eq!(key().await, before);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let both = json!({ "url": "https://example.com", "secret": secret, "delivery": ed25519 }).to_string();
    assert_eq!(fields(world.endpoint(&both).await), ["body.delivery.keyType"]);
}

#[tokio::test]
async fn a_poller_needs_no_url_and_stays_one() {
    let world = World::new();
    let poller = json!({ "uid": "e", "delivery": { "type": "poller" } }).to_string();
    let made = world.endpoint(&poller).await.expect("created");
    assert_eq!((&made["url"], &made["delivery"]["type"]), (&"https://poller.invalid/".into(), &"poller".into()));
    // An existing client's PUT, and whatever else does not say so.
    let put = world.replaced("e", r#"{"url":"https://example.com/","uid":"e"}"#).await.expect("put");
    assert_eq!((&put["url"], &put["delivery"]["type"]), (&"https://example.com/".into(), &"poller".into()));
    let cleared = world.patch_delivery(Value::Null).await.expect("patched");
    assert_eq!(cleared["delivery"]["type"], "poller");
    let filtered = world.patch_delivery(json!({ "filter": { "a": [1] } })).await.expect("patched");
    assert_eq!(filtered["delivery"]["filter"], json!({ "a": [1] }));
    assert_eq!(fields(world.patch_delivery(json!({ "type": "http" })).await), ["body.delivery.type"]);
    for delivery in
        [json!({ "paused": true }), json!({ "method": "PUT" }), json!({ "confirm": { "withinSeconds": 5 } })]
    {
        assert_eq!(fields(world.patch_delivery(delivery).await), ["body.delivery.type"]);
    }
    let http = World::new();
    assert_eq!(fields(http.endpoint(r#"{"uid":"e"}"#).await), ["body.url"]);
    http.delivering(&json!({ "type": "http" })).await.expect("created");
    assert_eq!(fields(http.patch_delivery(json!({ "type": "poller" })).await), ["body.delivery.type"]);
}
