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

/// An application with a source, and messages that were delivered, that wait, and that are held. Gives the ids of its
/// endpoints and of its source.
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
    let config = json!({"secret": "whatever GitHub was told"});
    let source = json!({"name": "A shop", "uid": "shop", "appId": tenant.app, "type": "github", "config": config});
    let source = tenant.api.post("/source", &source).await?.json();
    let source = source["id"].as_str().with_context(|| source.to_string())?.to_owned();
    Ok([endpoints, vec![deleted, source]].concat())
}

/// Everything that has to do with the application or one of these.
async fn traces(stack: &Stack, tenant: &Tenant, ids: &[String]) -> Result<Traces> {
    let mut all = stack.traces(&tenant.app).await?;
    for id in ids {
        all.extend(stack.traces(id).await?);
    }
    all.sort();
    all.dedup();
    // An answer that is kept for an idempotency key expires by itself.
    all.retain(|(pk, _)| !pk.starts_with("idem#"));
    Ok(all)
}

/// Waits until nothing but the mark and ids are left.
async fn emptied(stack: &Stack, tenant: &Tenant, ids: &[String]) -> Result<()> {
    let is_left = |(pk, sk): &(String, String)| *pk == tenant.app && (sk == "app" || sk.starts_with("gone#"));
    eventually("the application is empty", || async {
        let left = traces(stack, tenant, ids).await?;
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
    let ids = furnish(&tenant).await?;
    let others = furnish(&other).await?;
    let before = traces(&stack, &other, &others).await?;
    for kept in ["0815", "a response", "customer-7", "named", "A shop"] {
        assert!(!stack.traces(kept).await?.is_empty(), "{kept}");
    }
    assert!(traces(&stack, &tenant, &ids).await?.len() > 12);
    delete(&tenant).await?;
    emptied(&stack, &tenant, &ids).await?;
    // No secret, no URL of those that were alive.
    let left = traces(&stack, &tenant, &ids).await?;
    assert!(left.iter().all(|(_, sk)| sk == "app" || sk.starts_with("gone#")), "{left:?}");
    eventually("the last pass is queued", || async { Ok((stack.delayed_jobs().await? == 1).then_some(())) }).await?;
    last_pass(&stack, &tenant).await?;
    eventually("nothing is left", || async { Ok(traces(&stack, &tenant, &ids).await?.is_empty().then_some(())) })
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
