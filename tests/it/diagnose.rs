//! "Why does my webhook not arrive?", asked of endpoints of every kind.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{Authority, Sockets, Stack, Tenant, self_signed, verify, world};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than one must wait between two diagnoses.
const PACE: Duration = Duration::from_secs(6);

async fn examined(tenant: &Tenant, endpoint: &str, body: &Value) -> Result<Value> {
    let path = format!("/app/{}/endpoint/{endpoint}/diagnose", tenant.app);
    let reply = tenant.api.post(&path, body).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    Ok(reply.json())
}

async fn diagnosed(tenant: &Tenant, url: &str) -> Result<Value> {
    let reply = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &json!({"url": url})).await?;
    let endpoint = reply.json()["id"].as_str().context(reply.text)?.to_owned();
    examined(tenant, &endpoint, &json!({})).await
}

fn step<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let steps = diagnosis["steps"].as_array().into_iter().flatten();
    steps.into_iter().find(|step| step["name"] == name).unwrap_or(&Value::Null)
}

/// Asserts that this step is the one that failed, with these words, and that nothing after it was looked at.
#[track_caller]
fn assert_failed(diagnosis: &Value, name: &str, words: &str) {
    assert_eq!(diagnosis["ok"], false, "{diagnosis:#}");
    let steps: Vec<_> = diagnosis["steps"].as_array().into_iter().flatten().collect();
    let at = steps.iter().position(|step| step["name"] == name).expect("a step");
    let problem = steps[at]["problem"].as_str().unwrap_or_default();
    assert!(problem.contains(words), "not about {words:?}: {diagnosis:#}");
    assert!(steps[..at].iter().all(|step| step["problem"].is_null()), "{diagnosis:#}");
    assert!(steps[at + 1..].iter().all(|step| step["skipped"] == true), "{diagnosis:#}");
    assert!(diagnosis["verdict"].as_str().is_some_and(|verdict| verdict.contains(words)), "{diagnosis:#}");
}

#[tokio::test]
async fn an_endpoint_that_is_well_gets_a_signed_test_event_like_any_delivery() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("diagnose-well").await?;
    tenant.receiver.on("/hook", |request, _| {
        let echo = format!("{:?}", request.headers);
        Reply::status(200).header("x-served-by", "a").header("set-cookie", "session=1").body(echo)
    });
    let auth = json!({"auth": {"type": "bearer", "token": "hush-hush-token"}});
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": auth})).await?;
    let headers = json!({"headers": {"X-Api-Key": "customers-own-secret"}});
    tenant.api.put(&format!("/app/{}/endpoint/{endpoint}/headers", tenant.app), &headers).await?;
    let diagnosis = examined(&tenant, &endpoint, &json!({"eventType": "invoice.paid"})).await?;
    assert_eq!(diagnosis["ok"], true, "{diagnosis:#}");
    assert_eq!(step(&diagnosis, "connect")["facts"]["address"], json!(tenant.receiver.url("")["http://".len()..]));
    // Without TLS.
    assert_eq!(step(&diagnosis, "tls")["skipped"], true);
    let facts = &step(&diagnosis, "request")["facts"];
    assert_eq!((&facts["status"], &facts["headers"]["x-served-by"]), (&json!(200), &json!("a")));
    let text = diagnosis.to_string();
    let secret = tenant.secret(&endpoint).await?;
    for hidden in ["hush-hush-token", "customers-own-secret", "session=1", secret.as_str()] {
        assert!(!text.contains(hidden), "{hidden} is told: {text}");
    }
    assert!(facts["body"].as_str().is_some_and(|body| body.len() <= 1_024 && body.contains("webhook-id")), "{facts:#}");
    let received = tenant.receiver.received("/hook");
    assert_eq!(received.len(), 1);
    verify(&secret, &received[0])?;
    assert_eq!(received[0].header("webhook-id"), facts["webhookId"].as_str());
    assert_eq!(received[0].header("webhook-event-type"), Some("invoice.paid"));
    assert_eq!(received[0].header("authorization"), Some("Bearer hush-hush-token"));
    assert_eq!(received[0].header("x-api-key"), Some("customers-own-secret"));
    // Nothing is recorded.
    let attempts = tenant.svix.message_attempt().list_by_endpoint(tenant.app.clone(), endpoint, None).await?;
    assert!(attempts.data.is_empty() && tenant.svix.message().list(tenant.app.clone(), None).await?.data.is_empty());
    Ok(())
}

