//! Who may do what: tokens and their scopes.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postrider_core::{
    ids::Ksuid,
    keyring::Keyring,
    time::Time,
    token::{Caller, mint},
};
use postrider_tests::{Api, Stack, Tenant, world};
use reqwest::Method;
use serde_json::json;
use svix::models::{ApplicationIn, EndpointIn, MessageIn};

const EVENT: &str = r#"{"eventType":"a","payload":{}}"#;
const ENDPOINT: &str = r#"{"url":"https://example.com/"}"#;

/// One request to each of the functions that look at tokens: of ingest and of api.
async fn is_kept_out(api: &Api, headers: &[(&str, &str)], why: &str) -> Result<()> {
    let (read, publish) =
        (api.send(Method::GET, "/app", headers, None).await?, api.post_raw("/app/acme/msg", headers, EVENT).await?);
    for reply in [read, publish] {
        assert_eq!(reply.status, 401, "{why}: {}", reply.text);
        reply.assert_refused(401, "authentication_failed");
    }
    Ok(())
}

/// The name of a token that was made so long ago.
fn ago(secs: i64) -> Ksuid {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Ksuid::floor(Time::from_secs(i64::try_from(now.as_secs()).unwrap_or_default() - secs))
}

fn organization() -> Caller {
    Caller::organization("org_tokens".parse().expect("an organization's id"))
}

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() -> Result<()> {
    let stack = world().main().await?;
    let api = Api::new(&stack.url(), None);
    is_kept_out(&api, &[], "none").await?;
    let token = stack.token("org_tokens", None);
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let bad = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        token.clone(),
        format!("Basic {token}"),
        "Bearer nonsense".to_owned(),
        "Bearer a.b.c".to_owned(),
        format!("Bearer {signed}"),
        format!("Bearer {signed}."),
        format!("Bearer {token}{signature}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {}", "x".repeat(5_000)),
    ];
    for header in bad {
        is_kept_out(&api, &[("authorization", &header)], &header).await?;
    }
    assert_eq!(stack.api(&token).get("/app").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn expired_forged_and_unsigned_tokens_are_refused() -> Result<()> {
    let stack = world().main().await?;
    let minute = Duration::from_mins(1);
    let expired = mint(&stack.keyring, &organization(), ago(300), minute)?;
    let key = stack.keyring.current();
    let root = "another-root-another-root-another";
    let other = Keyring::parse(&json!({"current": key, key: root}).to_string())?;
    let forged = mint(&other, &organization(), ago(0), minute)?;
    let unknown = Keyring::parse(&json!({"current": "other", "other": root}).to_string())?;
    let unknown = mint(&unknown, &organization(), ago(0), minute)?;
    let good = mint(&stack.keyring, &organization(), ago(0), minute)?;
    let [header, claims, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let with_header = |alg: &str, signature: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT", "kid": key}).to_string());
        format!("{header}.{claims}.{signature}")
    };
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(claims)?)?;
    let other_claims = URL_SAFE_NO_PAD.encode(decoded.replace("org_tokens", "org_others"));
    let bad = [
        ("expired", expired),
        ("forged", forged),
        ("of an unknown key", unknown),
        ("unsigned", with_header("none", "")),
        ("unsigned with a signature", with_header("none", signature)),
        ("of another algorithm", with_header("HS512", signature)),
        ("of another organization", format!("{header}.{other_claims}.{signature}")),
    ];
    for (why, token) in bad {
        is_kept_out(&stack.api(&token), &[], why).await?;
    }
    assert_eq!(stack.api(&good).get("/app").await?.status, 200);
    Ok(())
}

