//! The receiver's own authentication, besides the signature.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use postrider_local::{Received, Reply};
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, verify, world};
use serde_json::{Value, json};
use svix::models::MessageStatus;

const CLIENT: &str = "the client";
const SECRET: &str = "s:cr%t";

/// A delivery to an endpoint with that authentication.
async fn delivered(tenant: &Tenant, auth: Value) -> Result<Received> {
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"auth": auth}})).await?;
    tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    verify(&tenant.secret(&endpoint).await?, &received[0])?;
    let shown = tenant.shown(&endpoint).await?["delivery"]["auth"].clone();
    assert_eq!(shown["type"], auth["type"]);
    for member in ["password", "token", "value"] {
        assert!(shown.get(member).is_none(), "a secret is shown: {shown}");
    }
    Ok(received[0].clone())
}

#[tokio::test]
async fn a_receiver_may_want_a_password_a_token_or_a_key_of_its_own() -> Result<()> {
    let stack = world().main().await?;
    let basic = stack.tenant("basic").await?;
    let auth = json!({"type": "basic", "username": "user", "password": "pass:word"});
    let request = delivered(&basic, auth).await?;
    let header = format!("Basic {}", STANDARD.encode("user:pass:word"));
    assert_eq!(request.header("authorization"), Some(header.as_str()));

    let bearer = stack.tenant("bearer").await?;
    let request = delivered(&bearer, json!({"type": "bearer", "token": "the-token"})).await?;
    assert_eq!(request.header("authorization"), Some("Bearer the-token"));

    let key = stack.tenant("header").await?;
    let request = delivered(&key, json!({"type": "header", "name": "X-API-Key", "value": "the key"})).await?;
    assert_eq!((request.header("x-api-key"), request.header("authorization")), (Some("the key"), None));
    Ok(())
}

/// A token endpoint at `/token`, and at `/hook` a receiver that takes the tokens that are not revoked.
struct TokenServer {
    tenant: Tenant,
    endpoint: String,
    /// How many tokens were granted.
    granted: Arc<AtomicUsize>,
    valid: Arc<Mutex<Option<String>>>,
}

impl TokenServer {
    async fn start(stack: &Stack, name: &str) -> Result<Self> {
        let tenant = stack.tenant(name).await?;
        let (granted, valid) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (count, token) = (Arc::clone(&granted), Arc::clone(&valid));
        tenant.receiver.on("/token", move |request, _| {
            if let Err(error) = assert_grant(request) {
                return Reply::status(400)
                    .body(json!({"error": "invalid_request", "why": error.to_string()}).to_string());
            }
            let new = format!("token-{}", count.fetch_add(1, Ordering::SeqCst));
            *token.lock().expect("no panic") = Some(new.clone());
            let body = json!({"access_token": new, "token_type": "Bearer", "expires_in": 3_600});
            Reply::status(200).header("content-type", "application/json").body(body.to_string())
        });
        let accepted = Arc::clone(&valid);
        tenant.receiver.on("/hook", move |request, _| {
            let wanted = accepted.lock().expect("no panic").as_ref().map(|token| format!("Bearer {token}"));
            let is_valid = wanted.is_some() && request.header("authorization") == wanted.as_deref();
            Reply::status(if is_valid { 200 } else { 401 })
        });
        let auth = json!({
            "type": "oauth2", "tokenUrl": tenant.receiver.url("/token"), "clientId": CLIENT, "clientSecret": SECRET,
            "scope": "webhooks other",
        });
        let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"auth": auth}})).await?;
        Ok(Self { tenant, endpoint, granted, valid })
    }

    /// Publishes, and waits for the success.
    async fn deliver(&self) -> Result<String> {
        let message = self.tenant.publish("invoice.paid", json!({})).await?.id;
        self.tenant.reached(&message, &self.endpoint, MessageStatus::Success).await?;
        Ok(message)
    }

    fn granted(&self) -> usize {
        self.granted.load(Ordering::SeqCst)
    }

    fn revoke(&self) {
        *self.valid.lock().expect("no panic") = None;
    }
}

/// RFC 6749, sections 2.3.1 and 4.4.2.
fn assert_grant(request: &Received) -> Result<()> {
    let header = request.header("authorization").context("no authorization")?;
    let encoded = header.strip_prefix("Basic ").context("not basic authentication")?;
    let given = String::from_utf8(STANDARD.decode(encoded)?)?;
    anyhow::ensure!(given == "the+client:s%3Acr%25t", "{given}");
    anyhow::ensure!(request.method == "POST", "{}", request.method);
    let kind = request.header("content-type").unwrap_or_default();
    anyhow::ensure!(kind == "application/x-www-form-urlencoded", "{kind}");
    let body = std::str::from_utf8(&request.body)?;
    anyhow::ensure!(body == "grant_type=client_credentials&scope=webhooks+other", "{body}");
    Ok(())
}

