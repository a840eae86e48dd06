//! Many messages in one request.

use std::collections::BTreeSet;

use anyhow::Result;
use postrider_tests::{Api, PATIENCE, Reply, Tenant, verify, world};
use reqwest::Method;
use serde_json::{Value, json};

fn event(n: usize) -> Value {
    json!({"eventType": "a", "payload": {"n": n}})
}

fn request(messages: &[Value]) -> Value {
    json!({ "messages": messages })
}

async fn keyed(api: &Api, path: &str, key: &str, body: &Value) -> Result<Reply> {
    api.post_raw(path, &[("idempotency-key", key)], body.to_string()).await
}

fn path(tenant: &Tenant) -> String {
    format!("/app/{}/msg/batch", tenant.app)
}

fn statuses(reply: &Reply) -> Vec<u64> {
    reply.json()["data"].as_array().into_iter().flatten().filter_map(|row| row["status"].as_u64()).collect()
}

fn ids(reply: &Reply) -> Vec<String> {
    let rows = reply.json()["data"].as_array().cloned().unwrap_or_default();
    rows.iter().filter_map(|row| row["message"]["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_hundred_messages_arrive_once_each_in_the_order_of_their_ids() -> Result<()> {
    let tenant = world().main().await?.tenant("bulk").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let body = request(&(0..100).map(event).collect::<Vec<_>>());
    let first = keyed(&tenant.api, &path(&tenant), "key", &body).await?;
    assert_eq!(first.status, 202, "{}", first.text);
    let published = ids(&first);
    assert!(published.len() == 100 && published.is_sorted());
    for (n, row) in first.json()["data"].as_array().into_iter().flatten().enumerate() {
        assert_eq!((&row["status"], &row["message"]["payload"]["n"]), (&json!(202), &json!(n)));
    }
    let again = keyed(&tenant.api, &path(&tenant), "key", &body).await?;
    assert_eq!((again.status, &again.text), (202, &first.text));
    let last = tenant.publish("last", json!({})).await?;
    tenant.attempted(&last.id, 1).await?;
    let received = tenant.receiver.wait_for("/hook", 101, PATIENCE).await?;
    let arrived: BTreeSet<_> = received.iter().filter_map(|request| request.header("webhook-id")).collect();
    let expected: BTreeSet<_> = published.iter().map(String::as_str).chain([last.id.as_str()]).collect();
    assert_eq!((received.len(), arrived), (101, expected));
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    // In the order of the request, newest first as any list.
    let shown = tenant.api.get(&format!("/app/{}/msg?limit=101", tenant.app)).await?.json();
    let listed: Vec<_> = shown["data"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(listed, [vec![last.id.as_str()], published.iter().rev().map(String::as_str).collect()].concat());
    // Their attempts are listed as their messages are.
    let path = format!("/app/{}/attempt/endpoint/{}?limit=101", tenant.app, endpoint.id);
    let attempts = tenant.api.get(&path).await?.json();
    assert_eq!(attempts["data"].as_array().map(Vec::len), Some(101));
    Ok(())
}

#[tokio::test]
async fn each_message_is_accepted_or_refused_by_itself() -> Result<()> {
    let tenant = world().main().await?.tenant("bulk-mixed").await?;
    tenant.endpoint("/hook").await?;
    let with_id = |id: &str| json!({"eventType": "a", "payload": {}, "eventId": id});
    tenant.api.post(&format!("/app/{}/msg", tenant.app), &with_id("taken")).await?;
    let large = json!({"eventType": "a", "payload": {"x": "x".repeat(262_144)}});
    let invalid = json!({"eventType": "", "payload": []});
    let body = request(&[event(0), invalid, with_id("taken"), large, with_id("new"), with_id("new"), json!(7)]);
    let reply = keyed(&tenant.api, &path(&tenant), "key", &body).await?;
    assert_eq!((reply.status, statuses(&reply)), (207, vec![202, 422, 409, 413, 202, 409, 422]), "{}", reply.text);
    let rows = &reply.json()["data"];
    assert_eq!(rows[1]["error"]["detail"][0]["loc"], json!(["body", "eventType"]));
    assert_eq!(rows[2]["error"]["code"], "conflict");
    assert_eq!(rows[3]["error"]["code"], "payload_too_large");
    let again = keyed(&tenant.api, &path(&tenant), "key", &body).await?;
    assert_eq!((again.status, &again.text), (207, &reply.text));
    tenant.receiver.wait_for("/hook", 3, PATIENCE).await?;
    let list = tenant.api.get(&format!("/app/{}/msg", tenant.app)).await?.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));
    let without = tenant.api.post(&format!("{}?with_content=false", path(&tenant)), &request(&[event(7)])).await?;
    assert_eq!(without.json()["data"][0]["message"]["payload"], json!({}));
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_wrong_as_a_whole_is_refused_as_a_whole() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("bulk-wrong").await?;
    let path = path(&tenant);
    for messages in [json!([]), json!({}), json!(null), json!(vec![event(0); 101])] {
        tenant.api.post(&path, &json!({ "messages": messages })).await?.assert_invalid(&["body", "messages"]);
    }
    tenant.api.post(&path, &json!([event(0)])).await?.assert_invalid(&["body"]);
    let too_much = request(&vec![json!({"eventType": "a", "payload": {"x": "x".repeat(200_000)}}); 6]);
    tenant.api.post(&path, &too_much).await?.assert_refused(413, "payload_too_large");
    tenant.api.post("/app/nobody/msg/batch", &request(&[event(0)])).await?.assert_refused(404, "not_found");
    let theirs = stack.tenant("bulk-wrong").await?;
    theirs.api.post(&path, &request(&[event(0)])).await?.assert_refused(404, "not_found");
    let own = stack.token(&tenant.org, Some(&tenant.app));
    let own = tenant.api.with_token(Some(&own)).post(&path, &request(&[event(0)])).await?;
    own.assert_refused(403, "insufficient access");
    let nobody = tenant.api.with_token(None).post(&path, &request(&[event(0)])).await?;
    nobody.assert_refused(401, "authentication_failed");
    assert_eq!(keyed(&tenant.api, &path, "key", &request(&[event(0)])).await?.status, 202);
    let other = keyed(&tenant.api, &path, "key", &request(&[event(1)])).await?;
    other.assert_invalid(&["header", "idempotency-key"]);
    let put = tenant.api.send(Method::PUT, &path, &[], Some(b"{}".to_vec())).await?;
    assert_eq!(put.status, 405, "{}", put.text);
    let list = tenant.api.get(&format!("/app/{}/msg", tenant.app)).await?.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_megabyte_is_taken_at_once() -> Result<()> {
    let tenant = world().main().await?.tenant("bulk-large").await?;
    tenant.endpoint("/hook").await?;
    let filling = "\"\\ é".repeat(2_120);
    let messages: Vec<_> = (0..70).map(|n| json!({"eventType": "a", "payload": {"n": n, "x": filling}})).collect();
    let body = request(&messages);
    assert!((1_000_000..1_048_576).contains(&body.to_string().len()), "{}", body.to_string().len());
    let reply = tenant.api.post(&path(&tenant), &body).await?;
    assert_eq!((reply.status, ids(&reply).len()), (202, 70), "{:.300}", reply.text);
    let received = tenant.receiver.wait_for("/hook", 70, PATIENCE).await?;
    let expected: BTreeSet<_> = messages.iter().map(|message| message["payload"].to_string().into_bytes()).collect();
    assert!(received.into_iter().map(|request| request.body.to_vec()).collect::<BTreeSet<_>>() == expected);
    Ok(())
}

#[tokio::test]
async fn a_message_brings_its_application_along() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("founded").await?;
    let application = |uid: &str| json!({"name": "Acme", "uid": uid, "metadata": {"plan": "free"}});
    let with = |application: Value| json!({"eventType": "a", "payload": {}, "application": application});
    let (a, b) = (with(application("acme")), with(application("acme")));
    let (a, b) = tokio::try_join!(tenant.api.post("/app/acme/msg", &a), tenant.api.post("/app/acme/msg", &b))?;
    assert_eq!((a.status, b.status), (202, 202), "{} {}", a.text, b.text);
    let shown = tenant.api.get("/app/acme").await?.json();
    assert_eq!((&shown["name"], &shown["metadata"]["plan"]), (&json!("Acme"), &json!("free")));
    let list = tenant.api.get("/app/acme/msg").await?.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    // It is ignored where there is one, but checked.
    let other = with(json!({"name": "Other", "uid": "other"}));
    assert_eq!(tenant.api.post("/app/acme/msg", &other).await?.status, 202);
    assert_eq!(tenant.api.get("/app/acme").await?.json(), shown);
    let nameless = with(json!({"name": "", "uid": "acme"}));
    tenant.api.post("/app/acme/msg", &nameless).await?.assert_invalid(&["body", "application", "name"]);
    for (application, kind) in
        [(json!({"name": "B"}), "application_uid_missing"), (application("c"), "application_uid_mismatch")]
    {
        let reply = tenant.api.post("/app/b/msg", &with(application)).await?;
        let item = &reply.json()["detail"][0];
        assert_eq!((reply.status, &item["type"]), (422, &json!(kind)), "{}", reply.text);
        assert_eq!(item["loc"], json!(["body", "application", "uid"]));
    }
    let batch = request(&[event(0), with(application("batch"))]);
    let reply = tenant.api.post("/app/batch/msg/batch", &batch).await?;
    assert_eq!((reply.status, ids(&reply).len()), (202, 2), "{}", reply.text);
    // By the published client as well.
    let message = svix::models::MessageIn {
        application: Some(svix::models::ApplicationIn {
            uid: Some("svix".to_owned()),
            ..svix::models::ApplicationIn::new("Svix".to_owned())
        }),
        ..svix::models::MessageIn::new("a".to_owned(), json!({}))
    };
    tenant.svix.message().create("svix".to_owned(), message, None).await?;
    assert_eq!(tenant.api.get("/app/svix").await?.json()["name"], "Svix");
    Ok(())
}
