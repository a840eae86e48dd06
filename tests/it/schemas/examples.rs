//! send-example: to one endpoint, signed, recorded, once for each key.

use anyhow::{Context as _, Result};
use postrider_tests::{PATIENCE, verify, world};
use serde_json::json;
use svix::models::{EndpointIn, EventExampleIn, MessageStatus};

fn kind(schema: &serde_json::Value) -> serde_json::Value {
    json!({"name": "order.paid", "description": "", "schemas": {"1": schema}})
}

#[tokio::test]
async fn the_example_of_the_schema_arrives_at_that_endpoint_alone_and_is_recorded() -> Result<()> {
    let tenant = world().main().await?.tenant("example").await?;
    let example = json!({"id": "ord_1", "total": 2000});
    tenant.api.post("/event-type", &kind(&json!({"examples": [example, {}]}))).await?;
    tenant.api.post("/event-type", &json!({"name": "other", "description": ""})).await?;
    // It subscribes to something else, and gets it all the same.
    let other =
        EndpointIn { event_types: Some(["other".to_owned()].into()), ..EndpointIn::new(tenant.receiver.url("/one")) };
    let endpoint = tenant.endpoint_with(other).await?;
    tenant.endpoint("/all").await?;
    let endpoints = tenant.svix.endpoint();
    let ask = EventExampleIn::new("order.paid".to_owned());
    let sent = endpoints.send_example(tenant.app.clone(), endpoint.id.clone(), ask, None).await?;
    assert_eq!((sent.event_type.as_str(), &sent.payload), ("order.paid", &example));
    let received = tenant.receiver.wait_for("/one", 1, PATIENCE).await?.into_iter().next().context("a request")?;
    verify(&tenant.secret(&endpoint.id).await?, &received)?;
    assert_eq!(received.header("webhook-id"), Some(sent.id.as_str()));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&received.body)?, example);
    tenant.reached(&sent.id, &endpoint.id, MessageStatus::Success).await?;
    let stored = tenant.api.get(&format!("/app/{}/msg/{}", tenant.app, sent.id)).await?;
    assert_eq!(stored.json()["payload"], example);
    assert!(tenant.receiver.received("/all").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_repeated_request_sends_one_example_and_one_without_an_example_is_told_so() -> Result<()> {
    let tenant = world().main().await?.tenant("example-errors").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let path = format!("/app/{}/endpoint/{}/send-example", tenant.app, endpoint.id);
    let (key, body) = ([("idempotency-key", "once")], json!({"eventType": "svix.ping"}).to_string());
    let first = tenant.api.post_raw(&path, &key, body.clone()).await?;
    let again = tenant.api.post_raw(&path, &key, body).await?;
    assert_eq!((first.status, again.status), (200, 200), "{} {}", first.text, again.text);
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!((&first.json()["payload"], &again.json()["payload"]), (&json!({"success": true}), &json!({})));
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    assert_eq!(&received[0].body[..], br#"{"success":true}"#);
    let ask = json!({"eventType": "order.paid"});
    tenant.api.post(&path, &ask).await?.assert_refused(404, "not_found");
    tenant.api.post("/event-type", &kind(&json!({"type": "object"}))).await?;
    tenant.api.post(&path, &ask).await?.assert_refused(400, "invalid_scheme");
    tenant.patch_endpoint(&endpoint.id, json!({"disabled": true})).await?;
    tenant.api.post(&path, &json!({"eventType": "svix.ping"})).await?.assert_refused(409, "endpoint_disabled");
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    Ok(())
}
