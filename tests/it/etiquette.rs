//! What a receiver asks for in its answer is done.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{Stack, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::models::MessageStatus;

/// A wait as the schedule has it: its first one is a second.
const SCHEDULED: f64 = 1.2;
/// From the attempt's beginning to the decision about the next one, on a busy machine.
const DECIDED: f64 = 3.0;
const DAY: f64 = 86_400.0;

/// A tenant with an endpoint that answers so.
async fn answering(stack: &Stack, name: &str, reply: Reply) -> Result<(Tenant, String)> {
    let tenant = stack.tenant(name).await?;
    tenant.receiver.on("/hook", move |_, _| reply.clone());
    let endpoint = tenant.endpoint("/hook").await?.id;
    Ok((tenant, endpoint))
}

/// Seconds between the beginning of the first attempt and the time planned for the second one.
async fn planned(tenant: &Tenant, endpoint: &str) -> Result<f64> {
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    let next = eventually("another attempt is planned", || async {
        Ok(tenant.destination(&message, endpoint).await?.next_attempt)
    });
    let next = next.await?;
    let attempts = tenant.attempts(&message).await?;
    let first = attempts.last().context("an attempt")?;
    let micros = next.timestamp_micros() - first.timestamp.timestamp_micros();
    Ok(Duration::from_micros(micros.try_into()?).as_secs_f64())
}

fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now + Duration::from_secs(seconds))
}

#[tokio::test]
async fn retry_after_puts_the_next_attempt_off_within_the_schedule_and_a_day() -> Result<()> {
    let stack = world().parking().await?;
    let in_ten_minutes: fn() -> String = || in_seconds(600);
    for (nth, (retry_after, least, most)) in [
        // Dates have whole seconds, and are said when they are asked for.
        (in_ten_minutes, 599.0, 600.0),
        (|| "30".to_owned(), 30.0, 30.0),
        (|| "0".to_owned(), 0.8, SCHEDULED),
        (|| "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 0.8, SCHEDULED),
        (|| "soon".to_owned(), 0.8, SCHEDULED),
        (|| "86401".to_owned(), DAY, DAY),
        (|| "Fri, 01 Jan 2100 00:00:00 GMT".to_owned(), DAY, DAY),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = Reply::status(500);
        let (tenant, endpoint) = answering(&stack, &format!("retry-after-{nth}"), reply).await?;
        tenant.receiver.on("/hook", move |_, _| Reply::status(500).header("retry-after", &retry_after()));
        let wait = planned(&tenant, &endpoint).await?;
        assert!((least..=most + DECIDED).contains(&wait), "{}: {wait} s", retry_after());
    }
    Ok(())
}

#[tokio::test]
async fn an_overloaded_endpoint_is_left_alone_as_long_as_it_asks() -> Result<()> {
    let stack = world().parking().await?;
    for status in [429, 503] {
        let reply = Reply::status(status).header("retry-after", "600");
        let (tenant, endpoint) = answering(&stack, &format!("overloaded-{status}"), reply).await?;
        assert!((600.0..600.0 + DECIDED).contains(&planned(&tenant, &endpoint).await?));
        let open = |shown: &Value| shown["delivery"]["status"]["circuit"] == "open";
        let shown = tenant.shown_as("its circuit is open", &endpoint, open).await?;
        assert!(shown["delivery"]["status"]["openUntil"].is_string(), "{shown}");
        let message = tenant.publish("invoice.paid", json!({})).await?.id;
        stack.held(&endpoint, &message).await?;
        let shown = tenant.destination(&message, &endpoint).await?;
        assert_eq!((shown.status, shown.next_attempt), (MessageStatus::Pending, None));
        assert_eq!(tenant.receiver.received("/hook").len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn an_error_that_is_not_overload_puts_off_its_own_message_only() -> Result<()> {
    let stack = world().parking().await?;
    let reply = Reply::status(500).header("retry-after", "600");
    let (tenant, endpoint) = answering(&stack, "not-overloaded", reply).await?;
    for count in [1, 2] {
        assert!(planned(&tenant, &endpoint).await? >= 600.0);
        assert_eq!(tenant.receiver.received("/hook").len(), count);
    }
    Ok(())
}

/// Asserts that a message is refused after one request: failed, and buried as refused.
async fn assert_refused(stack: &Stack, tenant: &Tenant, endpoint: &str) -> Result<()> {
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    let letter = stack.dead_letter(&message).await?;
    assert_eq!((letter.attribute("reason"), letter.attribute("endpoint")), ("refused", endpoint));
    let shown = tenant.reached(&message, endpoint, MessageStatus::Fail).await?;
    assert_eq!(shown.next_attempt, None);
    assert_eq!(tenant.attempts(&message).await?.len(), 1);
    stack.discard(letter).await
}

/// Waits until Postrider has disabled the endpoint, for that reason.
async fn disabled_because(tenant: &Tenant, endpoint: &str, reason: &str) -> Result<()> {
    let shown = tenant.shown_as("it is disabled", endpoint, |shown| shown["disabled"] == true).await?;
    assert_eq!(shown["delivery"]["status"]["disabledBecause"], reason, "{shown}");
    Ok(())
}

#[tokio::test]
async fn gone_disables_the_endpoint_until_it_is_enabled_again() -> Result<()> {
    let stack = world().parking().await?;
    let (tenant, endpoint) = answering(&stack, "gone", Reply::status(410)).await?;
    assert_refused(&stack, &tenant, &endpoint).await?;
    disabled_because(&tenant, &endpoint, "gone").await?;
    tenant.publish("invoice.paid", json!({})).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    tenant.receiver.on("/hook", |_, _| Reply::status(200));
    tenant.patch_endpoint(&endpoint, json!({"disabled": false})).await?;
    assert_eq!(tenant.shown(&endpoint).await?.get("delivery"), None, "nothing is known against it");
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    Ok(())
}

#[tokio::test]
async fn a_receiver_can_have_itself_disabled_whether_it_takes_the_message_or_not() -> Result<()> {
    let stack = world().parking().await?;
    let reply = |status| Reply::status(status).header("webhook-delivery", "disable");
    let (tenant, endpoint) = answering(&stack, "asks-with-500", reply(500)).await?;
    assert_refused(&stack, &tenant, &endpoint).await?;
    disabled_because(&tenant, &endpoint, "asked").await?;
    let (tenant, endpoint) = answering(&stack, "asks-with-200", reply(200)).await?;
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    disabled_because(&tenant, &endpoint, "asked").await
}

#[tokio::test]
async fn a_receiver_can_have_a_message_given_up() -> Result<()> {
    let stack = world().parking().await?;
    let reply = Reply::status(500).header("webhook-delivery", "abort-message");
    let (tenant, endpoint) = answering(&stack, "abort", reply).await?;
    assert_refused(&stack, &tenant, &endpoint).await?;
    assert_refused(&stack, &tenant, &endpoint).await?;
    assert_eq!(tenant.shown(&endpoint).await?["disabled"], false);
    Ok(())
}
