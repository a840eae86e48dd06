//! Endpoints.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use postrider_tests::{PATIENCE, refusal, world};
use serde_json::{Value, from_value as model, json};
use svix::models::{EndpointIn, EventTypeIn};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn an_endpoint_is_created_read_replaced_changed_and_deleted() -> Result<()> {
    let tenant = world().main().await?.tenant("endpoints").await?;
    let (app, endpoints) = (|| tenant.app.clone(), tenant.svix.endpoint());
    for name in ["a.b", "c"] {
        tenant.svix.event_type().create(EventTypeIn::new(name.to_owned(), String::new()), None).await?;
    }
    let metadata = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let full = EndpointIn {
        uid: Some("ep".to_owned()),
        description: Some("Ours \u{1f3e0}".to_owned()),
        disabled: Some(true),
        event_types: Some(set(&["c", "a.b"])),
        channels: Some(set(&["red", "blue"])),
        throttle_rate: Some(1),
        metadata: Some(metadata.clone()),
        ..EndpointIn::new("HTTPS://Example.COM:443".to_owned())
    };
    let made = endpoints.create(app(), full, None).await?;
    assert_eq!((made.url.as_str(), made.uid.as_deref()), ("https://example.com/", Some("ep")));
    assert_eq!((made.description.as_str(), made.disabled, made.throttle_rate), ("Ours \u{1f3e0}", Some(true), Some(1)));
    assert_eq!((&made.event_types, &made.channels), (&Some(set(&["a.b", "c"])), &Some(set(&["blue", "red"]))));
    assert_eq!(made.metadata, metadata);
    assert!(made.id.starts_with("ep_") && made.id.len() == 30, "{}", made.id);
    for name in [&made.id, "ep"] {
        assert_eq!(endpoints.get(app(), name.to_string()).await?, made);
    }
    let secret = tenant.secret("ep").await?;
    // `null` clears, absent fields stay.
    let nulls = json!({"uid": null, "throttleRate": null, "eventTypes": null, "channels": null, "description": "x"});
    let patched = endpoints.patch(app(), "ep".to_owned(), model(nulls)?).await?;
    let unset: (Option<String>, Option<u16>, Option<BTreeSet<String>>) = (None, None, None);
    assert_eq!((patched.uid, patched.throttle_rate, patched.event_types), unset);
    assert_eq!((patched.channels, patched.disabled, patched.description.as_str()), (None, Some(true), "x"));
    assert_eq!((patched.url.as_str(), patched.metadata), ("https://example.com/", metadata));
    assert_eq!(refusal(endpoints.get(app(), "ep".to_owned()).await), 404);
    // A PUT sets everything, enables, and leaves the secret alone.
    let body = model(json!({"url": "https://example.com/b?c=d#e", "uid": "ep2", "channels": ["red"]}))?;
    let put = endpoints.upsert(app(), made.id.clone(), body).await?;
    assert_eq!((put.id.as_str(), put.url.as_str()), (made.id.as_str(), "https://example.com/b?c=d"));
    assert_eq!((put.uid.as_deref(), put.disabled, put.description.as_str()), (Some("ep2"), Some(false), ""));
    assert_eq!((put.channels, put.metadata.len()), (Some(set(&["red"])), 0));
    assert!(put.updated_at > patched.updated_at && put.created_at == made.created_at);
    assert_eq!(tenant.secret("ep2").await?, secret);
    endpoints.delete(app(), "ep2".to_owned()).await?;
    assert_eq!(refusal(endpoints.get(app(), made.id.clone()).await), 404);
    assert_eq!(refusal(endpoints.delete(app(), made.id).await), 404);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_has_every_member_of_the_contract() -> Result<()> {
    let tenant = world().main().await?.tenant("members").await?;
    let path = format!("/app/{}/endpoint", tenant.app);
    let made = tenant.api.post(&path, &json!({"url": "https://example.com/"})).await?;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut body = made.json();
    for (name, prefix) in [("id", "ep_"), ("createdAt", "20"), ("updatedAt", "20")] {
        let value = body.as_object_mut().and_then(|body| body.remove(name)).unwrap_or_default();
        assert!(value.as_str().is_some_and(|text| text.starts_with(prefix)), "{name}: {value}");
    }
    let expected = json!({
        "uid": null, "url": "https://example.com/", "version": 1, "description": "", "disabled": false,
        "eventTypes": null, "filterTypes": null, "channels": null, "throttleRate": null, "rateLimit": null,
        "metadata": {},
    });
    assert_eq!(body, expected);
    // The older names of the same fields.
    let older = json!({"url": "https://example.com/", "rateLimit": 5, "version": 2, "uid": "older"});
    let older = tenant.api.post(&path, &older).await?.json();
    assert_eq!((&older["throttleRate"], &older["rateLimit"], &older["version"]), (&json!(5), &json!(5), &json!(2)));
    Ok(())
}

#[tokio::test]
async fn a_put_at_a_new_uid_creates_the_endpoint_once() -> Result<()> {
    let tenant = world().main().await?.tenant("put-endpoint").await?;
    let path = format!("/app/{}/endpoint/fresh", tenant.app);
    let put = async || tenant.api.put(&path, &json!({"url": tenant.receiver.url("/hook")})).await;
    let (first, again) = (put().await?, put().await?);
    assert_eq!((first.status, again.status), (201, 200), "{} {}", first.text, again.text);
    assert_eq!((&first.json()["id"], &again.json()["uid"]), (&again.json()["id"], &json!("fresh")));
    let message = tenant.publish("a", json!({})).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    assert_eq!(received[0].header("webhook-id"), Some(message.id.as_str()));
    postrider_tests::verify(&tenant.secret("fresh").await?, &received[0])
}

#[tokio::test]
async fn a_uid_belongs_to_one_endpoint_of_the_application() -> Result<()> {
    let tenant = world().main().await?.tenant("endpoint-uid").await?;
    let path = format!("/app/{}/endpoint", tenant.app);
    let endpoint = |uid: Value| json!({"url": "https://example.com/", "uid": uid});
    for uid in ["a", "b"] {
        assert_eq!(tenant.api.post(&path, &endpoint(json!(uid))).await?.status, 201);
    }
    let taken = endpoint(json!("a"));
    tenant.api.post(&path, &taken).await?.assert_refused(409, "conflict");
    tenant.api.put(&format!("{path}/b"), &taken).await?.assert_refused(409, "conflict");
    tenant.api.patch(&format!("{path}/b"), &taken).await?.assert_refused(409, "conflict");
    assert_eq!(tenant.api.delete(&format!("{path}/a")).await?.status, 204);
    assert_eq!(tenant.api.patch(&format!("{path}/b"), &taken).await?.status, 200);
    assert_eq!(tenant.api.get(&format!("{path}/a")).await?.status, 200);
    // Another application has uids of its own.
    let other = tenant.api.post("/app", &json!({"name": "Other", "uid": "other"})).await?;
    assert_eq!(other.status, 201);
    assert_eq!(tenant.api.post("/app/other/endpoint", &taken).await?.status, 201);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_subscribes_to_event_types_that_exist_and_are_in_use() -> Result<()> {
    let tenant = world().main().await?.tenant("subscribes").await?;
    let path = format!("/app/{}/endpoint", tenant.app);
    let with = |names: Value| json!({"url": "https://example.com/", "eventTypes": names});
    let kinds = tenant.svix.event_type();
    kinds.create(EventTypeIn::new("known".to_owned(), String::new()), None).await?;
    let made = tenant.api.post(&path, &with(json!(["known", "known"]))).await?;
    assert_eq!((made.status, &made.json()["eventTypes"]), (201, &json!(["known"])), "{}", made.text);
    let one = format!("{path}/{}", made.json()["id"].as_str().unwrap_or_default());
    let refused = tenant.api.post(&path, &with(json!(["known", "unknown"]))).await?;
    refused.assert_invalid(&["body", "eventTypes"]);
    assert!(refused.text.contains("unknown"), "{}", refused.text);
    kinds.delete("known".to_owned(), None).await?;
    let again = with(json!(["known"]));
    tenant.api.put(&one, &again).await?.assert_invalid(&["body", "eventTypes"]);
    tenant.api.patch(&one, &again).await?.assert_invalid(&["body", "eventTypes"]);
    // Other fields change all the same.
    let patched = tenant.api.patch(&one, &json!({"description": "d"})).await?;
    assert_eq!((patched.status, &patched.json()["eventTypes"]), (200, &json!(["known"])));
    Ok(())
}
