//! Nothing that is logged holds a payload, a secret or a token, not even when things go wrong.

use anyhow::Result;
use postrider_local::{FUNCTIONS, Reply};
use postrider_tests::{Stack, eventually, world};
use serde_json::{Value, json};

/// Everything the functions of a stack have logged.
async fn logs(stack: &Stack) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for function in FUNCTIONS {
        let name = stack.deployment.function(function.trim_start_matches("postrider-"));
        all.extend(world().emulator.logs(&name).await?.into_iter().map(|event| event.message));
    }
    Ok(all)
}

#[tokio::test]
async fn logs_hold_no_payload_no_secret_and_no_token() -> Result<()> {
    // The lowest level, so that everything that can be logged is.
    let stack = world().stack("loud", &[("LogLevel", "trace")]).await?;
    let tenant = stack.tenant("logs").await?;
    tenant.receiver.on("/hook", |_, n| Reply::status(if n == 1 { 500 } else { 200 }).body("response-marker"));
    let endpoint = tenant.endpoint("/hook").await?;
    let secret = tenant.secret(&endpoint.id).await?;
    let path = format!("/app/{}/endpoint/{}/headers", tenant.app, endpoint.id);
    assert_eq!(tenant.api.put(&path, &json!({"headers": {"x-api-key": "header-marker"}})).await?.status, 204);
    let message = tenant.publish("invoice.paid", json!({"card": "payload-marker"})).await?;
    tenant.attempted(&message.id, 2).await?;
    let messages = format!("/app/{}/msg", tenant.app);
    let wrong = json!({"eventType": "input-marker !", "payload": "input-marker"});
    assert_eq!(tenant.api.post(&messages, &wrong).await?.status, 422);
    assert_eq!(tenant.api.with_token(Some("token-marker")).get("/app").await?.status, 401);
    let portal = tenant.api.post(&format!("/auth/app-portal-access/{}", tenant.app), &json!({})).await?.json();
    assert!(portal["token"].as_str().is_some_and(|token| token.starts_with("eyJ")), "{portal}");
    let revoked = tenant.api.post("/auth/token/revoke", &json!({"token": portal["token"]})).await?;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    let rotation = json!({"key": "whsec_c2VjcmV0LW1hcmtlci1zZWNyZXQtbWFya2VyLXNlY3JldA=="});
    let rotate = format!("/app/{}/endpoint/{}/secret/rotate", tenant.app, endpoint.id);
    assert_eq!(tenant.api.post(&rotate, &rotation).await?.status, 200);

    let all = eventually("the log of both attempts", || async {
        let all = logs(&stack).await?;
        let attempts = all.iter().filter(|line| line.contains("\"attempted\"") && line.contains(&message.id)).count();
        Ok(Some(all).filter(|_| attempts >= 2))
    })
    .await?;
    let keyring = world().emulator.secret(stack.output("KeyringArn")?).await?;
    let root: Value = serde_json::from_str(&keyring)?;
    let forbidden = [
        "payload-marker",
        "response-marker",
        "header-marker",
        "input-marker",
        "token-marker",
        "c2VjcmV0LW1hcmtlci1",
        secret.trim_start_matches("whsec_"),
        root["k1"].as_str().unwrap_or("no root key"),
        "whsec_",
        // Every JWT begins like this.
        "eyJ",
    ];
    for line in &all {
        for text in forbidden {
            assert!(!line.contains(text), "{text} is in the log: {line}");
        }
    }
    let json = all.iter().filter(|line| line.starts_with('{'));
    assert!(json.clone().count() > 5);
    for line in json {
        serde_json::from_str::<Value>(line)?;
        assert_eq!(line.matches("\"message\":").count(), 1, "a field is named like the message: {line}");
    }
    Ok(())
}
