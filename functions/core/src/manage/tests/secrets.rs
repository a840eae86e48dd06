use std::time::Duration;

use super::*;

const CUSTOM: &str = r#"{"key":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}"#;

async fn world() -> World {
    let world = World::new();
    world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    world
}

impl World {
    async fn rotate(&self, body: &str) -> Result<(), Problem> {
        self.manager().rotate(&self.caller, "app", "e", &read(body)).await
    }

    async fn secret(&self) -> String {
        let secret = self.manager().secret(&self.caller, "app", "e").await.expect("secret");
        shown(&secret)["key"].as_str().expect("text").to_owned()
    }

    fn old_keys(&self) -> usize {
        self.memory.state().endpoints.values().next().expect("an endpoint").secrets.old.len()
    }
}

#[tokio::test]
async fn the_old_key_goes_on_signing_for_its_grace_and_then_is_forgotten() {
    let world = world().await;
    let first = world.secret().await;
    world.rotate(r#"{"gracePeriodSeconds":60}"#).await.expect("rotated");
    assert!(world.secret().await != first && world.old_keys() == 1);
    world.bench.pass(Duration::from_mins(1));
    world.rotate(r#"{"gracePeriodSeconds":null}"#).await.expect("rotated");
    assert_eq!(world.old_keys(), 1);
    world.rotate(r#"{"gracePeriodSeconds":0}"#).await.expect("rotated");
    assert_eq!(world.old_keys(), 1, "a key without grace is dropped at once");
}

#[tokio::test]
async fn ten_old_keys_are_the_limit_unless_the_grace_is_zero() {
    let world = world().await;
    for seconds in 1..=10 {
        world.rotate(&format!(r#"{{"gracePeriodSeconds":{}}}"#, seconds * 100)).await.expect("rotated");
    }
    let refused = world.rotate("{}").await.expect_err("refused");
    let next = world.bench.now().plus(Duration::from_secs(100)).to_string();
    assert!(refused.status() == 400 && refused.body().contains("limit_reached") && refused.body().contains(&next));
    assert!(world.rotate(r#"{"gracePeriodSeconds":0}"#).await.is_ok());
    world.bench.pass(Duration::from_secs(100));
    assert!(world.rotate("{}").await.is_ok());
}

#[tokio::test]
async fn the_same_key_again_changes_nothing_and_a_key_that_returns_signs_once() {
    let world = world().await;
    let first = world.secret().await;
    world.rotate(CUSTOM).await.expect("rotated");
    world.rotate(CUSTOM).await.expect("rotated");
    assert_eq!(world.old_keys(), 1);
    world.rotate(&format!(r#"{{"key":"{first}"}}"#)).await.expect("rotated");
    assert!(world.secret().await == first && world.old_keys() == 1);
}

#[tokio::test]
async fn rules_are_checked() {
    let world = world().await;
    assert_eq!(
        fields(world.rotate(r#"{"key":"whsk_AAAA","gracePeriodSeconds":604801}"#).await),
        ["body.key", "body.gracePeriodSeconds"]
    );
    assert!(world.rotate(r#"{"gracePeriodSeconds":604800}"#).await.is_ok());
    assert!(from_json::<Rotation>(br#"{"gracePeriodSeconds":-1}"#).is_err());
    assert!(from_json::<Rotation>(b"").is_err());
}
