//! Portal tokens, tokens made and revoked, scopes, and the log of who has changed what.

use std::time::Duration;

use anyhow::{Context as _, Result};
use postrider_core::token::{Caller, Scopes};
use postrider_tests::{Api, Stack, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::models::{AppPortalAccessIn, ApplicationIn, ApplicationTokenExpireIn, EndpointIn};

async fn refused_soon(api: &Api, path: &str) -> Result<()> {
    eventually("the token is refused", || async {
        let reply = api.get(path).await?;
        Ok((reply.status == 401).then_some(reply))
    })
    .await?
    .assert_refused(401, "authentication_failed");
    Ok(())
}

#[tokio::test]
async fn a_portals_token_serves_its_customer_until_it_is_logged_out_or_expired() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("portal").await?;
    let auth = tenant.svix.authentication();
    let flagged = json!({"name": "beta.event", "description": "", "featureFlag": "beta"});
    assert_eq!(tenant.api.post("/event-type", &flagged).await?.status, 201);
    let path = format!("/app/{}", tenant.app);

    let plain = auth.app_portal_access(tenant.app.clone(), AppPortalAccessIn::new(), None).await?;
    assert_eq!(plain.url.split_once("#token=").map(|(_, token)| token), Some(plain.token.as_str()));
    let beta = AppPortalAccessIn { feature_flags: Some(["beta".to_owned()].into()), ..AppPortalAccessIn::new() };
    let beta = auth.app_portal_access(tenant.app.clone(), beta, None).await?;
    let (plain_api, beta_api) = (stack.api(&plain.token), stack.api(&beta.token));
    plain_api.get("/event-type/beta.event").await?.assert_refused(404, "not_found");
    assert_eq!(beta_api.get("/event-type/beta.event").await?.status, 200);
    plain_api.get("/app").await?.assert_refused(403, "insufficient access");
    let customer = stack.svix(&plain.token);
    customer.endpoint().create(tenant.app.clone(), EndpointIn::new(tenant.receiver.url("/hook")), None).await?;

    customer.authentication().logout(None).await?;
    refused_soon(&plain_api, &path).await?;
    assert_eq!(beta_api.get(&path).await?.status, 200);
    auth.expire_all(tenant.app.clone(), ApplicationTokenExpireIn::new(), None).await?;
    refused_soon(&beta_api, &path).await?;
    let fresh = auth.app_portal_access(tenant.app.clone(), AppPortalAccessIn::new(), None).await?;
    assert_eq!(stack.api(&fresh.token).get(&path).await?.status, 200);
    assert_eq!(tenant.api.get(&path).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn opening_a_portal_may_make_the_application() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("portal-new").await?;
    let auth = tenant.svix.authentication();
    tenant.api.post("/auth/app-portal-access/new", &json!({})).await?.assert_refused(404, "not_found");
    let wrong = json!({"application": {"name": "New", "uid": "other"}});
    let wrong = tenant.api.post("/auth/app-portal-access/new", &wrong).await?;
    let item = &wrong.json()["detail"][0];
    assert_eq!((wrong.status, &item["type"]), (422, &json!("application_uid_mismatch")), "{}", wrong.text);
    assert_eq!(item["loc"], json!(["body", "application", "uid"]));
    let new = ApplicationIn { uid: Some("new".to_owned()), ..ApplicationIn::new("New".to_owned()) };
    let access = AppPortalAccessIn { application: Some(new), ..AppPortalAccessIn::new() };
    let opened = auth.app_portal_access("new".to_owned(), access.clone(), None).await?;
    assert_eq!(stack.svix(&opened.token).application().get("new".to_owned()).await?.name, "New");
    auth.app_portal_access("new".to_owned(), access, None).await?;
    assert_eq!(tenant.svix.application().list(None).await?.data.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_token_made_by_the_api_publishes_until_it_is_revoked() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("made-token").await?;
    let made = tenant.api.post("/auth/token", &json!({"scopes": ["publish"], "expiry": 3_600})).await?;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let producer = stack.api(made["token"].as_str().context("a token")?);
    let (path, event) = (format!("/app/{}/msg", tenant.app), json!({"eventType": "a", "payload": {}}));
    assert_eq!(producer.post(&path, &event).await?.status, 202);
    producer.get("/app").await?.assert_refused(403, "insufficient access");
    producer.post("/auth/token", &json!({})).await?.assert_refused(403, "insufficient access");
    let revoked = tenant.api.post("/auth/token/revoke", &json!({"id": made["id"]})).await?;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    eventually("publishing is refused", || async {
        Ok((producer.post(&path, &event).await?.status == 401).then_some(()))
    })
    .await?;
    assert_eq!(tenant.api.post(&path, &event).await?.status, 202);
    Ok(())
}

/// Operations, and whether they are for those who publish, manage and read.
const OPERATIONS: [(&str, &str, &str, [bool; 3]); 12] = [
    ("GET", "/app", "", [false, true, true]),
    ("GET", "/app/{}/endpoint", "", [false, true, true]),
    ("GET", "/app/{}/msg", "", [false, true, true]),
    ("GET", "/app/{}/attempt/endpoint/ep", "", [false, true, true]),
    ("GET", "/app/{}/endpoint/ep/secret", "", [false, true, false]),
    ("POST", "/app/{}/msg", r#"{"eventType":"a","payload":{}}"#, [true, false, false]),
    ("POST", "/app/{}/endpoint", r#"{"url":"https://example.com/"}"#, [false, true, false]),
    ("PATCH", "/app/{}/endpoint/ep", "{}", [false, true, false]),
    ("POST", "/app/{}/endpoint/ep/secret/rotate", "{}", [false, true, false]),
    ("PUT", "/event-type/t", r#"{"description":""}"#, [false, true, false]),
    ("POST", "/auth/app-portal-access/{}", "{}", [false, true, false]),
    ("DELETE", "/app/{}/endpoint/ep", "", [false, true, false]),
];

fn with_scopes(stack: &Stack, tenant: &Tenant, scopes: &str) -> Result<Api> {
    let caller = Caller { scopes: Scopes::read(scopes), ..Caller::organization(tenant.org.parse()?) };
    Ok(stack.api(&stack.mint(&caller, Duration::from_hours(1))))
}

#[tokio::test]
async fn rotating_shows_a_secret_to_those_who_may_see_it() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("rotator").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let path = format!("/app/{}/endpoint/{endpoint}/secret/rotate", tenant.app);
    let before = tenant.secret(&endpoint).await?;
    let key = [("idempotency-key", "k")];
    let rotator = with_scopes(&stack, &tenant, "secrets.rotate")?;
    for _ in 0..2 {
        let reply = rotator.post_raw(&path, &key, "{}").await?;
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    }
    let now = tenant.secret(&endpoint).await?;
    assert_ne!(now, before);
    let both = with_scopes(&stack, &tenant, "secrets.rotate secrets.read")?;
    let reply = both.post_raw(&path, &[], "{}").await?;
    assert_eq!(reply.status, 200);
    let key = &reply.json()["key"];
    assert!(*key == json!(tenant.secret(&endpoint).await?) && *key != json!(now), "{key}");
    Ok(())
}

#[tokio::test]
async fn who_may_only_publish_makes_no_application() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("publish-only").await?;
    let producer = with_scopes(&stack, &tenant, "publish")?;
    let application = json!({"name": "New", "uid": "new"});
    let message = json!({"eventType": "a", "payload": {}, "application": application});
    producer.post("/app/new/msg", &message).await?.assert_refused(404, "not_found");
    producer.post("/app/new/msg/batch", &json!({"messages": [message]})).await?.assert_refused(404, "not_found");
    let both = with_scopes(&stack, &tenant, "publish manage")?;
    assert_eq!(both.post("/app/new/msg", &message).await?.status, 202);
    assert_eq!(producer.post("/app/new/msg", &message).await?.status, 202);
    Ok(())
}

#[tokio::test]
async fn each_operation_needs_its_scope() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("scopes").await?;
    let endpoint = EndpointIn { uid: Some("ep".to_owned()), ..EndpointIn::new("https://example.com/".to_owned()) };
    tenant.endpoint_with(endpoint).await?;
    // The one that deletes comes last.
    for (n, scope) in [(0, "publish"), (2, "read"), (1, "manage")] {
        let api = with_scopes(&stack, &tenant, scope)?;
        for (method, path, body, allowed) in OPERATIONS {
            let (path, is_allowed) = (path.replace("{}", &tenant.app), allowed[n]);
            let body = (!body.is_empty()).then(|| body.as_bytes().to_vec());
            let reply = api.send(method.parse()?, &path, &[], body).await?;
            if is_allowed {
                assert!(reply.status < 300, "{method} {path} with {scope}: {} {}", reply.status, reply.text);
            } else {
                reply.assert_refused(403, "insufficient access");
                assert!(reply.text.contains("the scope "), "{}", reply.text);
            }
        }
    }
    Ok(())
}

/// The lines of the audit log about an organization.
async fn audited(stack: &Stack, org: &str) -> Result<Vec<Value>> {
    let events = world().emulator.logs(&stack.deployment.function("api")).await?;
    let lines = events.iter().filter_map(|event| serde_json::from_str::<Value>(&event.message).ok());
    Ok(lines.filter(|line| line["target"] == "audit" && line["org"] == org).collect())
}

#[tokio::test]
async fn every_change_leaves_a_line_that_tells_who_what_and_how_it_ended() -> Result<()> {
    let stack = world().stack("audit", &[("LogLevel", "error")]).await?;
    let tenant = stack.tenant("audit").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let reader = with_scopes(&stack, &tenant, "read")?;
    reader
        .delete(&format!("/app/{}/endpoint/{}", tenant.app, endpoint.id))
        .await?
        .assert_refused(403, "insufficient access");
    tenant.api.get("/app").await?;
    tenant.secret(&endpoint.id).await?;
    let portal = tenant.api.post(&format!("/auth/app-portal-access/{}", tenant.app), &json!({})).await?.json();
    let customer = stack.api(portal["token"].as_str().context("a token")?);
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    assert_eq!(customer.post(&endpoints, &json!({"url": 5})).await?.status, 422);

    let lines = eventually("six lines", || async {
        // A function's last line appears with its next invocation.
        tenant.api.get("/app").await?;
        Ok(Some(audited(&stack, &tenant.org).await?).filter(|lines| lines.len() >= 6))
    })
    .await?;
    let (app, ep) = (tenant.app.as_str(), endpoint.id.as_str());
    let both = format!("{app} {ep}");
    let expected = [
        ("POST /api/v1/app", "", Some(app), 201),
        ("POST /api/v1/app/{app_id}/endpoint", app, Some(ep), 201),
        ("DELETE /api/v1/app/{app_id}/endpoint/{endpoint_id}", &both, None, 403),
        ("GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret", &both, None, 200),
        ("POST /api/v1/auth/app-portal-access/{app_id}", app, None, 200),
        ("POST /api/v1/app/{app_id}/endpoint", app, None, 422),
    ];
    for (line, (action, objects, made, status)) in lines.iter().zip(expected) {
        assert_eq!((line["action"].as_str(), line["objects"].as_str()), (Some(action), Some(objects)), "{line}");
        assert_eq!((line["made"].as_str(), line["status"].as_u64()), (made, Some(status)), "{line}");
        assert!(line["token"].as_str().is_some_and(|id| id.starts_with("tok_")), "{line}");
        assert!(line["request_id"].is_string() && line["source_ip"].is_string(), "{line}");
    }
    assert_eq!((lines.len(), lines[5]["app"].as_str(), lines[4]["app"].as_str()), (6, Some(app), None));
    Ok(())
}
