//! An endpoint that does not answer well is left alone, and nothing for it is lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Result;
use postrider_core::time::Time;
use postrider_local::Reply;
use postrider_tests::{Stack, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::models::MessageStatus;

/// Messages that are held at once.
const HELD: usize = 12;
/// Longer than any pause.
const LONG_AGO: Time = Time::from_secs(1_000_000_000);
const FAR_AHEAD: Time = Time::from_secs(4_000_000_000);

/// A stack where what has failed waits so long that the tests decide when.
async fn stack() -> Result<Arc<Stack>> {
    let parameters = [("RetrySchedule", "1h,1h,1h"), ("DeliveryConcurrency", "2"), ("RetryConcurrency", "2")];
    world().stack("circuit", &parameters).await
}

/// A tenant with an endpoint that fails as long as the flag says so.
async fn failing(stack: &Stack, name: &str) -> Result<(Tenant, String, Arc<AtomicBool>)> {
    let (tenant, down) = (stack.tenant(name).await?, Arc::new(AtomicBool::new(true)));
    let flag = Arc::clone(&down);
    tenant.receiver.on("/hook", move |_, _| Reply::status(if flag.load(Ordering::SeqCst) { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    Ok((tenant, endpoint, down))
}

fn is_open(shown: &Value) -> bool {
    shown["delivery"]["status"]["circuit"] == "open"
}

/// Publishes one message after the other until the circuit is open; gives the messages.
async fn fail_until_open(tenant: &Tenant, endpoint: &str) -> Result<Vec<String>> {
    let mut messages = Vec::new();
    while !is_open(&tenant.shown(endpoint).await?) {
        // Each instance of the function counts for itself.
        anyhow::ensure!(messages.len() < 60, "it does not open");
        let message = tenant.publish("invoice.paid", json!({})).await?.id;
        eventually("it is attempted or held", || async {
            let shown = tenant.destination(&message, endpoint).await?;
            Ok((shown.status == MessageStatus::Sending || is_open(&tenant.shown(endpoint).await?)).then_some(()))
        })
        .await?;
        messages.push(message);
    }
    Ok(messages)
}

async fn publish_held(stack: &Stack, tenant: &Tenant, endpoint: &str, count: usize) -> Result<Vec<String>> {
    let mut messages = Vec::new();
    for _ in 0..count {
        messages.push(tenant.publish("invoice.paid", json!({})).await?.id);
    }
    for message in &messages {
        stack.held(endpoint, message).await?;
    }
    Ok(messages)
}

/// The requests with one of these messages, by message and sorted.
fn requests(tenant: &Tenant, messages: &[String]) -> Vec<String> {
    let wanted: BTreeSet<_> = messages.iter().map(String::as_str).collect();
    let received = tenant.receiver.received("/hook").into_iter();
    let ids = received.filter_map(|request| request.header("webhook-id").map(str::to_owned));
    let mut ids: Vec<_> = ids.filter(|id| wanted.contains(id.as_str())).collect();
    ids.sort();
    ids
}

/// Has the scheduler look until the endpoint has got that many requests.
async fn looked(stack: &Stack, tenant: &Tenant, endpoint: &str, count: usize) -> Result<()> {
    eventually(&format!("{count} requests"), || async {
        stack.look(endpoint).await?;
        // An instance may have believed for ten seconds what it knew of the endpoint.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok((tenant.receiver.received("/hook").len() >= count).then_some(()))
    })
    .await
}

/// The pause of an open circuit is over.
async fn end_pause(stack: &Stack, tenant: &Tenant, endpoint: &str) -> Result<()> {
    pause_until(stack, tenant, endpoint, LONG_AGO).await
}

async fn pause_until(stack: &Stack, tenant: &Tenant, endpoint: &str, until: Time) -> Result<()> {
    let change = |health: &mut postrider_core::health::Health| {
        if let Some(open) = &mut health.open {
            open.until = until;
        }
    };
    stack.change_health(&tenant.app, endpoint, change).await
}

#[tokio::test]
async fn a_failing_endpoint_gets_probes_only_and_then_everything_once() -> Result<()> {
    let stack = stack().await?;
    let (tenant, endpoint, down) = failing(&stack, "circuit").await?;
    fail_until_open(&tenant, &endpoint).await?;
    let shown = tenant.shown(&endpoint).await?;
    assert!(shown["delivery"]["status"]["openUntil"].is_string(), "{shown}");
    assert!(shown["delivery"]["status"]["failingSince"].is_string(), "{shown}");
    // Half a minute may be over before a busy machine has come to the next lines.
    pause_until(&stack, &tenant, &endpoint, FAR_AHEAD).await?;
    stack.drained().await?;
    let before = tenant.receiver.received("/hook").len();
    let held = publish_held(&stack, &tenant, &endpoint, HELD).await?;
    stack.look(&endpoint).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), before, "no request before the pause is over");

    end_pause(&stack, &tenant, &endpoint).await?;
    looked(&stack, &tenant, &endpoint, before + 1).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), before + 1, "one probe, which failed");
    assert!(is_open(&tenant.shown(&endpoint).await?));

    down.store(false, Ordering::SeqCst);
    end_pause(&stack, &tenant, &endpoint).await?;
    looked(&stack, &tenant, &endpoint, before + 2).await?;
    tenant.shown_as("its circuit is closed", &endpoint, |shown| !is_open(shown)).await?;
    looked(&stack, &tenant, &endpoint, before + 1 + HELD).await?;
    for message in &held {
        eventually("it has succeeded", || async {
            stack.look(&endpoint).await?;
            Ok((stack.ending(&endpoint, message).await?.0 == "s").then_some(()))
        })
        .await?;
    }
    let mut got = requests(&tenant, &held);
    assert!(got.len() <= HELD + 1, "only the probe that failed came twice: {got:?}");
    got.dedup();
    let mut wanted = held;
    wanted.sort();
    assert_eq!(got, wanted);
    Ok(())
}

