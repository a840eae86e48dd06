//! Failed attempts are made again: when the schedule says so, by way of the queue or of the parking.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use postrider_local::{Received, Reply};
use postrider_tests::{PATIENCE, Tenant, eventually, verify, world};
use serde_json::json;
use svix::models::{EndpointOut, MessageAttemptOut, MessageOut, MessageStatus};

/// The stacks' schedule.
const WAITS: [f64; 3] = [1.0, 2.0, 3.0];
const JITTER: f64 = 0.2;
/// SQS waits whole seconds, and the local queue looks once a second; the rest is for a busy machine.
const LATE: f64 = 1.0 + 1.0 + 1.5;
/// From an attempt's beginning to the decision about the next one.
const DECIDED: f64 = 0.5;

/// Answers 500 so often, then 200.
fn failing(times: usize) -> impl Fn(&Received, usize) -> Reply + Send + Sync {
    move |_, nth| Reply::status(if nth <= times { 500 } else { 200 })
}

async fn published(tenant: &Tenant, failures: usize) -> Result<(EndpointOut, MessageOut)> {
    tenant.receiver.on("/hook", failing(failures));
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    Ok((endpoint, message))
}

#[tokio::test]
async fn three_failures_and_a_success_are_four_signed_requests_on_schedule() -> Result<()> {
    let tenant = world().main().await?.tenant("retry").await?;
    let (endpoint, message) = published(&tenant, 3).await?;
    let planned = plans(&tenant, &message.id, &endpoint.id).await?;
    let received = tenant.receiver.wait_for("/hook", 4, PATIENCE).await?;
    let attempts = tenant.attempted(&message.id, 4).await?;
    assert_statuses(&attempts, &[500, 500, 500, 200]);
    assert_eq!(received.len(), 4);
    let timestamps = assert_signed(&tenant, &endpoint.id, &message.id, &received).await?;
    assert!(timestamps.is_sorted_by(|a, b| a < b), "{timestamps:?}");
    for (pair, wait) in received.windows(2).zip(WAITS) {
        let gap = (pair[1].at - pair[0].at).as_secs_f64();
        assert!((wait * (1.0 - JITTER)..=wait * (1.0 + JITTER) + LATE).contains(&gap), "{gap} s instead of {wait} s");
    }
    let began: Vec<_> = attempts.iter().rev().map(|attempt| seconds(attempt.timestamp.timestamp_micros())).collect();
    for plan in planned {
        let gaps = began.iter().zip(WAITS).map(|(began, wait)| (plan - began, wait));
        let meant = |(gap, wait)| gap > wait * (1.0 - JITTER) && gap < wait * (1.0 + JITTER) + DECIDED;
        assert!(gaps.clone().any(meant), "the next attempt is planned after one of {gaps:?}");
    }
    Ok(())
}

/// The times that were shown for a next attempt, until the delivery has succeeded. It never seems to have ended before.
async fn plans(tenant: &Tenant, message: &str, endpoint: &str) -> Result<Vec<f64>> {
    let mut planned = Vec::new();
    loop {
        let now = tenant.destination(message, endpoint).await?;
        match (now.status, now.next_attempt) {
            (MessageStatus::Pending, None) => {}
            (MessageStatus::Sending, Some(next)) => planned.push(next.timestamp_micros()),
            (MessageStatus::Success, None) => break,
            strange => bail!("before its last attempt it is {strange:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    planned.dedup();
    assert!((1..=3).contains(&planned.len()), "{planned:?}");
    Ok(planned.into_iter().map(seconds).collect())
}

/// One id, and the signature of each; gives the timestamps.
async fn assert_signed(tenant: &Tenant, endpoint: &str, message: &str, received: &[Received]) -> Result<Vec<i64>> {
    let secret = tenant.secret(endpoint).await?;
    let check = |request: &Received| {
        verify(&secret, request)?;
        assert_eq!(request.header("webhook-id"), Some(message));
        Ok(request.header("webhook-timestamp").context("no timestamp")?.parse()?)
    };
    received.iter().map(check).collect()
}

fn assert_statuses(newest_first: &[MessageAttemptOut], wanted: &[i16]) {
    let statuses: Vec<_> = newest_first.iter().rev().map(|attempt| attempt.response_status_code).collect();
    assert_eq!(statuses, wanted);
}

#[tokio::test]
async fn a_parked_delivery_is_sent_when_the_scheduler_finds_it_due() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("parked").await?;
    let (endpoint, message) = published(&tenant, 1).await?;
    let parked = tenant.reached(&message.id, &endpoint.id, MessageStatus::Sending).await?;
    assert!(parked.next_attempt.is_some());
    stack.drained().await?;
    eventually("it is sent again", || async {
        stack.wake().await?;
        Ok((tenant.receiver.received("/hook").len() > 1).then_some(()))
    })
    .await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    assert_statuses(&tenant.attempts(&message.id).await?, &[500, 200]);
    let timestamps = assert_signed(&tenant, &endpoint.id, &message.id, &tenant.receiver.received("/hook")).await?;
    assert!(timestamps.is_sorted(), "the wait may be less than a second: {timestamps:?}");
    Ok(())
}

#[tokio::test]
async fn two_schedulers_at_once_send_a_parked_delivery_once() -> Result<()> {
    let stack = world().parking().await?;
    let tenant = stack.tenant("parked-twice").await?;
    let (endpoint, message) = published(&tenant, 1).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Sending).await?;
    eventually("it is sent again", || async {
        tokio::try_join!(stack.wake(), stack.wake())?;
        Ok((tenant.receiver.received("/hook").len() > 1).then_some(()))
    })
    .await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    stack.drained().await?;
    assert_eq!(tenant.receiver.received("/hook").len(), 2);
    assert_statuses(&tenant.attempts(&message.id).await?, &[500, 200]);
    Ok(())
}

/// Since the Unix epoch.
fn seconds(micros: i64) -> f64 {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64()
}
