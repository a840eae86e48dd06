//! What was deleted is not found, and nothing more is sent to it.

use std::time::Duration;

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Tenant, eventually, world};
use serde_json::json;
use svix::models::{EndpointIn, MessageEndpointOut, MessageStatus};

/// Longer than a delivery function uses an endpoint's configuration without looking again.
const CACHE_ENDS: Duration = Duration::from_secs(11);

async fn are_not_found(tenant: &Tenant, paths: &[&str]) -> Result<()> {
    for path in paths {
        tenant.api.get(path).await?.assert_refused(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn under_a_deleted_application_nothing_is_found() -> Result<()> {
    let tenant = world().main().await?.tenant("deleted-app").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("a", json!({})).await?.id;
    let attempt = tenant.attempted(&message, 1).await?[0].id.clone();
    tenant.svix.application().delete(tenant.app.clone()).await?;
    let app = format!("/app/{}", tenant.app);
    are_not_found(
        &tenant,
        &[
            &app,
            &format!("{app}/endpoint"),
            &format!("{app}/endpoint/{endpoint}"),
            &format!("{app}/endpoint/{endpoint}/secret"),
            &format!("{app}/endpoint/{endpoint}/headers"),
            &format!("{app}/endpoint/{endpoint}/msg"),
            &format!("{app}/msg"),
            &format!("{app}/msg/{message}"),
            &format!("{app}/msg/{message}/attempt/{attempt}"),
            &format!("{app}/msg/{message}/endpoint"),
            &format!("{app}/attempt/msg/{message}"),
            &format!("{app}/attempt/endpoint/{endpoint}"),
        ],
    )
    .await?;
    let event = json!({"eventType": "a", "payload": {}});
    tenant.api.post(&format!("{app}/msg"), &event).await?.assert_refused(404, "not_found");
    tenant.api.patch(&app, &json!({})).await?.assert_refused(404, "not_found");
    tenant.api.delete(&app).await?.assert_refused(404, "not_found");
    assert!(tenant.svix.application().list(None).await?.data.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_deleted_endpoint_is_not_found_and_gets_no_more_messages() -> Result<()> {
    let tenant = world().main().await?.tenant("deleted-endpoint").await?;
    let endpoint = EndpointIn { uid: Some("gone".to_owned()), ..EndpointIn::new(tenant.receiver.url("/gone")) };
    let endpoint = tenant.endpoint_with(endpoint).await?.id;
    tenant.endpoint("/other").await?;
    let before = tenant.publish("a", json!({})).await?.id;
    tenant.attempted(&before, 2).await?;
    tenant.svix.endpoint().delete(tenant.app.clone(), "gone".to_owned()).await?;
    let after = tenant.publish("a", json!({})).await?.id;
    tenant.attempted(&after, 1).await?;
    assert_eq!(tenant.receiver.received("/gone").len(), 1);
    let app = format!("/app/{}", tenant.app);
    for name in [endpoint.as_str(), "gone"] {
        are_not_found(
            &tenant,
            &[
                &format!("{app}/endpoint/{name}"),
                &format!("{app}/endpoint/{name}/secret"),
                &format!("{app}/endpoint/{name}/headers"),
                &format!("{app}/endpoint/{name}/msg"),
                &format!("{app}/attempt/endpoint/{name}"),
                &format!("{app}/attempt/msg/{before}?endpoint_id={name}"),
            ],
        )
        .await?;
    }
    // The record of what went there stays.
    assert_eq!(destinations(&tenant, &before).await?.iter().filter(|to| to.id == endpoint).count(), 1);
    assert_eq!(tenant.attempts(&before).await?.iter().filter(|attempt| attempt.endpoint_id == endpoint).count(), 1);
    assert!(destinations(&tenant, &after).await?.iter().all(|to| to.id != endpoint));
    Ok(())
}

async fn destinations(tenant: &Tenant, message: &str) -> Result<Vec<MessageEndpointOut>> {
    let list = tenant.svix.message_attempt();
    Ok(list.list_attempted_destinations(tenant.app.clone(), message.to_owned(), None).await?.data)
}

#[tokio::test]
async fn what_was_waiting_for_a_deleted_endpoint_is_canceled() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("canceled").await?;
    tenant.receiver.on("/down", |_, _| Reply::status(503));
    let endpoint = tenant.endpoint("/down").await?.id;
    let message = tenant.publish("a", json!({})).await?.id;
    tenant.receiver.wait_for("/down", 1, PATIENCE).await?;
    tenant.attempted(&message, 1).await?;
    tenant.svix.endpoint().delete(tenant.app.clone(), endpoint).await?;
    tokio::time::sleep(CACHE_ENDS).await;
    let ended = || async {
        stack.wake().await?;
        let found = destinations(&tenant, &message).await?;
        Ok(found.into_iter().find(|to| to.status == MessageStatus::Fail && to.next_attempt.is_none()))
    };
    eventually("the delivery ends", ended).await?;
    // It was not exhausted, which would have taken four.
    assert!(tenant.attempts(&message).await?.len() < 4);
    Ok(())
}
