//! Functions that are killed (SIGKILL) in the middle of their work lose nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Mutex,
    time::Duration,
};

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use postrider_local::{Received, Reply};
use postrider_tests::{Parked, Tenant, eventually, world};
use serde_json::json;
use svix::{api::MessageAttemptListAttemptedMessagesOptions, models::MessageStatus};
use tokio::time::timeout;

/// Longer than a claim's lease, and whatever comes after.
const LONG: Duration = Duration::from_mins(2);

fn ids(received: &[Received]) -> BTreeSet<String> {
    received.iter().filter_map(|request| request.header("webhook-id")).map(str::to_owned).collect()
}

/// The messages of an endpoint that have come so far.
async fn with_status(tenant: &Tenant, endpoint: &str, status: MessageStatus) -> Result<BTreeSet<String>> {
    let options =
        MessageAttemptListAttemptedMessagesOptions { limit: Some(250), status: Some(status), ..Default::default() };
    let attempts = tenant.svix.message_attempt();
    let list = attempts.list_attempted_messages(tenant.app.clone(), endpoint.to_owned(), Some(options)).await?;
    Ok(list.data.into_iter().map(|message| message.id).collect())
}

async fn many(tenant: &Tenant, count: usize) -> Result<BTreeSet<String>> {
    let publish =
        |n: usize| async move { tenant.publish("invoice.paid", json!({"n": n})).await.map(|message| message.id) };
    stream::iter(0..count).map(publish).buffer_unordered(8).try_collect().await
}

#[tokio::test]
async fn killing_delivery_in_mid_batch_loses_nothing() -> Result<()> {
    const DELIVERIES: usize = 100;
    const KILLS: usize = 8;
    let stack = world().fragile().await?;
    let tenant = stack.tenant("killed-delivery").await?;
    // Long enough for the killer to find them in flight.
    tenant.receiver.on("/hook", |_, _| Reply::status(200).after(Duration::from_millis(300)));
    let endpoint = tenant.endpoint("/hook").await?;
    let kill = async {
        for killed in 0..KILLS {
            tenant.receiver.wait_for("/hook", 5 + killed * DELIVERIES / KILLS, LONG).await?;
            stack.kill_one("delivery")?;
        }
        Ok(())
    };
    let (messages, ()) = tokio::try_join!(many(&tenant, DELIVERIES), kill)?;
    assert_eq!(messages.len(), DELIVERIES);
    eventually("all are recorded as succeeded", || async {
        Ok((with_status(&tenant, &endpoint.id, MessageStatus::Success).await? == messages).then_some(()))
    })
    .await?;
    stack.drained().await?;
    let received = tenant.receiver.received("/hook");
    assert_eq!(ids(&received), messages);
    let duplicates = received.len() - DELIVERIES;
    println!("{KILLS} delivery processes killed: {DELIVERIES} of {DELIVERIES} delivered, {duplicates} duplicates");
    // Each kill repeats a batch of ten at most; on a busy machine the short visibility adds some.
    assert!(duplicates <= 2 * 10 * KILLS, "{duplicates} duplicates");
    Ok(())
}

/// Which messages have come for each of the endpoints that the query tells apart.
fn by_endpoint(tenant: &Tenant) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for request in tenant.receiver.received("/hook") {
        all.entry(request.query.clone().unwrap_or_default()).or_default().push(request);
    }
    all.into_iter().map(|(endpoint, received)| (endpoint, ids(&received))).collect()
}

