//! W3C Trace Context: the producer's trace reaches the receiver, each attempt as a span of its own, and the log.

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Tenant, eventually, world};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn publish(tenant: &Tenant, trace: &str) -> Result<String> {
    let body = json!({"eventType": "a", "payload": {}}).to_string();
    let reply = tenant.api.post_raw(&format!("/app/{}/msg", tenant.app), &[("traceparent", trace)], body).await?;
    anyhow::ensure!(reply.status == 202, "{}", reply.text);
    Ok(reply.json()["id"].as_str().context("an id")?.to_owned())
}

#[tokio::test]
async fn a_trace_goes_along_with_its_message_over_retries_and_a_resend() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("traced").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = publish(&tenant, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await?;
    tenant.receiver.wait_for("/hook", 2, PATIENCE).await?;
    tenant.attempted(&message, 2).await?;
    let resend = format!("/app/{}/msg/{message}/endpoint/{endpoint}/resend", tenant.app);
    assert_eq!(tenant.api.post(&resend, &json!({})).await?.status, 202);
    let received = tenant.receiver.wait_for("/hook", 3, PATIENCE).await?;
    let mut spans: Vec<_> = received.iter().filter_map(|request| request.header("traceparent")).collect();
    assert!(spans.iter().all(|span| span.starts_with(&format!("00-{TRACE}-")) && span.ends_with("-01")), "{spans:?}");
    spans.dedup();
    assert_eq!(spans.len(), 3, "{spans:?}");
    let name = stack.deployment.function("delivery");
    eventually("the log names the trace", || async {
        stack.wake().await?;
        publish(&tenant, "").await?;
        let events = world().emulator.logs(&name).await?;
        let lines = events.iter().filter_map(|event| serde_json::from_str::<Value>(&event.message).ok());
        let mine: Vec<_> = lines.filter(|line| line["trace"] == TRACE && line["msg"] == *message).collect();
        Ok((!mine.is_empty()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_is_no_trace_counts_for_nothing() -> Result<()> {
    let tenant = world().main().await?.tenant("untraced").await?;
    tenant.endpoint("/hook").await?;
    for trace in ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        publish(&tenant, trace).await?;
    }
    let received = tenant.receiver.wait_for("/hook", 3, PATIENCE).await?;
    assert!(received.iter().all(|request| request.header("traceparent").is_none()));
    Ok(())
}
