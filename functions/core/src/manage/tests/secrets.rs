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

/// A seed and its public key (RFC 8032, section 7.1, test 2).
const PAIR: &str = "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==";
const WHPK: &str = "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

#[tokio::test]
async fn an_asymmetric_key_is_taken_and_only_its_public_half_is_ever_shown() {
    let world = World::new();
    world
        .endpoint(&format!(r#"{{"url":"https://example.com","uid":"e","secret":"whsk_{PAIR}"}}"#))
        .await
        .expect("made");
    assert_eq!(world.secret().await, WHPK);
    world.rotate(CUSTOM).await.expect("rotated");
    assert!(CUSTOM.contains(&world.secret().await) && world.old_keys() == 1);
    world.rotate(&format!(r#"{{"key":"whsk_{PAIR}"}}"#)).await.expect("rotated");
    assert!(world.secret().await == WHPK && world.old_keys() == 1);
}

#[tokio::test]
async fn a_generated_key_is_of_the_kind_that_was_asked_for_and_else_of_the_kind_before() {
    let world = world().await;
    world.rotate(r#"{"delivery":{"keyType":"ed25519"}}"#).await.expect("rotated");
    let first = world.secret().await;
    world.rotate(r#"{"delivery":{}}"#).await.expect("rotated");
    let second = world.secret().await;
    assert!(first.starts_with("whpk_") && second.starts_with("whpk_") && first != second);
    world.rotate(r#"{"delivery":{"keyType":"hmacSha256"}}"#).await.expect("rotated");
    assert!(world.secret().await.starts_with("whsec_") && world.old_keys() == 3);
    let contradiction = format!(r#"{{"key":"whsk_{PAIR}","delivery":{{"keyType":"hmacSha256"}}}}"#);
    assert_eq!(fields(world.rotate(&contradiction).await), ["body.delivery.keyType"]);
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

#[tokio::test]
async fn a_key_whose_root_key_is_gone_is_replaced_by_rotating() {
    let ring = |text: &str| crate::keyring::Keyring::parse(text).expect("a keyring");
    let two = r#""k2":"fedcba9876543210fedcba9876543210""#;
    let mut world = world().await;
    world.ring = ring(&format!(r#"{{"current":"k2","k1":"0123456789abcdef0123456789abcdef",{two}}}"#));
    world.rotate(r#"{"gracePeriodSeconds":60}"#).await.expect("rotated");
    // The old key is sealed with k1, in grace or not.
    for pass in [0, 60] {
        world.bench.pass(Duration::from_secs(pass));
        world.ring = ring(&format!(r#"{{"current":"k2",{two}}}"#));
        world.rotate(r#"{"gracePeriodSeconds":0}"#).await.expect("rotated");
    }
    world.ring = ring(r#"{"current":"k3","k3":"fedcba9876543210fedcba9876543210"}"#);
    let unreadable = world.manager().secret(&world.caller, "app", "e").await;
    assert!(unreadable.is_err_and(|problem| matches!(problem, Problem::Unavailable(_))));
    world.rotate("{}").await.expect("rotated");
    assert!(world.secret().await.starts_with("whsec_"));
}