/// A stack whose function has few instances: each has tokens of its own.
async fn stack() -> Result<Arc<Stack>> {
    world().stack("oauth", &[("DeliveryConcurrency", "2"), ("RetryConcurrency", "2"), ("RetrySchedule", "1h")]).await
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_for_many_deliveries() -> Result<()> {
    const DELIVERIES: usize = 12;
    let server = TokenServer::start(&*stack().await?, "oauth").await?;
    // The receiver takes the newest token only: two instances would refuse each other's.
    for _ in 0..DELIVERIES {
        server.deliver().await?;
    }
    let asked = server.tenant.receiver.received("/token").len();
    assert_eq!(asked, server.granted());
    assert!((1..=4).contains(&asked), "{asked} tokens for {DELIVERIES} deliveries");
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_revoked_is_replaced_within_the_attempt() -> Result<()> {
    let server = TokenServer::start(&*stack().await?, "revoked").await?;
    server.deliver().await?;
    server.revoke();
    let before = (server.granted(), server.tenant.receiver.received("/hook").len());
    let message = server.deliver().await?;
    assert_eq!(server.granted(), before.0 + 1);
    let requests = server.tenant.receiver.received("/hook");
    let of_message = requests.iter().filter(|request| request.header("webhook-id") == Some(&message));
    let tokens: Vec<_> = of_message.filter_map(|request| request.header("authorization")).collect();
    assert!((1..=2).contains(&tokens.len()), "{tokens:?}");
    assert_eq!(server.tenant.attempts(&message).await?.len(), 1, "one attempt, whatever it took");
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_not_asked_for_forever() -> Result<()> {
    let server = TokenServer::start(&*stack().await?, "never-valid").await?;
    server.tenant.receiver.on("/hook", |_, _| Reply::status(401));
    let message = server.tenant.publish("invoice.paid", json!({})).await?.id;
    let attempts = server.tenant.attempted(&message, 1).await?;
    assert_eq!((attempts[0].status, attempts[0].response_status_code), (MessageStatus::Fail, 401));
    assert_eq!((server.granted(), server.tenant.receiver.received("/hook").len()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn a_token_endpoint_that_is_slow_makes_its_endpoint_slow() -> Result<()> {
    let server = TokenServer::start(&*stack().await?, "slow-token").await?;
    let valid = Arc::clone(&server.valid);
    server.tenant.receiver.on("/token", move |_, _| {
        *valid.lock().expect("no panic") = Some("token".to_owned());
        // Of no use to the next request.
        let body = json!({"access_token": "token", "token_type": "Bearer", "expires_in": 1});
        Reply::status(200).body(body.to_string()).after(Duration::from_millis(3_200))
    });
    // Two in a row, as one of two instances sees them.
    eventually("its deliveries are made where they hold nobody", || async {
        server.deliver().await?;
        let shown = server.tenant.shown(&server.endpoint).await?;
        Ok((shown["delivery"]["status"]["slow"] == true).then_some(()))
    })
    .await
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_attempt_says_why() -> Result<()> {
    let server = TokenServer::start(&*stack().await?, "no-token").await?;
    server.tenant.receiver.on("/token", |_, _| {
        let body = json!({"error": "invalid_client", "error_description": format!("never heard of {SECRET}")});
        Reply::status(401).body(body.to_string())
    });
    let message = server.tenant.publish("invoice.paid", json!({})).await?.id;
    let attempts = server.tenant.attempted(&message, 1).await?;
    assert_eq!((attempts[0].status, attempts[0].response_status_code), (MessageStatus::Fail, 0));
    let told = &attempts[0].response;
    assert!(told.starts_with("authorization: the token endpoint answered 401") && !told.contains(SECRET), "{told}");
    assert_eq!(server.tenant.receiver.received("/hook").len(), 0);
    server.tenant.patch_endpoint(&server.endpoint, json!({"delivery": {"auth": {"type": "none"}}})).await?;
    server.tenant.receiver.on("/hook", |_, _| Reply::status(200));
    let message = server.tenant.publish("invoice.paid", json!({})).await?.id;
    eventually("it is delivered without a token", || async {
        let shown = server.tenant.destination(&message, &server.endpoint).await?;
        Ok((shown.status == MessageStatus::Success).then_some(()))
    })
    .await?;
    assert_eq!(server.tenant.receiver.received("/hook")[0].header("authorization"), None);
    Ok(())
}