#[tokio::test]
async fn each_thing_that_can_be_wrong_with_a_server_is_told() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("diagnose-wrong").await?;
    let closed = {
        let sockets = Sockets::answering("").await?;
        sockets.url("http", "127.0.0.1")
    };
    let slow = tenant.receiver.url("/slow");
    tenant.receiver.on("/slow", |_, _| Reply::status(200).after(Duration::from_mins(1)));
    tenant.receiver.on("/broken", |_, _| Reply::status(500).body("out of order"));
    tenant.receiver.on("/moved", |_, _| Reply::status(301).header("location", "https://elsewhere.example/"));
    tenant.receiver.on("/silent", |_, _| Reply::hang_up());
    let mail = Sockets::answering("220 mail.example ESMTP\r\n").await?;
    for (url, name, words) in [
        ("https://no-such-name.invalid/".to_owned(), "resolve", "has no address"),
        (closed, "connect", "Nothing listens on port"),
        ("http://10.0.0.1/".to_owned(), "resolve", "10.0.0.0/8 (private)"),
        ("https://169.254.169.254/latest".to_owned(), "resolve", "169.254.0.0/16"),
        (slow, "request", "did not answer within"),
        (tenant.receiver.url("/broken"), "request", "500"),
        (tenant.receiver.url("/moved"), "request", "a redirect to https://elsewhere.example/"),
        (tenant.receiver.url("/silent"), "request", "closed the connection"),
        (mail.url("http", "127.0.0.1"), "request", "not HTTP"),
    ] {
        // An application may ask once in a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let start = Instant::now();
        let diagnosis = diagnosed(&tenant, &url).await?;
        assert_failed(&diagnosis, name, words);
        assert!(start.elapsed() < Duration::from_secs(25), "{url} took {:?}", start.elapsed());
    }
    // One that fails at a diagnosis is not the worse for it.
    assert_eq!(tenant.receiver.received("/broken").len(), 1);
    Ok(())
}

async fn at(tenant: &Tenant, server: &Sockets) -> Result<Value> {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    diagnosed(tenant, &server.url("https", "localhost")).await
}

#[tokio::test]
async fn a_certificate_is_shown_and_what_is_wrong_with_it_is_told() -> Result<()> {
    let authority = Authority::new()?;
    let stack = world().stack("diagnose-tls", &[("ExtraCaPem", &authority.pem())]).await?;
    let tenant = stack.tenant("diagnose-tls").await?;
    let well = at(&tenant, &Sockets::with_tls(authority.acceptor("localhost")?).await?).await?;
    assert_eq!(well["ok"], true, "{well:#}");
    let facts = &step(&well, "tls")["facts"];
    assert_eq!((&facts["protocol"], &facts["certificate"]["names"]), (&json!("TLSv1_3"), &json!(["localhost"])));
    assert!(facts["certificate"]["daysLeft"].as_i64().is_some_and(|days| days > 365), "{facts:#}");
    assert!(facts["certificate"]["issuer"].as_str().is_some_and(|issuer| !issuer.is_empty()), "{facts:#}");
    let expired = Sockets::with_tls(authority.expired_acceptor("localhost")?).await?;
    let elsewhere = Sockets::with_tls(authority.acceptor("elsewhere.example")?).await?;
    let alone = Sockets::with_tls(self_signed("localhost")?).await?;
    let stranger = Sockets::with_tls(Authority::new()?.acceptor("localhost")?).await?;
    let plain = Sockets::start(|mut stream| async move {
        stream.read_u8().await?;
        Ok(stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?)
    })
    .await?;
    for (server, words) in [
        (&expired, "expired on 2020-01-01"),
        (&elsewhere, "is not for localhost. It is for: elsewhere.example."),
        (&alone, "signed by itself"),
        (&stranger, "was issued by CN=A private authority"),
        (&plain, "does not speak TLS"),
    ] {
        let diagnosis = at(&tenant, server).await?;
        assert_failed(&diagnosis, "tls", words);
        let facts = &step(&diagnosis, "tls")["facts"];
        assert_eq!(facts["certificate"].is_object(), words != "does not speak TLS", "{facts:#}");
    }
    Ok(())
}

