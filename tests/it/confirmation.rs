//! Deliveries that count only once the receiver has confirmed them.

use anyhow::{Context as _, Result};
use postrider_local::Received;
use postrider_tests::{PATIENCE, Reply, Stack, Tenant, eventually, verify, world};
use serde_json::json;
use svix::models::MessageStatus;

async fn confirming(stack: &Stack, name: &str, seconds: u32) -> Result<(Tenant, String)> {
    let tenant = stack.tenant(name).await?;
    let delivery = json!({"confirm": {"withinSeconds": seconds}});
    let endpoint = tenant.endpoint_of("/hook", json!({ "delivery": delivery })).await?;
    Ok((tenant, endpoint))
}

/// The path that a request wants to be confirmed at. Its host is API Gateway's, for which the local AWS has another port.
fn path(request: &Received) -> Result<String> {
    let url = request.header("webhook-confirm-url").context("no confirmation URL")?;
    let (_, path) = url.split_once("/api/v1").context("not of the API")?;
    Ok(path.to_owned())
}

/// Confirms as a receiver does: without any token but the one in the path.
async fn confirm(tenant: &Tenant, request: &Received) -> Result<Reply> {
    tenant.api.with_token(None).post_raw(&path(request)?, &[], "").await
}

#[tokio::test]
async fn a_delivery_that_is_confirmed_in_time_has_succeeded_and_not_before() -> Result<()> {
    let (tenant, endpoint) = confirming(&*world().main().await?, "confirmed", 600).await?;
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    let request = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?[0].clone();
    verify(&tenant.secret(&endpoint).await?, &request)?;
    let waiting = tenant.reached(&message, &endpoint, MessageStatus::Sending).await?;
    assert!(waiting.next_attempt.is_some());
    assert_eq!(
        tenant.api.with_token(None).get(&path(&request)?).await?.status,
        405,
        "what scans links confirms nothing"
    );
    let altered = Received {
        headers: vec![("webhook-confirm-url".to_owned(), "/api/v1/confirm/x".to_owned())],
        ..request.clone()
    };
    assert_eq!(confirm(&tenant, &altered).await?.status, 404);
    tenant.reached(&message, &endpoint, MessageStatus::Sending).await?;
    for _ in 0..2 {
        let confirmed = confirm(&tenant, &request).await?;
        assert_eq!(confirmed.status, 204, "{}", confirmed.text);
        assert_eq!(tenant.destination(&message, &endpoint).await?.status, MessageStatus::Success);
    }
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_receiver_may_confirm_before_it_answers() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, endpoint) = confirming(&stack, "confirmed-early", 5).await?;
    let slow = postrider_local::Reply::status(200).after(std::time::Duration::from_secs(2));
    tenant.receiver.on("/hook", move |_, _| slow.clone());
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    let request = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?[0].clone();
    let confirmed = confirm(&tenant, &request).await?;
    assert_eq!(confirmed.status, 204, "{}", confirmed.text);
    assert!(tenant.attempts(&message).await?.is_empty(), "it has not answered yet");
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_is_not_confirmed_in_time_has_failed_and_is_sent_again() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, endpoint) = confirming(&stack, "unconfirmed", 1).await?;
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    let received = tenant.receiver.wait_for("/hook", 2, PATIENCE).await?;
    assert_ne!(path(&received[0])?, path(&received[1])?, "each attempt has its own");
    let attempts = tenant.attempted(&message, 2).await?;
    let first = attempts.last().context("an attempt")?;
    assert_eq!((first.status, first.response_status_code), (MessageStatus::Fail, 200));
    assert!(first.response.starts_with("unconfirmed: "), "{}", first.response);
    let late = confirm(&tenant, &received[0]).await?;
    assert!(matches!(late.status, 404 | 409), "{}: {}", late.status, late.text);
    eventually("one of the next is confirmed in time", || async {
        let last = tenant.receiver.received("/hook").last().cloned().context("a request")?;
        confirm(&tenant, &last).await?;
        Ok((tenant.destination(&message, &endpoint).await?.status == MessageStatus::Success).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_long_time_to_confirm_is_waited_out_by_the_scheduler() -> Result<()> {
    let stack = world().parking().await?;
    let (tenant, endpoint) = confirming(&stack, "confirmed-parked", 600).await?;
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Sending).await?;
    stack.drained().await?;
    eventually("it is sent again when the time is over, and confirmed", || async {
        stack.look(&endpoint).await?;
        let received = tenant.receiver.received("/hook");
        let Some(last) = received.last().filter(|_| received.len() > 1) else { return Ok(None) };
        // The look may have ended the time of this one, too.
        Ok((confirm(&tenant, last).await?.status == 204).then_some(()))
    })
    .await?;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    Ok(())
}
