//! Sources over the API.

use super::*;

fn github(app: &str) -> Value {
    json!({"name": "GitHub", "uid": "hub", "appId": app, "type": "github", "config": {"secret": "a-secret-of-ours"}})
}

#[tokio::test]
async fn a_source_is_made_listed_replaced_and_deleted_and_never_shows_its_secret() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("sources").await?;
    let made = tenant.api.post("/source", &github(&tenant.app)).await?;
    assert_eq!(made.status, 201, "{}", made.text);
    let shown = made.json();
    let id = shown["id"].as_str().context("an id")?;
    assert_eq!(
        (&shown["type"], &shown["eventTypePrefix"], &shown["appId"]),
        (&json!("github"), &json!("github"), &json!(tenant.app))
    );
    for segment in [id, "hub"] {
        assert_eq!(tenant.api.get(&format!("/source/{segment}")).await?.json(), shown);
    }
    let listed = tenant.api.get("/source").await?;
    assert_eq!((listed.json()["data"].clone(), listed.json()["done"].clone()), (json!([shown]), json!(true)));
    tenant.api.post("/source", &github(&tenant.app)).await?.assert_refused(409, "conflict");
    let mut other = github(&tenant.app);
    other["config"] = json!({});
    other["disabled"] = json!(true);
    let put = tenant.api.put("/source/hub", &other).await?;
    assert_eq!((put.status, put.json()["disabled"].clone()), (200, json!(true)), "{}", put.text);
    for seen in [&made, &listed, &put] {
        assert!(!seen.text.contains("a-secret-of-ours"), "{}", seen.text);
    }
    assert_eq!(tenant.api.delete("/source/hub").await?.status, 204);
    tenant.api.get("/source/hub").await?.assert_refused(404, "not_found");
    assert_eq!(tenant.api.post("/source", &github(&tenant.app)).await?.status, 201, "the uid is free again");
    Ok(())
}

#[tokio::test]
async fn pages_and_idempotency_keys_are_those_of_other_lists() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("source-pages").await?;
    let mut ids = Vec::new();
    for n in 0..5 {
        let mut body = github(&tenant.app);
        body["uid"] = json!(format!("hub-{n}"));
        for _ in 0..2 {
            let key = format!("{}-{n}", tenant.app);
            let made = tenant.api.post_raw("/source", &[("idempotency-key", &key)], body.to_string()).await?;
            assert_eq!(made.status, 201, "{}", made.text);
            ids.push(made.json()["id"].clone());
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 5);
    let (mut seen, mut iterator) = (Vec::new(), String::new());
    loop {
        let page = tenant.api.get(&format!("/source?limit=2&order=ascending{iterator}")).await?.json();
        seen.extend(page["data"].as_array().context("rows")?.iter().map(|row| row["id"].clone()));
        if page["done"] == true {
            break;
        }
        iterator = format!("&iterator={}", page["iterator"].as_str().context("an iterator")?);
    }
    assert_eq!(seen, ids);
    Ok(())
}

#[tokio::test]
async fn sources_are_the_organizations_own() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, other) = (stack.tenant("source-own").await?, stack.tenant("source-other").await?);
    let id = tenant.api.post("/source", &github(&tenant.app)).await?.json()["id"].as_str().context("an id")?.to_owned();
    for segment in [id.as_str(), "hub"] {
        other.api.get(&format!("/source/{segment}")).await?.assert_refused(404, "not_found");
        other.api.delete(&format!("/source/{segment}")).await?.assert_refused(404, "not_found");
    }
    other.api.post("/source", &github(&tenant.app)).await?.assert_invalid(&["body", "appId"]);
    let application = stack.api(&stack.token(&tenant.org, Some(&tenant.app)));
    for reply in [application.get("/source").await?, application.post("/source", &github(&tenant.app)).await?] {
        reply.assert_refused(403, "insufficient access");
    }
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_is_named() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("source-bad").await?;
    let secret = "s".repeat(32);
    for (kind, config, loc) in [
        ("fax", json!({}), &["type"][..]),
        ("github", json!({}), &["config", "secret"]),
        ("github", json!({"secret": ""}), &["config", "secret"]),
        ("github", json!({"secret": 7}), &["config", "secret"]),
        ("standard-webhooks", json!({"secret": secret}), &["config", "secret"]),
        ("hmac", json!({"secret": secret}), &["config", "signatureHeader"]),
        ("hmac", json!({"secret": secret, "signatureHeader": "a b"}), &["config", "signatureHeader"]),
        ("hmac", json!({"secret": secret, "signatureHeader": "x", "algorithm": "md5"}), &["config", "algorithm"]),
        ("hmac", json!({"secret": secret, "signatureHeader": "x", "secretEncoding": "hex"}), &["config", "secret"]),
        (
            "hmac",
            json!({"secret": secret, "signatureHeader": "x", "signedContent": "{timestamp}"}),
            &["config", "signedContent"],
        ),
        (
            "hmac",
            json!({"secret": secret, "signatureHeader": "x", "signedContent": "{timestamp}.{body}"}),
            &["config", "timestampHeader"],
        ),
        ("hmac", json!({"secret": secret, "signatureHeader": "x", "id": {"claim": "jti"}}), &["config", "id"]),
        ("api-key", json!({"secret": secret}), &["config", "header"]),
        ("api-key", json!({"secret": secret, "header": "x", "username": "u"}), &["config", "header"]),
        ("jwt", json!({"secret": secret, "algorithm": "none"}), &["config", "algorithm"]),
        ("jwt", json!({"secret": secret, "algorithm": "RS256"}), &["config", "secret"]),
        ("jwt", json!({"secret": "short", "algorithm": "HS256"}), &["config", "secret"]),
    ] {
        let body = json!({"name": "x", "appId": tenant.app, "type": kind, "config": config});
        tenant.api.post("/source", &body).await?.assert_invalid(&[&["body"], loc].concat());
    }
    for (field, value, loc) in [
        ("name", json!(""), &["name"][..]),
        ("uid", json!("src_1"), &["uid"]),
        ("appId", json!("none"), &["appId"]),
        ("eventTypePrefix", json!("a b"), &["eventTypePrefix"]),
        ("eventTypes", json!({"push": "a b"}), &["eventTypes", "push"]),
    ] {
        let mut body = github(&tenant.app);
        body[field] = value;
        tenant.api.post("/source", &body).await?.assert_invalid(&[&["body"], loc].concat());
    }
    assert_eq!(tenant.api.get("/source").await?.json()["data"], json!([]));
    Ok(())
}
