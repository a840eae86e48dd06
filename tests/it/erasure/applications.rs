//! Deleted applications.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_core::{erase::Erasure, job::Job, time::Time};
use postrider_local::Reply;
use postrider_tests::{Stack, Tenant, eventually, world};
use serde_json::json;
use svix::models::{ApplicationIn, EndpointIn, MessageIn};

type Traces = Vec<(String, String)>;

async fn delete(tenant: &Tenant) -> Result<()> {
    tenant.svix.application().delete(tenant.app.clone()).await.context("deleting")
}

/// An application with messages that were delivered, that wait, and that are held; its endpoints.
async fn furnish(tenant: &Tenant) -> Result<Vec<String>> {
    tenant.receiver.on("/down", |_, _| Reply::status(500).body("a response"));
    let app = ApplicationIn { uid: Some("customer-7".to_owned()), ..ApplicationIn::new("Customer".to_owned()) };
    tenant.api.put(&format!("/app/{}", tenant.app), &serde_json::to_value(app)?).await?;
    let named = EndpointIn { uid: Some("named".to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    let endpoints = vec![
        tenant.endpoint_with(named).await?.id,
        tenant.endpoint("/down").await?.id,
        tenant.endpoint_of("/held", json!({"delivery": {"paused": true}})).await?,
    ];
    let deleted = tenant.endpoint("/deleted").await?.id;
    let event = MessageIn { event_id: Some("e-1".to_owned()), ..MessageIn::new("a".to_owned(), json!({"n": "0815"})) };
    let message = tenant.publish_with(event).await?.id;
    tenant.attempted(&message, 3).await?;
    tenant.svix.endpoint().delete(tenant.app.clone(), deleted.clone()).await?;
    Ok([endpoints, vec![deleted]].concat())
}

/// Everything that has to do with the application or one of its endpoints.
async fn traces(stack: &Stack, tenant: &Tenant, endpoints: &[String]) -> Result<Traces> {
    let mut all = stack.traces(&tenant.app).await?;
    for endpoint in endpoints {
        all.extend(stack.traces(endpoint).await?);
    }
    all.sort();
    all.dedup();
    // An answer that is kept for an idempotency key expires by itself.
    all.retain(|(pk, _)| !pk.starts_with("idem#"));
    Ok(all)
}

/// Waits until nothing but the mark and ids are left.
async fn emptied(stack: &Stack, tenant: &Tenant, endpoints: &[String]) -> Result<()> {
    let is_left = |(pk, sk): &(String, String)| *pk == tenant.app && (sk == "app" || sk.starts_with("gone#"));
    eventually("the application is empty", || async {
        let left = traces(stack, tenant, endpoints).await?;
        Ok(left.iter().all(is_left).then_some(()))
    })
    .await
}

/// The last pass, which the queue would hand out in a quarter of an hour.
async fn last_pass(stack: &Stack, tenant: &Tenant) -> Result<()> {
    let (app, since) = (tenant.app.parse()?, Time::from_secs(0));
    stack.submit(&Job::Erase { what: Erasure::Application { app, since, last: true, after: None }, delay: 0 }).await
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_application() -> Result<()> {
    // A stack of its own: its queue of jobs is looked at.
    let stack = world().stack("erasing", &[("ParkAfterSeconds", "0"), ("RetrySchedule", "1h")]).await?;
    let (tenant, other) = (stack.tenant("erased").await?, stack.tenant("not-erased").await?);
    let endpoints = furnish(&tenant).await?;
    let others = furnish(&other).await?;
    let before = traces(&stack, &other, &others).await?;
    for kept in ["0815", "a response", "customer-7", "named"] {
        assert!(!stack.traces(kept).await?.is_empty(), "{kept}");
    }
    assert!(traces(&stack, &tenant, &endpoints).await?.len() > 12);
    delete(&tenant).await?;
    emptied(&stack, &tenant, &endpoints).await?;
    // No secret, no URL of those that were alive.
    let left = traces(&stack, &tenant, &endpoints).await?;
    assert!(left.iter().all(|(_, sk)| sk == "app" || sk.starts_with("gone#")), "{left:?}");
    eventually("the last pass is queued", || async { Ok((stack.delayed_jobs().await? == 1).then_some(())) }).await?;
    last_pass(&stack, &tenant).await?;
    eventually("nothing is left", || async { Ok(traces(&stack, &tenant, &endpoints).await?.is_empty().then_some(())) })
        .await?;
    // Once more, for the one that still waits.
    last_pass(&stack, &tenant).await?;
    tenant.api.get(&format!("/app/{}", tenant.app)).await?.assert_refused(404, "not_found");
    assert_eq!(traces(&stack, &other, &others).await?, before, "another's was touched");
    Ok(())
}

/// So many items that removing them takes some time.
const MESSAGES: usize = 600;
const KILLS: usize = 2;

async fn quick_to_repeat() -> Result<Arc<Stack>> {
    let mut template = world().emulator.template().await?;
    // A job that died is handed out again within seconds.
    template["Resources"]["JobQueue"]["Properties"]["VisibilityTimeout"] = json!(5);
    template["Resources"]["JobQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = json!(100);
    Ok(Arc::new(world().deploy("erasing-killed", template, &[]).await?))
}

#[tokio::test]
async fn a_job_that_is_killed_midway_goes_on_where_it_was() -> Result<()> {
    let stack = quick_to_repeat().await?;
    let tenant = stack.tenant("erased-killed").await?;
    let mut endpoints = Vec::new();
    for nth in 0..2 {
        endpoints.push(tenant.endpoint(&format!("/hook/{nth}")).await?.id);
    }
    let publish = |n: usize| {
        let tenant = &tenant;
        async move { tenant.publish("a", json!({"n": n})).await }
    };
    stream::iter(0..MESSAGES).map(publish).buffer_unordered(8).try_collect::<Vec<_>>().await?;
    stack.drained().await?;
    delete(&tenant).await?;
    for nth in 0..KILLS {
        // No pause: it is quick.
        while stack.partition(&tenant.app).await? > MESSAGES - nth * MESSAGES / KILLS {}
        let killed = stack.kill("scheduler")?;
        let left = stack.partition(&tenant.app).await?;
        println!("{killed} schedulers killed with {left} of {MESSAGES} messages left");
        assert!(killed > 0 && left > 0, "it was faster than the killer");
    }
    emptied(&stack, &tenant, &endpoints).await
}
