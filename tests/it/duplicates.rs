//! SQS delivers at least once: what it hands out twice is sent once.

use std::time::Duration;

use anyhow::Result;
use postrider_core::{message::Envelope, time::Time};
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::{
    api::MessageAttemptListByEndpointOptions,
    models::{MessageOut, MessageStatus},
};

/// The queue message of a delivery's first round, as publishing makes it.
fn queued(tenant: &Tenant, endpoint: &str, message: &MessageOut) -> Result<String> {
    let envelope = Envelope {
        app: tenant.app.parse()?,
        endpoint: endpoint.parse()?,
        message: message.id.parse()?,
        event_type: message.event_type.clone(),
        expires_at: Time::from_secs(message.timestamp.timestamp() + 90 * 86_400),
        round: 0,
        woken: None,
        slot: None,
        missed: 0,
        manual: None,
        trace: None,
        content_type: None,
        event_id: None,
        rev: 0,
        payload: "{}".into(),
    };
    Ok(envelope.encode())
}

/// As Lambda gives it to the function.
fn record(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": id,
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    })
}

#[tokio::test]
async fn two_copies_in_one_batch_are_sent_once_and_both_are_done() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("batch").await?;
    // Before there was an endpoint: what is queued for it is our copies only.
    let message = tenant.publish("invoice.paid", json!({})).await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let body = queued(&tenant, &endpoint.id, &message)?;
    let batch = json!({"Records": [record("one", &body), record("two", &body), record("three", &body)]});
    let answer = world().emulator.invoke(&stack.deployment.function("delivery"), &batch).await?;
    assert_eq!((answer.error, answer.payload), (None, json!({"batchItemFailures": []})));
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    let options = Some(MessageAttemptListByEndpointOptions::default());
    let attempts = tenant.svix.message_attempt().list_by_endpoint(tenant.app.clone(), endpoint.id, options).await?;
    let recorded: Vec<_> = attempts.data.iter().map(|attempt| (attempt.msg_id.as_str(), attempt.status)).collect();
    assert_eq!(recorded, [(message.id.as_str(), MessageStatus::Success)]);
    Ok(())
}

#[tokio::test]
async fn a_copy_that_comes_after_the_success_is_not_sent() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("late-copy").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({})).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    let body = queued(&tenant, &endpoint.id, &message)?;
    for _ in 0..3 {
        stack.enqueue(&body).await?;
    }
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 1);
    assert_eq!(tenant.attempts(&message.id).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_copy_of_a_parked_delivery_waits_for_the_scheduler_too() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("parked-copy").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({})).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Sending).await?;
    stack.enqueue(&queued(&tenant, &endpoint.id, &message)?).await?;
    eventually("it is sent by the scheduler", || async {
        stack.wake().await?;
        let shown = tenant.destination(&message.id, &endpoint.id).await?;
        Ok((shown.status == MessageStatus::Success).then_some(()))
    })
    .await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_stale_copy_of_an_exhausted_delivery_is_buried_again_and_not_sent() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("stale").await?;
    tenant.receiver.on("/hook", |_, _| Reply::status(500));
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({})).await?;
    eventually("it has failed", || async {
        stack.wake().await?;
        let shown = tenant.destination(&message.id, &endpoint.id).await?;
        Ok((shown.status == MessageStatus::Fail).then_some(()))
    })
    .await?;
    stack.discard(stack.dead_letter(&message.id).await?).await?;
    stack.enqueue(&queued(&tenant, &endpoint.id, &message)?).await?;
    let letter = stack.dead_letter(&message.id).await?;
    assert_eq!(letter.attribute("reason"), "exhausted");
    assert_eq!(tenant.receiver.received("/hook").len(), 4);
    // What was buried again is as good as the first one.
    tenant.receiver.on("/hook", |_, _| Reply::status(200));
    stack.redrive(letter).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    assert_eq!((tenant.receiver.received("/hook").len(), tenant.attempts(&message.id).await?.len()), (5, 5));
    Ok(())
}

#[tokio::test]
async fn a_copy_that_fails_does_not_undo_the_success_of_another() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("undo").await?;
    // The first copy succeeds while the second is at its second attempt, which began before and fails afterwards.
    tenant.receiver.on("/hook", |_, n| match n {
        1 => Reply::status(200).after(Duration::from_secs(3)),
        2 => Reply::status(409),
        _ => Reply::status(409).after(Duration::from_millis(4_500)),
    });
    let message = tenant.publish("invoice.paid", json!({})).await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let body = queued(&tenant, &endpoint.id, &message)?;
    let (first, second) = (json!({"Records": [record("one", &body)]}), json!({"Records": [record("two", &body)]}));
    let function = stack.deployment.function("delivery");
    let slow = world().emulator.invoke(&function, &first);
    let failing = async {
        tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
        // Until its retry is due it is told to wait; once the other has succeeded, it is dropped.
        eventually("the second copy is done", || async {
            let answer = world().emulator.invoke(&function, &second).await?;
            Ok((answer.payload == json!({"batchItemFailures": []})).then_some(()))
        })
        .await
    };
    let (answer, ()) = tokio::try_join!(slow, failing)?;
    assert_eq!(answer.payload, json!({"batchItemFailures": []}));
    let attempts = tenant.receiver.received("/hook").len();
    let ending = stack.ending(&endpoint.id, &message.id).await?;
    assert_eq!((ending.0.as_str(), attempts), ("s", 3), "{ending:?}");
    Ok(())
}
