//! What cannot be delivered is in the dead-letter queue, with the reason, and can be sent from there again.

use std::time::Duration;

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, world};
use serde_json::json;
use svix::models::{EndpointPatch, MessageStatus};

#[tokio::test]
async fn an_exhausted_delivery_is_a_dead_letter_and_redriven_it_begins_a_new_round() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("exhausted").await?;
    // The four attempts of the first round, and the first one of the second.
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth <= 5 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;

    let failed = tenant.reached(&message.id, &endpoint.id, MessageStatus::Fail).await?;
    assert!(failed.next_attempt.is_none());
    assert_eq!(tenant.attempts(&message.id).await?.len(), 4);
    let letter = stack.dead_letter(&message.id).await?;
    let about = ["reason", "application", "endpoint", "message"].map(|name| letter.attribute(name));
    assert_eq!(about, ["exhausted", &tenant.app, &endpoint.id, &message.id]);

    stack.redrive(letter).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    // Nothing was sent between the rounds.
    let received = tenant.receiver.received("/hook");
    assert_eq!((received.len(), tenant.attempts(&message.id).await?.len()), (6, 6));
    assert!(received.iter().all(|request| request.header("webhook-id") == Some(&message.id)));
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_delivery_is_a_dead_letter_and_its_neighbours_are_delivered() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("malformed").await?;
    tenant.endpoint("/hook").await?;
    for body in ["not a delivery, of the malformed test", r#"{"v":1,"test":"malformed"}"#] {
        stack.enqueue(body).await?;
        tenant.publish("invoice.paid", json!({})).await?;
        let letter = stack.dead_letter(body).await?;
        assert_eq!((letter.body.as_str(), letter.attributes.len()), (body, 1));
        assert_eq!(letter.attribute("reason"), "malformed");
        stack.discard(letter).await?;
    }
    tenant.receiver.wait_for("/hook", 2, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_kills_its_function_is_a_dead_letter_and_can_be_redriven() -> Result<()> {
    let parameters = [
        ("MaxReceives", "3"),
        ("AttemptTimeoutSeconds", "25"),
        ("DeliveryTimeoutSeconds", "40"),
        ("QueueVisibilitySeconds", "8"),
    ];
    let stack = world().stack("poisoned", &parameters).await?;
    let tenant = stack.tenant("poison").await?;
    tenant.receiver.on("/hook", |_, nth| {
        // Longer than a busy machine takes to kill, shorter than an attempt may take.
        Reply::status(200).after(if nth <= 3 { Duration::from_secs(20) } else { Duration::ZERO })
    });
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({})).await?;
    for nth in [1, 2, 3] {
        tenant.receiver.wait_for("/hook", nth, PATIENCE).await?;
        assert!(stack.kill("delivery")? > 0);
    }
    let letter = stack.dead_letter(&message.id).await?;
    assert!(letter.attributes.is_empty(), "the function cannot say why");
    assert_eq!(tenant.destination(&message.id, &endpoint.id).await?.status, MessageStatus::Pending);
    stack.redrive(letter).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 4);
    assert_eq!(tenant.attempts(&message.id).await?.len(), 1);
    Ok(())
}

/// A delivery that has failed once, and is parked.
struct Failing {
    tenant: Tenant,
    endpoint: String,
    message: String,
}

impl Failing {
    async fn new(stack: &Stack, name: &str) -> Result<Self> {
        let tenant = stack.tenant(name).await?;
        tenant.receiver.on("/hook", |_, _| Reply::status(500));
        let endpoint = tenant.endpoint("/hook").await?.id;
        let message = tenant.publish("invoice.paid", json!({})).await?.id;
        tenant.reached(&message, &endpoint, MessageStatus::Sending).await?;
        Ok(Self { tenant, endpoint, message })
    }

    async fn disable(&self, disabled: bool) -> Result<()> {
        let patch = EndpointPatch { disabled: Some(disabled), ..EndpointPatch::new() };
        self.tenant.svix.endpoint().patch(self.tenant.app.clone(), self.endpoint.clone(), patch).await?;
        Ok(())
    }

    /// Wakes what is due until this delivery has ended in that way.
    async fn ends(&self, stack: &Stack, state: &str, why: &str) -> Result<()> {
        eventually(&format!("it is recorded as {why}"), || async {
            stack.wake().await?;
            let (code, reason) = stack.ending(&self.endpoint, &self.message).await?;
            Ok((code == state && reason == why).then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn of_an_endpoint_disabled_after_the_publication_the_delivery_fails_and_can_be_redriven() -> Result<()> {
    let stack = world().fragile().await?;
    let failing = Failing::new(&stack, "disabled").await?;
    failing.disable(true).await?;
    // A function instance that has not seen the endpoint yet.
    stack.kill("delivery")?;
    failing.ends(&stack, "f", "endpoint_disabled").await?;
    let Failing { tenant, endpoint, message } = &failing;
    assert_eq!(tenant.destination(message, endpoint).await?.status, MessageStatus::Fail);
    let letter = stack.dead_letter(message).await?;
    assert_eq!((letter.attribute("reason"), letter.attribute("endpoint")), ("endpoint_disabled", endpoint.as_str()));

    failing.disable(false).await?;
    tenant.receiver.on("/hook", |_, _| Reply::status(200));
    stack.kill("delivery")?;
    stack.redrive(letter).await?;
    tenant.reached(message, endpoint, MessageStatus::Success).await?;
    Ok(())
}

#[tokio::test]
async fn without_its_endpoint_a_delivery_is_canceled() -> Result<()> {
    let stack = world().fragile().await?;
    let a = Failing::new(&stack, "no-endpoint").await?;
    a.tenant.svix.endpoint().delete(a.tenant.app.clone(), a.endpoint.clone()).await?;
    stack.kill("delivery")?;
    a.ends(&stack, "c", "endpoint_deleted").await?;
    let shown = a.tenant.destination(&a.message, &a.endpoint).await?;
    assert_eq!((shown.status, shown.next_attempt), (MessageStatus::Fail, None));
    Ok(())
}
