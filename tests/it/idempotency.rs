//! Repeated requests: `Idempotency-Key` and `eventId`.

use std::time::Duration;

use anyhow::Result;
use postrider_tests::{Api, PATIENCE, Reply, Stack, Tenant, refusal, world};
use serde_json::{Value, json};
use svix::models::{ApplicationIn, MessageIn};

const EVENT: &str = r#"{"eventType":"a","payload":{"n":1}}"#;

async fn keyed(api: &Api, path: &str, key: &str, body: &str) -> Result<Reply> {
    api.post_raw(path, &[("idempotency-key", key)], body).await
}

/// The number of rows of a list that fits one page.
async fn count(api: &Api, path: &str) -> Result<usize> {
    let list = api.get(path).await?.json();
    anyhow::ensure!(list["done"] == true, "{list}");
    Ok(list["data"].as_array().map_or(0, Vec::len))
}

/// Asserts that the endpoint at `/hook` got these messages and nothing else, by one that is published last.
async fn only_these_arrived(tenant: &Tenant, messages: &[&Value]) -> Result<()> {
    let last = tenant.publish("last", json!({})).await?;
    tenant.attempted(&last.id, 1).await?;
    let received = tenant.receiver.wait_for("/hook", messages.len() + 1, PATIENCE).await?;
    let mut ids: Vec<_> = received.iter().filter_map(|request| request.header("webhook-id")).collect();
    let mut expected: Vec<_> = messages.iter().filter_map(|id| id.as_str()).chain([last.id.as_str()]).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(count(&tenant.api, &format!("/app/{}/msg", tenant.app)).await?, expected.len());
    Ok(())
}

#[tokio::test]
async fn a_repeated_publication_gets_the_same_answer_and_is_delivered_once() -> Result<()> {
    let tenant = world().main().await?.tenant("repeated").await?;
    tenant.endpoint("/hook").await?;
    let path = format!("/app/{}/msg", tenant.app);
    let first = keyed(&tenant.api, &path, "key \"1\"", EVENT).await?;
    assert_eq!(first.status, 202, "{}", first.text);
    // The draft's quoted form is the same key.
    for key in ["key \"1\"", r#""key \"1\"""#, r#" "key \"1\"" "#] {
        let again = keyed(&tenant.api, &path, key, EVENT).await?;
        assert_eq!((again.status, &again.text), (202, &first.text), "{key}");
    }
    let other = keyed(&tenant.api, &path, "key 2", EVENT).await?;
    assert_eq!(other.status, 202);
    only_these_arrived(&tenant, &[&first.json()["id"], &other.json()["id"]]).await
}