#[tokio::test]
async fn a_paused_endpoint_gets_nothing_until_it_is_unpaused_and_then_everything_once() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("paused").await?;
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"paused": true}})).await?;
    let mut messages = publish_held(&stack, &tenant, &endpoint, HELD).await?;
    stack.look(&endpoint).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 0);
    tenant.patch_endpoint(&endpoint, json!({"delivery": {"paused": false}})).await?;
    looked(&stack, &tenant, &endpoint, HELD).await?;
    for message in &messages {
        tenant.reached(message, &endpoint, MessageStatus::Success).await?;
    }
    stack.drained().await?;
    messages.sort();
    assert_eq!(requests(&tenant, &messages), messages);
    assert_eq!(tenant.shown(&endpoint).await?.get("delivery"), None);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_has_taken_nothing_for_days_is_disabled() -> Result<()> {
    let stack = stack().await?;
    let (tenant, endpoint, _) = failing(&stack, "given-up").await?;
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_secs())?;
    let six_days_ago = Time::from_secs(now - 6 * 86_400);
    stack.change_health(&tenant.app, &endpoint, |health| health.failing_since = Some(six_days_ago)).await?;
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.attempted(&message, 1).await?;
    stack.drained().await?;
    assert_eq!(tenant.shown(&endpoint).await?["disabled"], false, "one failure may be that of a moment");
    looked(&stack, &tenant, &endpoint, 2).await?;
    let shown = tenant.shown_as("it is disabled", &endpoint, |shown| shown["disabled"] == true).await?;
    assert_eq!(shown["delivery"]["status"]["disabledBecause"], "failing", "{shown}");
    stack.drained().await?;
    tenant.publish("invoice.paid", json!({})).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_is_held_for_an_endpoint_ends_when_the_endpoint_is_deleted() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("held-deleted").await?;
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"paused": true}})).await?;
    let messages = publish_held(&stack, &tenant, &endpoint, 3).await?;
    tenant.svix.endpoint().delete(tenant.app.clone(), endpoint.clone()).await?;
    for message in &messages {
        eventually("it has ended", || async {
            stack.look(&endpoint).await?;
            let ending = stack.ending(&endpoint, message).await?;
            Ok((ending == ("c".to_owned(), "endpoint_deleted".to_owned())).then_some(()))
        })
        .await?;
    }
    assert_eq!(tenant.receiver.received("/hook").len(), 0);
    Ok(())
}
