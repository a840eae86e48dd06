//! Access tokens of another issuer, whose keys are on a real server and whose tokens another library signs.

use std::time::SystemTime;

use anyhow::Result;
use postrider_tests::{Issuer, Signer, Stack, eventually, world};
use serde_json::{Value, json};

const EVENT: &str = r#"{"eventType":"a","payload":{}}"#;
const AUDIENCE: &str = "https://api.example/webhooks";

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

/// A stack that trusts the issuer, whose tokens name their organization.
async fn stack(name: &str, issuer: &str) -> Result<Stack> {
    let parameters = [
        ("OidcIssuer", issuer),
        ("OidcAudience", AUDIENCE),
        ("OidcOrganizationClaim", "https://claims.example/org"),
        ("OidcApplicationClaim", "app_id"),
    ];
    world().deploy(name, world().emulator.template().await?, &parameters).await
}

/// Good claims of a producer and operator, with others in their place.
fn claims(issuer: &str, others: &Value) -> Value {
    let mut all = json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "producer@example", "iat": now(), "nbf": now(), "exp": now() + 3_600,
        "https://claims.example/org": "org_oidc", "scope": "openid postrider:publish postrider:manage",
    });
    for (name, value) in others.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

/// What api and ingest say to a token: a list of applications, and an event for one that does not exist.
async fn statuses(stack: &Stack, token: &str) -> Result<(u16, u16)> {
    let api = stack.api(token);
    let (read, publish) = (api.get("/app").await?, api.post_raw("/app/none/msg", &[], EVENT).await?);
    Ok((read.status, publish.status))
}

#[tokio::test]
async fn tokens_of_the_issuer_count_and_no_others() -> Result<()> {
    let issuer = Issuer::start()?;
    let signers = [Signer::rsa("rsa")?, Signer::ec("ec")?, Signer::ed("ed")?];
    issuer.publish(&signers.iter().collect::<Vec<_>>());
    let (stack, url) = (stack("oidc", &issuer.url()).await?, issuer.url());
    for signer in &signers {
        let token = signer.token(&claims(&url, &json!({})))?;
        assert_eq!(statuses(&stack, &token).await?, (200, 404), "{}", signer.algorithm());
    }
    let [rsa, ..] = &signers;
    let good = claims(&url, &json!({}));
    let (head, other) = (json!({"alg": "RS256", "kid": "rsa"}), Signer::rsa("rsa")?);
    let none = rsa.token_with(&json!({"alg": "none", "kid": "rsa"}), &good)?;
    let (unsigned, _) = none.rsplit_once('.').unwrap_or_default();
    for (why, token) in [
        ("another issuer", rsa.token(&claims(&url, &json!({"iss": "https://evil.example"})))?),
        ("another audience", rsa.token(&claims(&url, &json!({"aud": ["https://other.example"]})))?),
        ("expired", rsa.token(&claims(&url, &json!({"exp": now() - 120})))?),
        ("not yet", rsa.token(&claims(&url, &json!({"nbf": now() + 600})))?),
        ("no organization", rsa.token(&claims(&url, &json!({"https://claims.example/org": "acme"})))?),
        ("HS256 with the public key", rsa.confused(&good)),
        ("none", format!("{unsigned}.")),
        ("none, signed", none.clone()),
        ("another algorithm", rsa.token_with(&json!({"alg": "ES256", "kid": "rsa"}), &good)?),
        ("an unknown key", rsa.token_with(&json!({"alg": "RS256", "kid": "unknown"}), &good)?),
        ("another key of that name", other.token_with(&head, &good)?),
        ("no key named, of three", rsa.token_with(&json!({"alg": "RS256"}), &good)?),
        ("a logout token", rsa.token_with(&json!({"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}), &good)?),
    ] {
        assert_eq!(statuses(&stack, &token).await?, (401, 401), "{why}");
        stack.api(&token).get("/app").await?.assert_refused(401, "authentication_failed");
    }
    // Each of the two functions has asked once, and perhaps once more for the unknown key.
    assert!(issuer.asked() <= 8, "{}", issuer.asked());
    scopes_and_names(&stack, rsa, &url).await?;
    rotation(&stack, &issuer).await?;
    world().emulator.undeploy(&stack.deployment.stack).await
}

/// A token lets do what its scopes say, for the application that it names.
async fn scopes_and_names(stack: &Stack, signer: &Signer, url: &str) -> Result<()> {
    let with = |others: Value| signer.token(&claims(url, &others));
    for (scopes, expected) in [("postrider:read", (200, 403)), ("postrider:publish", (403, 404)), ("read", (403, 403))]
    {
        assert_eq!(statuses(stack, &with(json!({ "scope": scopes }))?).await?, expected, "{scopes}");
    }
    let manager = stack.api(&with(json!({}))?);
    let app = manager.post("/app", &json!({"name": "A"})).await?;
    assert_eq!(app.status, 201, "{}", app.text);
    let id = app.json()["id"].clone();
    let customer = stack.api(&with(json!({ "app_id": id }))?);
    assert_eq!(customer.get(&format!("/app/{}", id.as_str().unwrap_or_default())).await?.status, 200);
    customer.get("/app").await?.assert_refused(403, "insufficient access");
    // Ours count as before, and one of the issuer's can be revoked like one of ours.
    assert_eq!(stack.api(&stack.token("org_oidc", None)).get("/app").await?.status, 200);
    assert_eq!(customer.post("/auth/logout", &json!({})).await?.status, 204);
    let path = format!("/app/{}", id.as_str().unwrap_or_default());
    eventually("the token is refused everywhere", || async {
        Ok((customer.get(&path).await?.status == 401).then_some(()))
    })
    .await?;
    assert_eq!(manager.get("/app").await?.status, 200);
    Ok(())
}

/// A new key is found when the first token comes that it has signed.
async fn rotation(stack: &Stack, issuer: &Issuer) -> Result<()> {
    let new = Signer::ed("new")?;
    issuer.publish(&[&new]);
    let token = new.token(&claims(&issuer.url(), &json!({})))?;
    eventually("the new key counts", || async { Ok((statuses(stack, &token).await? == (200, 404)).then_some(())) })
        .await
}

#[tokio::test]
async fn while_the_issuer_is_away_callers_are_asked_to_come_again() -> Result<()> {
    // A server that is not there any more.
    let url = Issuer::start()?.url();
    let stack = stack("oidc-away", &url).await?;
    let token = Signer::ed("a")?.token(&claims(&url, &json!({})))?;
    assert_eq!(statuses(&stack, &token).await?, (503, 503));
    let reply = stack.api(&token).get("/app").await?;
    reply.assert_refused(503, "unavailable");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(stack.api(&stack.token("org_oidc", None)).get("/app").await?.status, 200);
    world().emulator.undeploy(&stack.deployment.stack).await
}