#[tokio::test]
async fn a_key_is_good_for_one_request_only() -> Result<()> {
    let tenant = world().main().await?.tenant("other-request").await?;
    let path = format!("/app/{}/msg", tenant.app);
    assert_eq!(keyed(&tenant.api, &path, "key", EVENT).await?.status, 202);
    let others =
        [(path.as_str(), r#"{"eventType":"a","payload":{"n":2}}"#), (&format!("{path}?with_content=false"), EVENT)];
    for (path, body) in others {
        keyed(&tenant.api, path, "key", body).await?.assert_invalid(&["header", "idempotency-key"]);
    }
    assert_eq!(count(&tenant.api, &path).await?, 1);
    // A refused request does not use its key up.
    keyed(&tenant.api, &path, "new", "{}").await?.assert_invalid(&["body", "eventType"]);
    assert_eq!(keyed(&tenant.api, &path, "new", EVENT).await?.status, 202);
    Ok(())
}

#[tokio::test]
async fn of_two_equal_requests_at_once_one_message_comes() -> Result<()> {
    let tenant = world().main().await?.tenant("at-once").await?;
    tenant.endpoint("/hook").await?;
    let path = format!("/app/{}/msg", tenant.app);
    let mut made = Vec::new();
    for nth in 0..8 {
        let key = format!("key-{nth}");
        let request = || keyed(&tenant.api, &path, &key, EVENT);
        let (a, b) = tokio::try_join!(request(), request())?;
        let (first, second) = if a.status == 202 { (a, b) } else { (b, a) };
        assert_eq!(first.status, 202, "{}", first.text);
        if second.status == 202 {
            assert_eq!(first.json()["id"], second.json()["id"]);
        } else {
            second.assert_refused(409, "idempotency_key_in_flight");
        }
        made.push(first.json()["id"].clone());
    }
    only_these_arrived(&tenant, &made.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn an_event_id_is_taken_once() -> Result<()> {
    let tenant = world().main().await?.tenant("event-id").await?;
    tenant.endpoint("/hook").await?;
    let event =
        |n: u64| MessageIn { event_id: Some("evt-1".to_owned()), ..MessageIn::new("a".to_owned(), json!({"n": n})) };
    let first = tenant.publish_with(event(1)).await?;
    assert_eq!(first.event_id.as_deref(), Some("evt-1"));
    for n in [1, 2] {
        let again = tenant.svix.message().create(tenant.app.clone(), event(n), None).await;
        assert_eq!(refusal(again), 409, "{n}");
    }
    let path = format!("/app/{}/msg", tenant.app);
    let body = r#"{"eventType":"a","payload":{},"eventId":"evt-1"}"#;
    tenant.api.post_raw(&path, &[], body).await?.assert_refused(409, "conflict");
    keyed(&tenant.api, &path, "key", body).await?.assert_refused(409, "conflict");
    // The refused request made nothing, and another application may use the same eventId.
    let other = tenant.svix.application().create(ApplicationIn::new("Other".to_owned()), None).await?;
    tenant.svix.message().create(other.id, event(1), None).await?;
    only_these_arrived(&tenant, &[&json!(first.id)]).await
}

#[tokio::test]
async fn of_two_events_with_the_same_id_at_once_one_is_taken() -> Result<()> {
    let tenant = world().main().await?.tenant("event-race").await?;
    tenant.endpoint("/hook").await?;
    let path = format!("/app/{}/msg", tenant.app);
    let publish = |n: u64| {
        let (api, path) = (tenant.api.clone(), path.clone());
        async move { api.post(&path, &json!({"eventType": "a", "payload": {"n": n}, "eventId": "evt"})).await }
    };
    let (a, b) = tokio::try_join!(publish(1), publish(2))?;
    let (first, second) = if a.status == 202 { (a, b) } else { (b, a) };
    assert_eq!((first.status, second.status), (202, 409), "{} {}", first.text, second.text);
    only_these_arrived(&tenant, &[&first.json()["id"]]).await
}

/// Another token of an organization: the lifetime makes it another text.
fn another_token(stack: &Stack, org: &str) -> String {
    stack.token_for(org, None, Duration::from_mins(7))
}

#[tokio::test]
async fn keys_belong_to_the_organization_and_not_to_its_token() -> Result<()> {
    let stack = world().main().await?;
    let (ours, theirs) = (stack.tenant("keys").await?, stack.tenant("keys").await?);
    for tenant in [&ours, &theirs] {
        let named = serde_json::from_value(json!({"uid": "shared"}))?;
        tenant.svix.application().patch(tenant.app.clone(), named).await?;
    }
    let path = "/app/shared/msg";
    let first = keyed(&ours.api, path, "key", EVENT).await?;
    let again = keyed(&stack.api(&another_token(&stack, &ours.org)), path, "key", EVENT).await?;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    let other = keyed(&theirs.api, path, "key", r#"{"eventType":"b","payload":{}}"#).await?;
    assert_eq!(other.status, 202, "{}", other.text);
    for tenant in [&ours, &theirs] {
        assert_eq!(count(&tenant.api, path).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn whatever_is_created_with_a_key_is_created_once() -> Result<()> {
    let tenant = world().main().await?.tenant("created-once").await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let creations = [
        ("/app", json!({"name": "B"}), json!({"name": "C"}), 2),
        ("/event-type", json!({"name": "a.b", "description": ""}), json!({"name": "c", "description": ""}), 1),
        (endpoints.as_str(), json!({"url": "https://example.com/"}), json!({"url": "https://example.org/"}), 1),
    ];
    for (path, body, other, rows) in creations {
        let body = body.to_string();
        let first = keyed(&tenant.api, path, "key", &body).await?;
        let again = keyed(&tenant.api, path, "\"key\"", &body).await?;
        assert_eq!(first.status, 201, "{path}: {}", first.text);
        assert_eq!((again.status, &again.text), (201, &first.text), "{path}");
        let other = keyed(&tenant.api, path, "key", &other.to_string()).await?;
        other.assert_invalid(&["header", "idempotency-key"]);
        assert_eq!(count(&tenant.api, path).await?, rows, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn of_two_equal_creations_at_once_one_application_comes() -> Result<()> {
    let tenant = world().main().await?.tenant("create-race").await?;
    for nth in 0..4 {
        let key = format!("key-{nth}");
        let request = || keyed(&tenant.api, "/app", &key, r#"{"name":"B"}"#);
        let (a, b) = tokio::try_join!(request(), request())?;
        let (first, second) = if a.status == 201 { (a, b) } else { (b, a) };
        match second.status {
            201 => assert_eq!(first.text, second.text),
            _ => second.assert_refused(409, "idempotency_key_in_flight"),
        }
        assert_eq!(count(&tenant.api, "/app").await?, nth + 2);
    }
    Ok(())
}

#[tokio::test]
async fn a_rotation_with_a_key_is_made_once() -> Result<()> {
    let tenant = world().main().await?.tenant("rotated-once").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let path = format!("/app/{}/endpoint/{endpoint}/secret/rotate", tenant.app);
    assert_eq!(keyed(&tenant.api, &path, "key", "{}").await?.status, 200);
    let secret = tenant.secret(&endpoint).await?;
    assert_eq!(keyed(&tenant.api, &path, "key", "{}").await?.json(), json!({"key": secret}));
    assert_eq!(tenant.secret(&endpoint).await?, secret);
    Ok(())
}
