use super::*;
use crate::health::{Disabled, Health, Open};

fn ill(disabled: Option<Disabled>) -> Health {
    let at = Time::from_secs(1_800_000_000);
    Health { open: Some(Open { until: at, pause: 60 }), failing_since: Some(at), slow: true, disabled }
}

/// An endpoint `e` in bad health.
async fn world(disabled: Option<Disabled>) -> World {
    let world = World::new();
    world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    world.alter(|endpoint| {
        endpoint.health = ill(disabled);
        endpoint.disabled = disabled.is_some();
    });
    world
}

#[tokio::test]
async fn whoever_mends_an_endpoint_has_it_tried_at_once() {
    for (patch, is_mended) in [
        (r#"{"url":"https://example.com/new"}"#, true),
        (r#"{"delivery":{"method":"PUT"}}"#, true),
        (r#"{"url":"https://EXAMPLE.com"}"#, false),
        (r#"{"description":"d","throttleRate":5,"metadata":{"k":"v"}}"#, false),
        (r#"{"disabled":false}"#, false),
        (r#"{"disabled":true}"#, false),
    ] {
        let world = world(None).await;
        world.patched("e", patch).await.expect("patched");
        let expected = if is_mended { Health::default() } else { ill(None) };
        assert_eq!(world.stored().health, expected, "{patch}");
    }
}

#[tokio::test]
async fn headers_and_secrets_mend_as_well() {
    let changed = world(None).await;
    let headers = read(r#"{"headers":{"X-A":"1"}}"#);
    changed.manager().put_headers(&changed.caller, "app", "e", headers).await.expect("headers");
    assert_eq!(changed.stored().health, Health::default());
    let rotated = world(None).await;
    rotated.manager().rotate(&rotated.caller, "app", "e", &read("{}")).await.expect("rotated");
    assert_eq!(rotated.stored().health, Health::default());
}

#[tokio::test]
async fn an_endpoint_that_is_enabled_again_is_as_new_and_one_that_stays_disabled_says_why() {
    let enabled = world(Some(Disabled::Failing)).await;
    enabled.patched("e", r#"{"disabled":false}"#).await.expect("patched");
    assert_eq!(enabled.stored().health, Health::default());
    let moved = world(Some(Disabled::Failing)).await;
    moved.patched("e", r#"{"url":"https://example.com/new"}"#).await.expect("patched");
    assert_eq!(moved.stored().health, Health { disabled: Some(Disabled::Failing), ..Health::default() });
    let by_hand = world(None).await;
    by_hand.patched("e", r#"{"disabled":true}"#).await.expect("patched");
    assert_eq!(by_hand.stored().health.disabled, None);
}
