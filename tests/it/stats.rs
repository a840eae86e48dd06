//! How many deliveries of an endpoint are how far.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{Tenant, eventually, world};
use serde_json::{Value, json};
use svix::{api::EndpointGetStatsOptions, models::MessageStatus};

async fn stats(tenant: &Tenant, endpoint: &str, query: &str) -> Result<Value> {
    let reply = tenant.api.get(&format!("/app/{}/endpoint/{endpoint}/stats{query}", tenant.app)).await?;
    assert_eq!(reply.status, 200, "{}", reply.text);
    Ok(reply.json())
}

#[tokio::test]
async fn deliveries_are_counted_by_how_far_they_are() -> Result<()> {
    let stack = world().stack("stats", &[("ParkAfterSeconds", "0"), ("RetrySchedule", "1h")]).await?;
    let tenant = stack.tenant("stats").await?;
    tenant.receiver.on("/hook", |_, nth| match nth {
        1..=3 => Reply::status(200),
        4 => Reply::status(500),
        _ => Reply::status(400).header("webhook-delivery", "abort-message"),
    });
    let endpoint = tenant.endpoint("/hook").await?.id;
    for _ in 0..3 {
        let message = tenant.publish("a", json!({})).await?.id;
        tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    }
    let waiting = tenant.publish("a", json!({})).await?.id;
    tenant.reached(&waiting, &endpoint, MessageStatus::Sending).await?;
    let failed = tenant.publish("a", json!({})).await?.id;
    tenant.reached(&failed, &endpoint, MessageStatus::Fail).await?;
    tenant.patch_endpoint(&endpoint, json!({"delivery": {"paused": true}})).await?;
    let held = tenant.publish("a", json!({})).await?.id;
    stack.held(&endpoint, &held).await?;
    let expunged = tenant.publish("a", json!({})).await?.id;
    stack.held(&endpoint, &expunged).await?;
    tenant.svix.message().expunge_content(tenant.app.clone(), expunged).await?;
    let expected = json!({"success": 3, "pending": 1, "sending": 1, "fail": 1, "canceled": 1});
    let last = eventually("all are counted", || async {
        let counted = stats(&tenant, &endpoint, "").await?;
        Ok((counted == expected).then_some(counted))
    })
    .await?;
    // The published client reads it.
    let options = Some(EndpointGetStatsOptions::default());
    let read = tenant.svix.endpoint().get_stats(tenant.app.clone(), endpoint.clone(), options).await?;
    assert_eq!(json!([read.success, read.sending, read.fail]), json!([last["success"], last["sending"], last["fail"]]));
    let own = stack.api(&stack.token(&tenant.org, Some(&tenant.app)));
    let path = format!("/app/{}/endpoint/{endpoint}/stats", tenant.app);
    assert_eq!(own.get(&path).await?.json(), expected);
    // Before any of them.
    let past = stats(&tenant, &endpoint, "?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z").await?;
    assert!(past.as_object().is_some_and(|all| all.values().all(|count| *count == json!(0))), "{past}");
    Ok(())
}

#[tokio::test]
async fn a_time_that_cannot_be_counted_is_refused_and_another_s_endpoint_is_not_found() -> Result<()> {
    let stack = world().main().await?;
    let (tenant, other) = (stack.tenant("stats-range").await?, stack.tenant("stats-other").await?);
    let endpoint = other.endpoint("/hook").await?.id;
    let path = format!("/app/{}/endpoint/{endpoint}/stats", tenant.app);
    tenant.api.get(&path).await?.assert_refused(404, "not_found");
    for query in [
        "until=2100-01-01T00:00:00Z",
        "since=2026-01-01T00:00:00Z&until=2026-01-30T00:00:00Z",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
    ] {
        // Judged before the endpoint is looked for.
        tenant.api.get(&format!("{path}?{query}")).await?.assert_refused(400, "invalid_range");
    }
    tenant.api.get(&format!("{path}?since=yesterday")).await?.assert_refused(400, "generic_error");
    Ok(())
}
