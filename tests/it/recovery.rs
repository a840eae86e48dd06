//! Sending again, and not sending at all, because somebody asks for it.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use postrider_core::time::Time;
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Tenant, eventually, refusal, world};
use serde_json::{Value, json};
use svix::models::{EndpointIn, EndpointPatch, MessageAttemptTriggerType, MessageStatus, RecoverIn};

/// Before everything that a test did.
fn since() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Time::from_secs(i64::try_from(now.as_secs()).unwrap_or_default()).minus(Duration::from_hours(1)).to_string()
}

/// Posts; gives the task as it stands when it has ended.
async fn task(tenant: &Tenant, path: &str, body: &Value) -> Result<Value> {
    let begun = tenant.api.post(&format!("/app/{}{path}", tenant.app), body).await?;
    anyhow::ensure!(begun.status == 202, "{}: {}", begun.status, begun.text);
    ended(tenant, begun.json()["id"].as_str().context("an id")?).await
}

async fn ended(tenant: &Tenant, id: &str) -> Result<Value> {
    eventually("the task ends", || async {
        let shown = tenant.api.get(&format!("/background-task/{id}")).await?.json();
        Ok((shown["status"] != "running").then_some(shown))
    })
    .await
}

async fn dead(tenant: &Tenant, query: &str) -> Result<Vec<Value>> {
    let list = tenant.api.get(&format!("/app/{}/dead-letter{query}", tenant.app)).await?;
    Ok(list.json()["data"].as_array().context("a list")?.clone())
}

async fn disable(tenant: &Tenant, endpoint: &str, disabled: bool) -> Result<()> {
    let patch = EndpointPatch { disabled: Some(disabled), ..EndpointPatch::new() };
    tenant.svix.endpoint().patch(tenant.app.clone(), endpoint.to_owned(), patch).await?;
    Ok(())
}

#[tokio::test]
async fn a_resend_is_one_attempt_by_hand_whatever_became_of_the_delivery() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("resend").await?;
    // Delivered; then failing by hand; then taken again.
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 2 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    for count in [2, 3] {
        let again = tenant.svix.message_attempt();
        again.resend(tenant.app.clone(), message.clone(), endpoint.clone(), None).await?;
        tenant.attempted(&message, count).await?;
        // A failure by hand does not undo the success, and is not retried.
        assert_eq!(tenant.destination(&message, &endpoint).await?.status, MessageStatus::Success);
    }
    let attempts = tenant.attempts(&message).await?;
    let seen: Vec<_> = attempts.iter().map(|attempt| (attempt.trigger_type, attempt.response_status_code)).collect();
    let (manual, scheduled) = (MessageAttemptTriggerType::Manual, MessageAttemptTriggerType::Scheduled);
    assert_eq!(seen, [(manual, 200), (manual, 500), (scheduled, 200)]);
    let received = tenant.receiver.received("/hook");
    assert!(received.iter().all(|request| request.header("webhook-id") == Some(&message)));

    // An endpoint that did not exist then, and subscribes to something else.
    let other =
        EndpointIn { channels: Some(["other".to_owned()].into()), ..EndpointIn::new(tenant.receiver.url("/other")) };
    let other = tenant.endpoint_with(other).await?.id;
    tenant.svix.message_attempt().resend(tenant.app.clone(), message.clone(), other.clone(), None).await?;
    tenant.receiver.wait_for("/other", 1, PATIENCE).await?;
    tenant.reached(&message, &other, MessageStatus::Success).await?;
    disable(&tenant, &other, true).await?;
    let refused = tenant.svix.message_attempt().resend(tenant.app.clone(), message.clone(), other, None).await;
    assert_eq!(refusal(refused), 409);
    let unknown = tenant.svix.message_attempt().resend(tenant.app.clone(), "msg_none".to_owned(), endpoint, None).await;
    assert_eq!(refusal(unknown), 404);
    Ok(())
}

