//! Signing secrets: replacing them, bringing one's own, and where they are shown.

use anyhow::{Context as _, Result};
use postrider_local::Received;
use postrider_tests::{PATIENCE, Reply, Tenant, refusal, verify, world};
use serde_json::{Value, json};
use svix::models::{EndpointIn, EndpointPatch, EndpointUpsertIn};

/// 24 bytes and 75 bytes, the shortest and the longest.
const SHORT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const LONG: &str =
    "whsec_/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+";

/// Answers with the key.
async fn rotate(tenant: &Tenant, endpoint: &str, body: &Value) -> Result<Reply> {
    tenant.api.post(&format!("/app/{}/endpoint/{endpoint}/secret/rotate", tenant.app), body).await
}

/// Publishes, and gives the request that comes.
async fn delivered(tenant: &Tenant) -> Result<Received> {
    let before = tenant.receiver.received("/hook").len();
    let message = tenant.publish("a", json!({})).await?;
    let received = tenant.receiver.wait_for("/hook", before + 1, PATIENCE).await?;
    let request = received.into_iter().find(|request| request.header("webhook-id") == Some(message.id.as_str()));
    request.context("the request")
}

fn signatures(request: &Received) -> usize {
    request.header("webhook-signature").map_or(0, |header| header.split(' ').count())
}

#[tokio::test]
async fn during_the_grace_the_old_secret_and_the_new_one_verify() -> Result<()> {
    let tenant = world().main().await?.tenant("grace").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let mut secrets = vec![tenant.secret(&endpoint).await?];
    for body in [json!({}), json!({"gracePeriodSeconds": 60}), json!({"key": null, "gracePeriodSeconds": null})] {
        let rotated = rotate(&tenant, &endpoint, &body).await?;
        let secret = tenant.secret(&endpoint).await?;
        assert_eq!((rotated.status, rotated.json()), (200, json!({"key": secret})), "{body}");
        assert!(!secrets.contains(&secret), "the same secret again");
        secrets.push(secret);
        let request = delivered(&tenant).await?;
        assert_eq!(signatures(&request), secrets.len());
        for secret in &secrets {
            verify(secret, &request)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_grace_only_the_new_secret_verifies() -> Result<()> {
    let tenant = world().main().await?.tenant("no-grace").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let old = tenant.secret(&endpoint).await?;
    verify(&old, &delivered(&tenant).await?)?;
    assert_eq!(rotate(&tenant, &endpoint, &json!({"gracePeriodSeconds": 0})).await?.status, 200);
    let request = delivered(&tenant).await?;
    verify(&tenant.secret(&endpoint).await?, &request)?;
    assert!(verify(&old, &request).is_err(), "the old secret still signs");
    assert_eq!(signatures(&request), 1);
    Ok(())
}

#[tokio::test]
async fn callers_may_bring_their_own_secrets() -> Result<()> {
    let tenant = world().main().await?.tenant("own-secret").await?;
    let own = EndpointIn { secret: Some(SHORT.to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    let endpoint = tenant.endpoint_with(own).await?.id;
    assert_eq!(tenant.secret(&endpoint).await?, SHORT);
    verify(SHORT, &delivered(&tenant).await?)?;
    assert_eq!(rotate(&tenant, &endpoint, &json!({"key": LONG})).await?.status, 200);
    assert_eq!(tenant.secret(&endpoint).await?, LONG);
    let request = delivered(&tenant).await?;
    verify(LONG, &request)?;
    verify(SHORT, &request)?;
    // The same key again is no rotation; the one before is current again, and signs once.
    for (key, count) in [(LONG, 2), (SHORT, 2)] {
        assert_eq!(rotate(&tenant, &endpoint, &json!({"key": key})).await?.status, 200);
        assert_eq!(signatures(&delivered(&tenant).await?), count, "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_secret_or_no_grace_is_refused_by_name() -> Result<()> {
    let tenant = world().main().await?.tenant("bad-secret").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let secret = tenant.secret(&endpoint).await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let bad = [
        "",
        "whsec_",
        "whsec_AAEC",
        "whsec_not base64 at all, is it?",
        SHORT.trim_start_matches("whsec_"),
        // Unpadded, and URL-safe.
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA",
        "whsec_----------------________________",
        // A byte too short, a byte too long.
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=",
        &format!("{LONG}AA=="),
    ];
    for key in bad {
        let created = tenant.api.post(&endpoints, &json!({"url": "https://example.com", "secret": key})).await?;
        created.assert_invalid(&["body", "secret"]);
        rotate(&tenant, &endpoint, &json!({ "key": key })).await?.assert_invalid(&["body", "key"]);
    }
    let asymmetric = format!("whsk_{}", "A".repeat(84) + "AA==");
    rotate(&tenant, &endpoint, &json!({ "key": asymmetric })).await?.assert_invalid(&["body", "key"]);
    for grace in [json!(604_801), json!(-1), json!("1"), json!(1.5)] {
        let refused = rotate(&tenant, &endpoint, &json!({ "gracePeriodSeconds": grace })).await?;
        refused.assert_invalid(&["body", "gracePeriodSeconds"]);
    }
    assert_eq!(tenant.secret(&endpoint).await?, secret);
    Ok(())
}

#[tokio::test]
async fn at_most_ten_old_secrets_are_in_their_grace() -> Result<()> {
    let tenant = world().main().await?.tenant("ten-secrets").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    for _ in 0..10 {
        assert_eq!(rotate(&tenant, &endpoint, &json!({})).await?.status, 200);
    }
    rotate(&tenant, &endpoint, &json!({})).await?.assert_refused(400, "limit_reached");
    assert_eq!(signatures(&delivered(&tenant).await?), 11);
    assert_eq!(rotate(&tenant, &endpoint, &json!({"gracePeriodSeconds": 0})).await?.status, 200);
    verify(&tenant.secret(&endpoint).await?, &delivered(&tenant).await?)
}

#[tokio::test]
async fn only_the_secret_call_shows_a_secret() -> Result<()> {
    let tenant = world().main().await?.tenant("shown").await?;
    let own = EndpointIn { secret: Some(SHORT.to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    let created = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &serde_json::to_value(own)?).await?;
    let endpoint = created.json()["id"].as_str().context("an id")?.to_owned();
    rotate(&tenant, &endpoint, &json!({"key": LONG})).await?;
    delivered(&tenant).await?;
    let path = format!("/app/{}/endpoint/{endpoint}", tenant.app);
    let mut answers = vec![
        created,
        tenant.api.put(&path, &serde_json::to_value(EndpointUpsertIn::new(tenant.receiver.url("/hook")))?).await?,
        tenant.api.patch(&path, &serde_json::to_value(EndpointPatch::new())?).await?,
    ];
    for path in [
        &path,
        &format!("{path}/headers"),
        &format!("{path}/msg"),
        &format!("/app/{}/endpoint", tenant.app),
        &format!("/app/{}/attempt/endpoint/{endpoint}", tenant.app),
        &format!("/app/{}", tenant.app),
    ] {
        answers.push(tenant.api.get(path).await?);
    }
    for answer in answers {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        for secret in [SHORT, LONG] {
            assert!(!answer.text.contains(secret.trim_start_matches("whsec_")), "{}", answer.text);
        }
        assert!(!answer.text.contains("whsec_"), "{}", answer.text);
    }
    assert_eq!(tenant.api.get(&format!("{path}/secret")).await?.json(), json!({ "key": LONG }));
    let nobody = tenant.svix.endpoint().get_secret(tenant.app.clone(), "nobody".to_owned()).await;
    assert_eq!(refusal(nobody), 404);
    Ok(())
}
