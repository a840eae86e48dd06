//! Limits: of what a receiver gets in a second, and of what a producer may publish.
//!
//! Apart from the other tests, and one after the other: a request that a busy machine holds up arrives with the next ones,
//! and is counted among them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::Received;
use postrider_tests::{
    PATIENCE, PRODUCERS, Reply, Stack, Tenant, eventually, histogram, most_in_a_second, publish_at_once, receives,
    took, world,
};
use serde_json::json;
use svix::models::EndpointIn;
use tokio::sync::Mutex;

const RATE: u16 = 10;
/// Of the receiver's clock: one more in a second is no more than a late packet.
const BOUND: usize = RATE as usize + 1;

/// Whoever measures is alone.
static ALONE: Mutex<()> = Mutex::const_new(());

fn ids(received: &[Received]) -> BTreeSet<&str> {
    received.iter().filter_map(|request| request.header("webhook-id")).collect()
}

/// Has instances of the functions started: a second in which they start says nothing of the rate.
async fn wake_up(stack: &Stack) -> Result<()> {
    let tenant = stack.tenant("wake-up").await?;
    tenant.endpoint("/hook").await?;
    publish_at_once(&tenant, 40).await?;
    tenant.receiver.wait_for("/hook", 40, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_receiver_sees_no_more_than_its_rate_in_any_second_and_waits_no_longer_than_needed() -> Result<()> {
    const MESSAGES: usize = 300;
    const LONGEST: Duration = Duration::from_secs(33);
    let _alone = ALONE.lock().await;
    let stack = world().stack("rate", &[("LogLevel", "debug"), ("DeliveryConcurrency", "10")]).await?;
    let tenant = stack.tenant("rate").await?;
    let url = tenant.receiver.url("/hook");
    tenant.endpoint_with(EndpointIn { throttle_rate: Some(RATE), ..EndpointIn::new(url) }).await?;
    let start = Instant::now();
    publish_at_once(&tenant, MESSAGES).await?;
    let received = tenant.receiver.wait_for("/hook", MESSAGES, PATIENCE).await?;
    let counts = receives(&stack, MESSAGES).await?;
    println!("{RATE} a second: {:?} within {:.1?}", histogram(&received), took(&received, start));
    assert_eq!((received.len(), ids(&received).len()), (MESSAGES, MESSAGES));
    assert!(most_in_a_second(&received) <= BOUND, "{}", most_in_a_second(&received));
    assert!(took(&received, start) <= LONGEST, "{:?}", took(&received, start));
    let too_often: Vec<_> = counts.iter().filter(|(_, count)| **count > 2).collect();
    assert!(too_often.is_empty(), "received more than twice: {too_often:?}");
    Ok(())
}

#[tokio::test]
async fn the_rate_of_an_application_is_shared_by_its_endpoints() -> Result<()> {
    const MESSAGES: usize = 40;
    let _alone = ALONE.lock().await;
    let stack = world().stack("shared-rate", &[("DeliveryConcurrency", "10")]).await?;
    wake_up(&stack).await?;
    let tenant = stack.tenant("shared-rate").await?;
    let limit = tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"throttleRate": RATE})).await?;
    assert_eq!(limit.status, 200, "{}", limit.text);
    for path in ["/a", "/b"] {
        tenant.endpoint(path).await?;
    }
    publish_at_once(&tenant, MESSAGES).await?;
    let mut received = tenant.receiver.wait_for("/a", MESSAGES, PATIENCE).await?;
    received.extend(tenant.receiver.wait_for("/b", MESSAGES, PATIENCE).await?);
    println!("{RATE} a second, shared by two: {:?}", histogram(&received));
    assert_eq!((received.len(), ids(&received).len()), (2 * MESSAGES, MESSAGES));
    // A late one of each endpoint.
    assert!(most_in_a_second(&received) <= BOUND + 1, "{}", most_in_a_second(&received));
    Ok(())
}

/// Publishes so many at once, as they come; gives the answers.
async fn answers(tenant: &Tenant, count: usize) -> Result<Vec<Reply>> {
    let (path, body) = (format!("/app/{}/msg", tenant.app), json!({"eventType": "invoice.paid", "payload": {}}));
    let publish = |_| tenant.api.post(&path, &body);
    stream::iter(0..count).map(publish).buffer_unordered(PRODUCERS).try_collect().await
}

#[tokio::test]
async fn an_application_that_publishes_too_fast_is_told_when_to_come_again() -> Result<()> {
    const AT_ONCE: usize = 60;
    let _alone = ALONE.lock().await;
    let stack = world().stack("publishing-rate", &[("PublishRatePerApplication", "5")]).await?;
    let tenant = stack.tenant("publishing-rate").await?;
    tenant.endpoint("/hook").await?;
    // It wakes the function up.
    assert_eq!(answers(&tenant, 1).await?[0].status, 202);
    let start = Instant::now();
    let answers_at_once = answers(&tenant, AT_ONCE).await?;
    let accepted = answers_at_once.iter().filter(|reply| reply.status == 202).count();
    // A second's worth at once, and then as time goes.
    let most = 5 * usize::try_from(start.elapsed().as_secs() + 2)?;
    assert!((1..=most).contains(&accepted), "{accepted} accepted in {:?}", start.elapsed());
    for refused in answers_at_once.iter().filter(|reply| reply.status != 202) {
        refused.assert_refused(429, "rate_limited");
        let wait = refused.headers.get("retry-after").context("no Retry-After")?.to_str()?.parse::<u64>()?;
        assert!((1..=2).contains(&wait), "{wait} s");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(answers(&tenant, 1).await?[0].status, 202);
    // What was accepted is delivered, and nothing else.
    let received = tenant.receiver.wait_for("/hook", accepted + 2, PATIENCE).await?;
    stack.drained().await?;
    assert_eq!(ids(&received).len(), accepted + 2);

    let own = json!({"delivery": {"publishRate": 1_000}});
    assert_eq!(tenant.api.patch(&format!("/app/{}", tenant.app), &own).await?.status, 200);
    let all = eventually("its own rate holds", || async {
        let answers = answers(&tenant, AT_ONCE).await?;
        Ok(answers.iter().all(|reply| reply.status == 202).then_some(answers))
    })
    .await?;
    assert_eq!(all.len(), AT_ONCE);
    Ok(())
}
