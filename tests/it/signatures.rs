//! Signatures that the receiver verifies with a key that cannot sign, and the change from one kind to the other.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use postrider_local::Received;
use postrider_tests::{PATIENCE, Tenant, verify, world};
use serde_json::{Value, json};

/// Verifies a request with an implementation that is not ours: one of its `v1a` signatures is of that key.
fn verify_asymmetric(public: &str, request: &Received) -> Result<()> {
    let key = STANDARD.decode(public.strip_prefix("whpk_").context("not a public key")?)?;
    let key = VerifyingKey::from_bytes(&key.try_into().ok().context("not 32 bytes")?)?;
    let header = |name| request.header(name).with_context(|| format!("no {name}"));
    let signed = format!("{}.{}.", header("webhook-id")?, header("webhook-timestamp")?);
    let signed = [signed.as_bytes(), &request.body].concat();
    let mut signatures = header("webhook-signature")?.split(' ').filter_map(|one| one.strip_prefix("v1a,"));
    let is_genuine = |text: &str| {
        let bytes = STANDARD.decode(text).ok()?;
        key.verify_strict(&signed, &Signature::from_slice(&bytes).ok()?).ok()
    };
    signatures.find_map(is_genuine).context("no signature verifies")
}

/// The kinds of a request's signatures, in order.
fn kinds(request: &Received) -> Vec<&str> {
    let header = request.header("webhook-signature").unwrap_or_default();
    header.split(' ').filter_map(|one| Some(one.split_once(',')?.0)).collect()
}

async fn delivered(tenant: &Tenant) -> Result<Received> {
    let count = tenant.receiver.received("/hook").len() + 1;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    let received = tenant.receiver.wait_for("/hook", count, PATIENCE).await?;
    let of_message = |request: &Received| request.header("webhook-id") == Some(message.id.as_str());
    received.into_iter().find(of_message).context("the request")
}

async fn rotate(tenant: &Tenant, endpoint: &str, body: &Value) -> Result<String> {
    let reply = tenant.api.post(&format!("/app/{}/endpoint/{endpoint}/secret/rotate", tenant.app), body).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    tenant.secret(endpoint).await
}

#[tokio::test]
async fn an_asymmetric_endpoint_shows_its_public_key_and_others_verify_with_it() -> Result<()> {
    let tenant = world().main().await?.tenant("asymmetric").await?;
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"keyType": "ed25519"}})).await?;
    let public = tenant.secret(&endpoint).await?;
    let request = delivered(&tenant).await?;
    assert_eq!(kinds(&request), ["v1a"]);
    verify_asymmetric(&public, &request)?;
    let altered = Received { body: [&b" "[..], &request.body].concat().into(), ..request };
    assert!(verify_asymmetric(&public, &altered).is_err());
    Ok(())
}

#[tokio::test]
async fn a_key_pair_may_be_brought_and_only_its_public_half_is_shown() -> Result<()> {
    let tenant = world().main().await?.tenant("own-pair").await?;
    // RFC 8032, section 7.1, test 1.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let bytes = |hex: &str| -> Result<Vec<u8>> {
        (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
    };
    let (seed, public) = (bytes(seed)?, format!("whpk_{}", STANDARD.encode(bytes(public)?)));
    let secret = format!("whsk_{}", STANDARD.encode(seed));
    let endpoint = tenant.endpoint_of("/hook", json!({ "secret": secret })).await?;
    assert_eq!(tenant.secret(&endpoint).await?, public);
    verify_asymmetric(&public, &delivered(&tenant).await?)
}

#[tokio::test]
async fn while_keys_of_both_kinds_are_in_grace_each_verifies() -> Result<()> {
    let tenant = world().main().await?.tenant("both-kinds").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let first = tenant.secret(&endpoint).await?;
    let pair = rotate(&tenant, &endpoint, &json!({"delivery": {"keyType": "ed25519"}})).await?;
    let request = delivered(&tenant).await?;
    assert_eq!(kinds(&request), ["v1a", "v1"]);
    verify_asymmetric(&pair, &request)?;
    verify(&first, &request)?;

    let last = rotate(&tenant, &endpoint, &json!({"delivery": {"keyType": "hmacSha256"}})).await?;
    assert_ne!(last, first);
    let request = delivered(&tenant).await?;
    assert_eq!(kinds(&request)[0], "v1");
    assert_eq!(kinds(&request).len(), 3);
    verify_asymmetric(&pair, &request)?;
    verify(&first, &request)?;
    verify(&last, &request)?;

    let only =
        rotate(&tenant, &endpoint, &json!({"delivery": {"keyType": "ed25519"}, "gracePeriodSeconds": 0})).await?;
    let request = delivered(&tenant).await?;
    verify_asymmetric(&only, &request)?;
    assert!(verify(&last, &request).is_err(), "without grace");
    Ok(())
}