#[tokio::test]
async fn what_keeps_an_endpoint_from_being_sent_to_is_told_beside_how_its_server_is() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("diagnose-state").await?;
    for (members, words) in
        [(json!({"disabled": true}), "is disabled"), (json!({"delivery": {"paused": true}}), "is paused")]
    {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let endpoint = tenant.endpoint_of("/hook", members).await?;
        let diagnosis = examined(&tenant, &endpoint, &json!({})).await?;
        assert_eq!((&diagnosis["ok"], &step(&diagnosis, "request")["ok"]), (&json!(false), &json!(true)));
        assert!(diagnosis["verdict"].as_str().is_some_and(|verdict| verdict.contains(words)), "{diagnosis:#}");
    }
    Ok(())
}

#[tokio::test]
async fn to_private_addresses_nothing_is_sent_and_no_connection_is_made() -> Result<()> {
    let stack = world().strict().await?;
    let tenant = stack.tenant("diagnose-strict").await?;
    let server = Sockets::with_tls(self_signed("localhost")?).await?;
    let diagnosis = at(&tenant, &server).await?;
    assert_failed(&diagnosis, "resolve", "127.0.0.0/8");
    assert!(!diagnosis.to_string().contains("127.0.0.1"), "{diagnosis:#}");
    assert_eq!(server.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn it_is_no_tool_for_floods_and_only_for_one_s_own_endpoints() -> Result<()> {
    let stack: std::sync::Arc<Stack> = world().main().await?;
    let (tenant, other) = (stack.tenant("diagnose-pace").await?, stack.tenant("diagnose-other").await?);
    let endpoint = tenant.endpoint("/hook").await?.id;
    let path = format!("/app/{}/endpoint/{endpoint}/diagnose", tenant.app);
    let own = stack.api(&stack.token(&tenant.org, Some(&tenant.app)));
    let bodiless = own.post_raw(&path, &[], "").await?;
    assert_eq!(bodiless.status, 200, "{}", bodiless.text);
    let mut refused = 0;
    for _ in 0..5 {
        let reply = own.post_raw(&path, &[], "").await?;
        if reply.status == 429 {
            reply.assert_refused(429, "rate_limited");
            let wait: u64 = reply.headers.get("retry-after").context("a time")?.to_str()?.parse()?;
            assert!((1..=5).contains(&wait), "{wait}");
            refused += 1;
        }
    }
    assert!(refused >= 3, "{refused} refused");
    tokio::time::sleep(PACE).await;
    tenant.api.post(&path, &json!({"eventType": "not a name"})).await?.assert_invalid(&["body", "eventType"]);
    // A signed event of a type of the organization's own is nothing for its customer to make.
    own.post(&path, &json!({"eventType": "order.paid"})).await?.assert_refused(403, "insufficient access");
    assert_eq!(own.post_raw(&path, &[], "").await?.status, 200);
    let foreign = format!("/app/{}/endpoint/{endpoint}/diagnose", other.app);
    other.api.post_raw(&foreign, &[], "").await?.assert_refused(404, "not_found");
    other.api.post_raw(&path, &[], "").await?.assert_refused(404, "not_found");
    Ok(())
}
