//! The contents of messages and attempts.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, world};
use serde_json::json;
use svix::{
    api::{MessageGetOptions, MessageListOptions},
    models::{MessageIn, MessageStatus},
};

const GONE: (&str, &str) = ("c", "content_expunged");

/// Its queues are empty at times, as those of a stack that every test uses are not.
async fn alone() -> Result<Arc<Stack>> {
    world().stack("expunged", &[]).await
}

async fn expunge(tenant: &Tenant, message: &str) -> Result<()> {
    tenant.svix.message().expunge_content(tenant.app.clone(), message.to_owned()).await.context("expunging")
}

/// Waits until the delivery is recorded in that state.
async fn in_state(stack: &Stack, endpoint: &str, message: &str, state: &str) -> Result<()> {
    let what = format!("{message} is in state {state} at {endpoint}");
    eventually(&what, || async { Ok((stack.ending(endpoint, message).await?.0 == state).then_some(())) }).await
}

async fn ended(stack: &Stack, endpoint: &str, message: &str) -> Result<()> {
    let (state, reason) = stack.ending(endpoint, message).await?;
    assert_eq!((state.as_str(), reason.as_str()), GONE);
    Ok(())
}

#[tokio::test]
async fn a_payload_is_gone_from_every_answer_and_from_the_tables() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("expunged").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let event = MessageIn {
        event_id: Some("e-1".to_owned()),
        ..MessageIn::new("a".to_owned(), json!({"card": "4000-0566-5566-5556"}))
    };
    let message = tenant.publish_with(event).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    assert_eq!(stack.traces("4000-0566-5566-5556").await?, [(tenant.app.clone(), message.clone())]);
    // By its eventId, and again.
    expunge(&tenant, "e-1").await?;
    expunge(&tenant, &message).await?;
    assert_eq!(stack.traces("4000-0566-5566-5556").await?, []);
    let gone = json!({"expired": true});
    let api = tenant.svix.message();
    let options = Some(MessageGetOptions { with_content: Some(true) });
    assert_eq!(api.get(tenant.app.clone(), message.clone(), options).await?.payload, gone);
    let options = MessageListOptions { with_content: Some(true), ..MessageListOptions::default() };
    assert_eq!(api.list(tenant.app.clone(), Some(options)).await?.data[0].payload, gone);
    let of_endpoint = tenant.api.get(&format!("/app/{}/endpoint/{endpoint}/msg", tenant.app)).await?;
    assert_eq!(of_endpoint.json()["data"][0]["payload"], gone);
    // What was delivered stays so.
    assert_eq!(tenant.destination(&message, &endpoint).await?.status, MessageStatus::Success);
    assert_eq!(tenant.attempts(&message).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_copy_that_waits_in_the_queue_is_not_sent() -> Result<()> {
    let stack = alone().await?;
    let tenant = stack.tenant("expunged-queued").await?;
    tenant.receiver.on("/down", |_, _| Reply::status(500));
    let endpoint = tenant.endpoint("/down").await?.id;
    let message = tenant.publish("a", json!({"secret": 1})).await?.id;
    // A retry every second or two; its record says that there is one.
    in_state(&stack, &endpoint, &message, "w").await?;
    expunge(&tenant, &message).await?;
    // One that is being made just now may arrive.
    let sent = tenant.receiver.received("/down").len() + 1;
    ended(&stack, &endpoint, &message).await?;
    stack.drained().await?;
    assert!(tenant.receiver.received("/down").len() <= sent.min(3), "it was tried to the end");
    ended(&stack, &endpoint, &message).await?;
    assert_eq!(tenant.destination(&message, &endpoint).await?.status, MessageStatus::Fail);
    Ok(())
}

#[tokio::test]
async fn what_is_parked_held_or_dead_is_not_sent_either() -> Result<()> {
    let stack = world().stack("expunging", &[("ParkAfterSeconds", "0"), ("RetrySchedule", "1h")]).await?;
    let tenant = stack.tenant("expunged-waiting").await?;
    for path in ["/parked", "/dead"] {
        tenant.receiver.on(path, |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    }
    tenant.receiver.on("/dead", |_, _| Reply::status(500).header("webhook-delivery", "abort-message"));
    let parked = tenant.endpoint("/parked").await?.id;
    let dead = tenant.endpoint("/dead").await?.id;
    let held = tenant.endpoint_of("/held", json!({"delivery": {"paused": true}})).await?;
    let message = tenant.publish("a", json!({"secret": 1})).await?.id;
    for (endpoint, state) in [(&parked, "w"), (&held, "h"), (&dead, "f")] {
        in_state(&stack, endpoint, &message, state).await?;
    }
    let letter = stack.dead_letter(&message).await?;
    expunge(&tenant, &message).await?;
    for endpoint in [&parked, &held, &dead] {
        ended(&stack, endpoint, &message).await?;
    }
    tenant.patch_endpoint(&held, json!({"delivery": {"paused": false}})).await?;
    stack.redrive(letter).await?;
    for endpoint in [&parked, &held] {
        stack.look(endpoint).await?;
    }
    stack.drained().await?;
    for (path, times) in [("/parked", 1), ("/dead", 1), ("/held", 0)] {
        assert_eq!(tenant.receiver.received(path).len(), times, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_response_is_gone_from_every_answer_and_from_the_tables() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("expunged-attempt").await?;
    tenant.receiver.on("/hook", |_, nth| match nth {
        1 => Reply::status(500).body("leaked: 0451-first"),
        _ => Reply::status(200).body("leaked: 0451-second"),
    });
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("a", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    let attempts = tenant.attempts(&message).await?;
    assert_eq!(attempts.len(), 2);
    assert_eq!(stack.traces("0451-").await?, [(endpoint.clone(), message.clone())]);
    let (second, first) = (&attempts[0], &attempts[1]);
    let api = tenant.svix.message_attempt();
    for attempt in [first, second, second] {
        api.expunge_content(tenant.app.clone(), message.clone(), attempt.id.clone()).await?;
        let shown = api.get(tenant.app.clone(), message.clone(), attempt.id.clone(), None).await?;
        assert_eq!((shown.response.as_str(), shown.response_status_code), ("EXPUNGED", attempt.response_status_code));
    }
    assert_eq!(stack.traces("0451-").await?, []);
    assert!(tenant.attempts(&message).await?.iter().all(|attempt| attempt.response == "EXPUNGED"));
    let of_endpoint = api.list_by_endpoint(tenant.app.clone(), endpoint.clone(), None).await?.data;
    assert!(of_endpoint.len() == 2 && of_endpoint.iter().all(|attempt| attempt.response != "leaked: 0451-first"));
    assert_eq!(tenant.destination(&message, &endpoint).await?.status, MessageStatus::Success);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_applications_may_not_erase() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, other) = (stack.tenant("expunger").await?, stack.tenant("not-expunged").await?);
    let endpoint = other.endpoint("/hook").await?.id;
    let message = other.publish("a", json!({"secret": 1})).await?.id;
    let attempt = other.attempted(&message, 1).await?[0].id.clone();
    let theirs = format!("/app/{}/msg/{message}", other.app);
    let own = format!("/app/{}/msg/{message}", tenant.app);
    for path in [
        format!("{theirs}/content"),
        format!("{theirs}/attempt/{attempt}/content"),
        format!("{own}/content"),
        format!("{own}/attempt/{attempt}/content"),
    ] {
        tenant.api.delete(&path).await?.assert_refused(404, "not_found");
    }
    other.api.delete(&format!("{theirs}/attempt/{endpoint}/content")).await?.assert_refused(404, "not_found");
    let token = stack.token(&other.org, Some(&other.app));
    for path in [format!("{theirs}/content"), format!("{theirs}/attempt/{attempt}/content")] {
        stack.api(&token).delete(&path).await?.assert_refused(403, "insufficient access");
    }
    let options = Some(MessageGetOptions { with_content: Some(true) });
    let shown = other.svix.message().get(other.app.clone(), message, options).await?;
    assert_eq!(shown.payload, json!({"secret": 1}));
    Ok(())
}

#[tokio::test]
async fn a_publication_repeated_after_its_content_was_expunged_sends_nothing_and_brings_nothing_back() -> Result<()> {
    let stack = alone().await?;
    let tenant = stack.tenant("expunged-repeated").await?;
    tenant.endpoint("/hook").await?;
    let (path, body) = (format!("/app/{}/msg", tenant.app), json!({"eventType": "a", "payload": {"card": "0377-42"}}));
    let publish = || tenant.api.post_raw(&path, &[("idempotency-key", "k")], body.to_string());
    let message = publish().await?.json()["id"].as_str().context("an id")?.to_owned();
    tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    tenant.attempted(&message, 1).await?;
    expunge(&tenant, &message).await?;
    let again = publish().await?;
    assert_eq!((again.status, &again.json()["id"]), (202, &json!(message)));
    assert_eq!(again.json()["payload"], json!({"expired": true}));
    stack.drained().await?;
    assert_eq!((tenant.receiver.received("/hook").len(), stack.traces("0377-42").await?), (1, Vec::new()));
    Ok(())
}