#[tokio::test]
async fn killing_ingest_in_mid_publication_leaves_nothing_that_a_repetition_does_not_complete() -> Result<()> {
    const ENDPOINTS: usize = 60;
    const AT_ONCE: usize = 4;
    let stack = world().stack("killed-ingest", &[]).await?;
    let tenant = &stack.tenant("killed-ingest").await?;
    let create = |n| async move { tenant.endpoint(&format!("/hook?{n}")).await };
    stream::iter(0..ENDPOINTS).map(create).buffer_unordered(8).try_collect::<Vec<_>>().await?;
    let (mut accepted, mut interrupted) = (BTreeSet::new(), 0);
    while interrupted == 0 {
        let keys = (accepted.len()..).take(AT_ONCE).map(|n| format!("key-{n}"));
        let before = tenant.receiver.received("/hook").len();
        let kill = async {
            // With the first delivery, queueing has begun.
            tenant.receiver.wait_for("/hook", before + 1, LONG).await?;
            stack.kill("ingest")
        };
        let publish = try_join_all(keys.map(|key| async move { tenant.publish_until_accepted(&key).await }));
        let (messages, _) = tokio::try_join!(publish, kill)?;
        interrupted += messages.iter().filter(|message| message.interrupted).count();
        accepted.extend(messages.into_iter().map(|message| message.id));
        assert!(accepted.len() <= 10 * AT_ONCE, "every publication is faster than the killer");
        eventually("every delivery arrives", || async {
            let arrived = by_endpoint(tenant);
            Ok((arrived.len() == ENDPOINTS && arrived.values().all(|ids| *ids == accepted)).then_some(()))
        })
        .await?;
    }
    stack.drained().await?;
    let list = tenant.svix.message().list(tenant.app.clone(), None).await?;
    assert_eq!(list.data.into_iter().map(|message| message.id).collect::<BTreeSet<_>>(), accepted);
    let (wanted, requests) = (accepted.len() * ENDPOINTS, tenant.receiver.received("/hook").len());
    println!("{interrupted} publications interrupted: each is one message, {} duplicates", requests - wanted);
    Ok(())
}

#[tokio::test]
async fn killing_the_scheduler_while_it_wakes_deliveries_loses_none() -> Result<()> {
    const ENDPOINTS: usize = 96;
    // So few that no circuit opens.
    const MESSAGES: usize = 5;
    const DELIVERIES: usize = ENDPOINTS * MESSAGES;
    const KILLS: usize = 3;
    // Nothing is due before the test says so, at no tick of the real schedule.
    let parameters = [("ParkAfterSeconds", "0"), ("RetrySchedule", "1h")];
    let stack = world().stack("killed-scheduler", &parameters).await?;
    let tenant = stack.tenant("killed-scheduler").await?;
    let mut endpoints = Vec::new();
    for nth in 0..ENDPOINTS {
        let (path, seen) = (format!("/hook/{nth}"), Mutex::new(HashSet::new()));
        tenant.receiver.on(&path, move |request, _| {
            let id = request.header("webhook-id").unwrap_or_default().to_owned();
            Reply::status(if seen.lock().expect("no panic").insert(id) { 500 } else { 200 })
        });
        endpoints.push((tenant.endpoint(&path).await?, path));
    }
    let messages = many(&tenant, MESSAGES).await?;
    let mut parked = eventually("all are parked", || async {
        Ok(Some(stack.parked().await?).filter(|parked| parked.len() == DELIVERIES))
    })
    .await?;
    for _ in 0..KILLS {
        stack.pass_time(&parked).await?;
        // No pause: it is quick.
        let kill = async {
            while !stack.parked().await?.iter().any(Parked::is_taken) {}
            stack.kill("scheduler")
        };
        // Its invocation fails.
        let (killed, _) = tokio::join!(timeout(LONG, kill), stack.wake());
        assert!(killed?? > 0);
        stack.drained().await?;
        let left = stack.parked().await?;
        let taken = left.iter().filter(|delivery| delivery.is_taken()).count();
        println!("scheduler killed: of {} deliveries {} are left, {taken} of them taken", parked.len(), left.len());
        assert!(!left.is_empty(), "it was faster than the killer");
        parked = left;
    }
    stack.pass_time(&parked).await?;
    stack.wake().await?;
    for (endpoint, path) in &endpoints {
        eventually("all are recorded as succeeded", || async {
            Ok((with_status(&tenant, &endpoint.id, MessageStatus::Success).await? == messages).then_some(()))
        })
        .await?;
        assert_eq!(tenant.receiver.received(path).len(), 2 * MESSAGES);
    }
    Ok(())
}