#[tokio::test]
async fn what_failed_in_an_outage_is_recovered_once_at_the_valves_pace() -> Result<()> {
    let stack = world().stack("recovery", &[("RetrySchedule", ""), ("ReleasesPerSecond", "200")]).await?;
    let tenant = stack.tenant("recover").await?;
    tenant.receiver.on("/hook", |_, _| Reply::status(400));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let mut messages = Vec::new();
    for nth in 0..3 {
        messages.push(tenant.publish("invoice.paid", json!({"nth": nth})).await?.id);
    }
    for message in &messages {
        tenant.reached(message, &endpoint, MessageStatus::Fail).await?;
    }
    let letters = dead(&tenant, "").await?;
    assert_eq!(letters.iter().map(|letter| letter["messageId"].as_str()).rev().collect::<Vec<_>>(), {
        messages.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>()
    });
    assert_eq!((&letters[0]["reason"], &letters[0]["attempts"]), (&json!("exhausted"), &json!(1)));

    tenant.receiver.on("/hook", |_, _| Reply::status(200));
    let wanted = RecoverIn { since: since().parse()?, until: None };
    let begun = tenant.svix.endpoint().recover(tenant.app.clone(), endpoint.clone(), wanted, None).await?;
    let done = ended(&tenant, &begun.id).await?;
    assert_eq!(
        (&done["task"], &done["status"], &done["data"]["changed"]),
        (&json!("endpoint.recover"), &json!("finished"), &json!(3))
    );
    stack.let_through(&tenant, &endpoint, 6).await?;
    for message in &messages {
        tenant.reached(message, &endpoint, MessageStatus::Success).await?;
    }
    assert_eq!(dead(&tenant, "").await?.len(), 0);
    // The operator's queue still holds a copy of each: redriven, they send nothing twice.
    let letter = stack.dead_letter(&messages[0]).await?;
    stack.redrive(letter).await?;
    let again = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.reached(&again, &endpoint, MessageStatus::Success).await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 7);
    let again = task(&tenant, &format!("/endpoint/{endpoint}/recover"), &json!({"since": since()})).await?;
    assert_eq!(again["data"]["changed"], 0);
    Ok(())
}