/// A tenant with an endpoint `ep`, an event type `t` and a delivered message `evt`; `{}` in paths is its application.
async fn furnished(stack: &Stack, name: &str) -> Result<Tenant> {
    let tenant = stack.tenant(name).await?;
    let kind = svix::models::EventTypeIn::new("t".to_owned(), String::new());
    tenant.svix.event_type().create(kind, None).await?;
    let endpoint = EndpointIn { uid: Some("ep".to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    tenant.endpoint_with(endpoint).await?;
    let message = MessageIn { event_id: Some("evt".to_owned()), ..MessageIn::new("t".to_owned(), json!({})) };
    tenant.publish_with(message).await?;
    tenant.attempted("evt", 1).await?;
    Ok(tenant)
}

/// What an application's own token may do, with the status; 403 is a matter for the organization.
const RIGHTS: [(&str, &str, &str, u16); 37] = [
    ("GET", "/app", "", 403),
    ("POST", "/app", r#"{"name":"B"}"#, 403),
    ("GET", "/app/{}", "", 200),
    ("PUT", "/app/{}", r#"{"name":"B"}"#, 403),
    ("PATCH", "/app/{}", "{}", 403),
    ("DELETE", "/app/{}", "", 403),
    ("POST", "/app/{}/msg", EVENT, 403),
    ("GET", "/app/{}/msg", "", 200),
    ("GET", "/app/{}/msg/evt", "", 200),
    ("GET", "/app/{}/msg/evt/endpoint", "", 200),
    ("GET", "/app/{}/msg/evt/attempt", "", 200),
    ("GET", "/app/{}/attempt/msg/evt", "", 200),
    ("GET", "/app/{}/attempt/endpoint/ep", "", 200),
    ("GET", "/app/{}/endpoint/ep/msg", "", 200),
    ("GET", "/app/{}/endpoint", "", 200),
    ("POST", "/app/{}/endpoint", ENDPOINT, 201),
    ("GET", "/app/{}/endpoint/ep", "", 200),
    ("PUT", "/app/{}/endpoint/ep", ENDPOINT, 200),
    ("PATCH", "/app/{}/endpoint/ep", "{}", 200),
    ("GET", "/app/{}/endpoint/ep/headers", "", 200),
    ("PUT", "/app/{}/endpoint/ep/headers", r#"{"headers":{}}"#, 204),
    ("PATCH", "/app/{}/endpoint/ep/headers", r#"{"headers":{}}"#, 204),
    ("GET", "/app/{}/endpoint/ep/secret", "", 200),
    ("POST", "/app/{}/endpoint/ep/secret/rotate", "{}", 200),
    ("DELETE", "/app/{}/endpoint/ep", "", 204),
    ("GET", "/event-type", "", 200),
    ("GET", "/event-type/t", "", 200),
    ("POST", "/event-type", r#"{"name":"u","description":""}"#, 403),
    ("PUT", "/event-type/t", r#"{"description":""}"#, 403),
    ("PATCH", "/event-type/t", "{}", 403),
    ("DELETE", "/event-type/t", "", 403),
    ("POST", "/auth/app-portal-access/{}", "{}", 403),
    ("POST", "/auth/app/{}/expire-all", "{}", 403),
    ("POST", "/auth/token", "{}", 403),
    ("POST", "/auth/token/revoke", r#"{"id":"tok_2tAbcdefghijklmnopqrstuvwxy"}"#, 403),
    ("GET", "/health", "", 200),
    ("GET", "/health/ping", "", 204),
];

async fn call(api: &Api, app: &str, (method, path, body): (&str, &str, &str)) -> Result<postrider_tests::Reply> {
    let body = (!body.is_empty()).then(|| body.as_bytes().to_vec());
    api.send(method.parse()?, &path.replace("{}", app), &[], body).await
}

#[tokio::test]
async fn an_applications_token_has_the_rights_of_one_customer() -> Result<()> {
    let stack = world().main().await?;
    let tenant = furnished(&stack, "rights").await?;
    let api = stack.api(&stack.token(&tenant.org, Some(&tenant.app)));
    for (method, path, body, status) in RIGHTS {
        let reply = call(&api, &tenant.app, (method, path, body)).await?;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
        if status == 403 {
            reply.assert_refused(403, "insufficient access");
        }
    }
    Ok(())
}

/// Asserts that this token finds nothing of the tenant's application.
async fn sees_nothing(api: &Api, app: &str) -> Result<()> {
    for (method, path, body, _) in RIGHTS.into_iter().filter(|(_, path, _, _)| path.starts_with("/app/{}")) {
        let reply = call(api, app, (method, path, body)).await?;
        if reply.status == 403 {
            reply.assert_refused(403, "insufficient access");
        } else {
            assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text);
            reply.assert_refused(404, "not_found");
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_organization_sees_nothing() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, other) = (furnished(&stack, "seen").await?, stack.tenant("unseeing").await?);
    sees_nothing(&other.api, &tenant.app).await?;
    sees_nothing(&stack.api(&stack.token(&other.org, Some(&tenant.app))), &tenant.app).await?;
    let names = other.svix.application().list(None).await?.data;
    assert_eq!(names.iter().map(|app| &app.id).collect::<Vec<_>>(), [&other.app]);
    assert!(other.svix.event_type().list(None).await?.data.is_empty());
    other.api.get("/event-type/t").await?.assert_refused(404, "not_found");
    // Another's endpoint or message is not found in one's own application either.
    let endpoint = tenant.svix.endpoint().get(tenant.app.clone(), "ep".to_owned()).await?.id;
    for path in [format!("endpoint/{endpoint}"), format!("endpoint/{endpoint}/secret"), "msg/evt".to_owned()] {
        other.api.get(&format!("/app/{}/{path}", other.app)).await?.assert_refused(404, "not_found");
    }
    assert_eq!(tenant.svix.application().get(tenant.app.clone()).await?.name, "seen");
    Ok(())
}

#[tokio::test]
async fn an_applications_token_finds_no_other_application_and_none_that_was_deleted() -> Result<()> {
    let stack = world().main().await?;
    let tenant = furnished(&stack, "scope").await?;
    let neighbour = tenant.svix.application().create(ApplicationIn::new("Neighbour".to_owned()), None).await?;
    let api = stack.api(&stack.token(&tenant.org, Some(&neighbour.id)));
    sees_nothing(&api, &tenant.app).await?;
    assert_eq!(api.get(&format!("/app/{}", neighbour.id)).await?.status, 200);
    tenant.svix.application().delete(neighbour.id.clone()).await?;
    sees_nothing(&api, &neighbour.id).await
}
