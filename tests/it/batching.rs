//! Several events in one request: as many as the endpoint wants, or after as long as it wants to wait.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result};
use cloudevents::{AttributesReader as _, Event};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::{Received, Reply};
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, verify, world};
use serde_json::{Value, json};
use svix::models::MessageStatus;

const MOST: usize = 5;

/// The ids in a request, after its signature was verified over the whole of it.
fn members(secret: &str, request: &Received) -> Result<Vec<String>> {
    verify(secret, request)?;
    let events: Vec<Value> = serde_json::from_slice(&request.body)?;
    events.iter().map(|event| Ok(event["id"].as_str().context("no id")?.to_owned())).collect()
}

/// Publishes so many at once; gives the messages' ids.
async fn publish(tenant: &Tenant, count: usize) -> Result<BTreeSet<String>> {
    let publish =
        |number| async move { anyhow::Ok(tenant.publish("invoice.paid", json!({"number": number})).await?.id) };
    stream::iter(0..count).map(publish).buffer_unordered(8).try_collect().await
}

async fn batching(stack: &Stack, name: &str, seconds: u32, format: &str) -> Result<(Tenant, String)> {
    let tenant = stack.tenant(name).await?;
    let delivery = json!({"batch": {"maxEvents": MOST, "maxSeconds": seconds}, "format": format});
    let endpoint = tenant.endpoint_of("/hook", json!({ "delivery": delivery })).await?;
    Ok((tenant, endpoint))
}

async fn all_have(tenant: &Tenant, endpoint: &str, messages: &BTreeSet<String>, status: MessageStatus) -> Result<()> {
    for message in messages {
        tenant.reached(message, endpoint, status).await?;
    }
    Ok(())
}

#[tokio::test]
async fn when_there_are_enough_events_they_are_sent_without_waiting() -> Result<()> {
    // Ten minutes: what comes within a test's patience came because of the number.
    let (tenant, endpoint) = batching(&*world().main().await?, "batch-full", 600, "as-published").await?;
    let messages = publish(&tenant, MOST).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    let secret = tenant.secret(&endpoint).await?;
    assert_eq!(members(&secret, &received[0])?.into_iter().collect::<BTreeSet<_>>(), messages);
    let events: Vec<Value> = serde_json::from_slice(&received[0].body)?;
    for event in &events {
        let of = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
        assert_eq!(of("eventType"), "invoice.paid");
        assert!(of("timestamp").parse::<jiff::Timestamp>().is_ok(), "{event}");
        assert!(event["payload"]["number"].is_u64(), "{event}");
    }
    all_have(&tenant, &endpoint, &messages, MessageStatus::Success).await?;
    for message in &messages {
        let attempts = tenant.attempts(message).await?;
        let shown: Vec<_> = attempts.iter().map(|one| (one.status, one.response_status_code)).collect();
        assert_eq!(shown, [(MessageStatus::Success, 200)]);
    }
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    Ok(())
}

#[tokio::test]
async fn when_there_are_few_they_are_sent_after_the_time() -> Result<()> {
    const SECONDS: u32 = 3;
    let (tenant, endpoint) = batching(&*world().main().await?, "batch-time", SECONDS, "as-published").await?;
    let start = std::time::Instant::now();
    let messages = publish(&tenant, MOST - 2).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    let waited = received[0].at.duration_since(start);
    assert!(waited >= Duration::from_secs(u64::from(SECONDS)), "{waited:?}");
    let secret = tenant.secret(&endpoint).await?;
    assert_eq!(members(&secret, &received[0])?.into_iter().collect::<BTreeSet<_>>(), messages);
    all_have(&tenant, &endpoint, &messages, MessageStatus::Success).await
}

#[tokio::test]
async fn many_events_are_sent_in_requests_of_the_number_at_most_and_each_once() -> Result<()> {
    const MANY: usize = 4 * MOST + 2;
    let (tenant, endpoint) = batching(&*world().main().await?, "batch-many", 2, "as-published").await?;
    let messages = publish(&tenant, MANY).await?;
    let secret = tenant.secret(&endpoint).await?;
    let sent = eventually("all have come", || async {
        let received = tenant.receiver.received("/hook");
        let sent = received.iter().map(|request| members(&secret, request)).collect::<Result<Vec<_>>>()?;
        Ok((sent.iter().map(Vec::len).sum::<usize>() >= MANY).then_some(sent))
    })
    .await?;
    assert!(sent.iter().all(|events| events.len() <= MOST), "{sent:?}");
    all_have(&tenant, &endpoint, &messages, MessageStatus::Success).await?;
    let all: Vec<_> = sent.into_iter().flatten().collect();
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (MANY, messages));
    Ok(())
}

#[tokio::test]
async fn all_events_of_a_request_that_fails_are_sent_again_under_the_same_id() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, endpoint) = batching(&stack, "batch-fails", 600, "as-published").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    let messages = publish(&tenant, MOST).await?;
    for message in &messages {
        let attempts = tenant.attempted(message, 1).await?;
        assert_eq!((attempts[0].status, attempts[0].response_status_code), (MessageStatus::Fail, 500));
    }
    eventually("it is sent again", || async {
        stack.look(&endpoint).await?;
        Ok((tenant.receiver.received("/hook").len() > 1).then_some(()))
    })
    .await?;
    all_have(&tenant, &endpoint, &messages, MessageStatus::Success).await?;
    let (received, secret) = (tenant.receiver.received("/hook"), tenant.secret(&endpoint).await?);
    let mut again = BTreeSet::new();
    for request in &received[1..] {
        again.extend(members(&secret, request)?);
    }
    assert_eq!(again, messages);
    if received.len() == 2 {
        assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_of_cloud_events_is_one_for_their_sdk() -> Result<()> {
    let (tenant, endpoint) = batching(&*world().main().await?, "batch-ce", 600, "cloudevents-structured").await?;
    let messages = publish(&tenant, MOST).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    assert_eq!(received[0].header("content-type"), Some("application/cloudevents-batch+json"));
    verify(&tenant.secret(&endpoint).await?, &received[0])?;
    let events: Vec<Event> = serde_json::from_slice(&received[0].body)?;
    assert_eq!(events.iter().map(|event| event.id().to_owned()).collect::<BTreeSet<_>>(), messages);
    Ok(())
}
