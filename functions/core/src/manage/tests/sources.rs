//! Sources, and what becomes of their secrets.

use serde_json::json;

use super::*;
use crate::source::Source;

/// Of the organization, whose application is `app`.
fn body(kind: &str, config: &Value) -> Value {
    json!({"name": "A sender", "uid": "sender", "appId": "app", "type": kind, "config": config})
}

impl World {
    async fn with_source(kind: &str, config: &Value) -> Self {
        let world = Self::new();
        world.application(r#"{"name":"A","uid":"app"}"#).await.expect("an application");
        let made = world.manager().create_source(&world.caller, world.id(), of(&body(kind, config))).await;
        made.expect("a source");
        world
    }

    async fn put_source(&self, body: &Value) -> Result<Value, Problem> {
        let put = self.manager().put_source(&self.caller, self.id(), "sender", of(body)).await;
        put.map(|made| shown(&made.into_inner()))
    }

    async fn rotate_source(&self, wanted: &Value) -> Result<(), Problem> {
        self.manager().rotate_source(&self.caller, "sender", &of(wanted)).await
    }

    fn stored_source(&self) -> Source {
        self.memory.state().sources.values().next().expect("a source").clone()
    }

    /// The current secret, then the old ones.
    fn secrets(&self) -> Vec<String> {
        let source = self.stored_source();
        let old = source.secrets.old.iter().map(|old| &old.key);
        let all = [&source.secrets.current].into_iter().chain(old);
        all.map(|sealed| self.ring.open_text(sealed, source.id).expect("opens")).collect()
    }
}

fn of<T: DeserializeOwned>(value: &Value) -> T {
    read(&value.to_string())
}

#[tokio::test]
async fn a_source_shows_its_settings_and_its_url_but_no_secret() {
    let world = World::with_source("hmac", &json!({"secret": "sesame-0", "signatureHeader": "X-Sig"})).await;
    let seen = world.manager().source(&world.caller, "sender").await.expect("a source").at("https://api.example/");
    let seen = shown(&seen);
    let config = json!({
        "signatureHeader": "X-Sig", "algorithm": "sha256", "encoding": "hex", "secretEncoding": "text",
        "signedContent": "{body}", "toleranceSeconds": 300,
    });
    assert_eq!((&seen["type"], &seen["config"], &seen["eventTypePrefix"]), (&json!("hmac"), &config, &json!("")));
    let id = seen["id"].as_str().expect("an id");
    assert_eq!(seen["ingestUrl"], format!("https://api.example/in/{id}"));
    assert!(!seen.to_string().contains("sesame"));
}

#[tokio::test]
async fn a_put_keeps_the_secret_if_it_fits_what_the_source_is_now() {
    let world = World::with_source("hmac", &json!({"secret": "sesame-0", "signatureHeader": "X-Sig"})).await;
    let kept = world.put_source(&body("hmac", &json!({"signatureHeader": "X-Other"}))).await.expect("kept");
    assert_eq!(
        (kept["config"]["signatureHeader"].as_str(), world.secrets()),
        (Some("X-Other"), vec!["sesame-0".to_owned()])
    );
    for other in
        [body("hmac", &json!({"signatureHeader": "X-Sig", "secretEncoding": "hex"})), body("github", &json!({}))]
    {
        let problem = world.put_source(&other).await.expect_err("not a secret for that");
        assert!(problem.status() == 422 && problem.body().contains(r#""config","secret""#), "{}", problem.body());
    }
    world.put_source(&body("github", &json!({"secret": "sesame-1"}))).await.expect("given");
    assert_eq!(world.secrets(), ["sesame-1"]);
}

#[tokio::test]
async fn a_rotation_keeps_the_secret_before_it_for_its_grace() {
    let world = World::with_source("github", &json!({"secret": "sesame-0"})).await;
    for _ in 0..2 {
        world.rotate_source(&json!({"secret": "sesame-1", "gracePeriodSeconds": 60})).await.expect("rotated");
        assert_eq!(world.secrets(), ["sesame-1", "sesame-0"]);
    }
    world.bench.pass(Duration::from_mins(1));
    world.rotate_source(&json!({"key": "sesame-2", "gracePeriodSeconds": 0})).await.expect("rotated");
    assert_eq!(world.secrets(), ["sesame-2"]);
    for (wanted, field) in [
        (json!({"secret": ""}), "secret"),
        (json!({"secret": "x", "gracePeriodSeconds": 604_801}), "gracePeriodSeconds"),
    ] {
        let problem = world.rotate_source(&wanted).await.expect_err("refused");
        assert!(problem.status() == 422 && problem.body().contains(field), "{}", problem.body());
    }
}

#[tokio::test]
async fn a_put_again_finds_what_it_made_and_another_organization_does_not() {
    let world = World::with_source("github", &json!({"secret": "sesame-0"})).await;
    let before = world.stored_source();
    let mut same = body("github", &json!({}));
    same.as_object_mut().expect("an object").remove("uid");
    let put = world.put_source(&same).await.expect("replaced");
    assert_eq!((put["id"].clone(), put["uid"].clone()), (json!(before.id), json!("sender")));
    let stranger = Caller::organization("org_b".parse().expect("org"));
    let id = before.id.to_string();
    let seen = world.manager().source(&stranger, &id).await.map_err(|problem| problem.status());
    assert_eq!(seen.err(), Some(404));
    let deleted = world.manager().delete_source(&stranger, &id).await.map_err(|problem| problem.status());
    assert_eq!(deleted, Err(404));
}