#[tokio::test]
async fn what_an_endpoint_was_never_sent_is_replayed() -> Result<()> {
    let stack = world().stack("recovery", &[("RetrySchedule", ""), ("ReleasesPerSecond", "200")]).await?;
    let tenant = stack.tenant("replay").await?;
    let before = tenant.publish("invoice.paid", json!({"when": "before the endpoint"})).await?.id;
    let endpoint = tenant.endpoint("/hook").await?.id;
    disable(&tenant, &endpoint, true).await?;
    let during = tenant.publish("invoice.paid", json!({"when": "while it was disabled"})).await?.id;
    let path = format!("/endpoint/{endpoint}/replay-missing");
    let refused = tenant.api.post(&format!("/app/{}{path}", tenant.app), &json!({"since": since()})).await?;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("endpoint_disabled")));
    disable(&tenant, &endpoint, false).await?;
    let after = tenant.publish("invoice.paid", json!({"when": "as ever"})).await?.id;
    tenant.reached(&after, &endpoint, MessageStatus::Success).await?;

    let done = task(&tenant, &path, &json!({"since": since()})).await?;
    assert_eq!((&done["task"], &done["data"]["changed"]), (&json!("endpoint.replay"), &json!(2)));
    stack.let_through(&tenant, &endpoint, 3).await?;
    for message in [&before, &during] {
        tenant.reached(message, &endpoint, MessageStatus::Success).await?;
    }
    assert_eq!(task(&tenant, &path, &json!({"since": since()})).await?["data"]["changed"], 0);
    assert_eq!(tenant.receiver.received("/hook").len(), 3);
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_redriven_by_endpoint_or_all_together() -> Result<()> {
    let stack = world().stack("recovery", &[("RetrySchedule", ""), ("ReleasesPerSecond", "200")]).await?;
    let tenant = stack.tenant("redrive").await?;
    for path in ["/hook", "/other"] {
        tenant.receiver.on(path, |_, nth| Reply::status(if nth <= 2 { 400 } else { 200 }));
    }
    let (one, two) = (tenant.endpoint("/hook").await?.id, tenant.endpoint("/other").await?.id);
    let messages = [tenant.publish("a", json!({})).await?.id, tenant.publish("a", json!({})).await?.id];
    eventually("four dead letters", || async { Ok((dead(&tenant, "").await?.len() == 4).then_some(())) }).await?;
    assert_eq!(dead(&tenant, &format!("?endpoint_id={one}")).await?.len(), 2);
    let first = tenant.api.get(&format!("/app/{}/dead-letter?limit=3", tenant.app)).await?.json();
    let rest = dead(&tenant, &format!("?iterator={}", first["iterator"].as_str().context("an iterator")?)).await?;
    assert_eq!((&first["done"], rest.len()), (&json!(false), 1));

    let done = task(&tenant, "/dead-letter/redrive", &json!({"endpointId": one})).await?;
    assert_eq!((&done["task"], &done["data"]["changed"]), (&json!("dead-letter.redrive"), &json!(2)));
    stack.let_through(&tenant, &one, 4).await?;
    for message in &messages {
        tenant.reached(message, &one, MessageStatus::Success).await?;
        assert_eq!(tenant.destination(message, &two).await?.status, MessageStatus::Fail);
    }
    assert_eq!(task(&tenant, "/dead-letter/redrive", &json!({})).await?["data"]["changed"], 2);
    let tasks = tenant.api.get("/background-task").await?.json();
    assert_eq!(tasks["data"].as_array().map(Vec::len), Some(2));
    let stranger = stack.tenant("stranger").await?;
    let id = tasks["data"][0]["id"].as_str().context("an id")?;
    assert_eq!(stranger.api.get(&format!("/background-task/{id}")).await?.status, 404);
    let path = format!("/app/{}/dead-letter/redrive", tenant.app);
    assert_eq!(tenant.api.post(&path, &json!({"endpointId": "no"})).await?.status, 422);
    Ok(())
}

#[tokio::test]
async fn a_canceled_delivery_is_not_sent() -> Result<()> {
    let stack = world().fragile().await?;
    let tenant = stack.tenant("cancel").await?;
    tenant.receiver.on("/hook", |_, _| Reply::status(500));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let (one, two) = (tenant.publish("a", json!({})).await?.id, tenant.publish("a", json!({})).await?.id);
    for message in [&one, &two] {
        tenant.reached(message, &endpoint, MessageStatus::Sending).await?;
    }
    let path = format!("/app/{}/msg/{one}/endpoint/{endpoint}/cancel", tenant.app);
    for _ in 0..2 {
        assert_eq!(tenant.api.post(&path, &json!({})).await?.status, 204);
    }
    let done = task(&tenant, &format!("/endpoint/{endpoint}/cancel-pending"), &json!({"since": since()})).await?;
    assert_eq!(done["data"]["changed"], 1);
    for message in [&one, &two] {
        assert_eq!(stack.ending(&endpoint, message).await?, ("c".to_owned(), "canceled".to_owned()));
    }
    let sent = tenant.receiver.received("/hook").len();
    // What would have been due, and a message after it.
    stack.wake().await?;
    let last = tenant.publish("a", json!({})).await?.id;
    tenant.reached(&last, &endpoint, MessageStatus::Sending).await?;
    assert_eq!(tenant.receiver.received("/hook").len(), sent + 1);
    let none = format!("/app/{}/msg/{last}/endpoint/ep_none/cancel", tenant.app);
    assert_eq!(tenant.api.post(&none, &json!({})).await?.status, 404);
    Ok(())
}
