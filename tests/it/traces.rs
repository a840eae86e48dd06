//! W3C Trace Context: the producer's trace reaches the receiver, each attempt as a span of its own, the log, and a collector of
//! OpenTelemetry's, whose own types read what it is sent.

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Is},
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use postrider_local::{Receiver, Reply};
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = &attributes.iter().find(|attribute| attribute.key == key)?.value;
    match value.as_ref()?.value.as_ref()? {
        Is::StringValue(text) => Some(text.clone()),
        Is::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the collector was sent so far about a message, the earliest first.
fn spans(collector: &Receiver, message: &str) -> Result<Vec<Span>> {
    let mut all = Vec::new();
    for request in collector.received("/v1/traces") {
        assert_eq!((request.header("x-key"), request.header("content-type")), (Some("a b"), Some("application/json")));
        let told: ExportTraceServiceRequest = serde_json::from_slice(&request.body)?;
        for resource in told.resource_spans {
            let attributes = resource.resource.context("a resource")?.attributes;
            assert!(attribute(&attributes, "service.name").is_some_and(|name| name.contains("collected")));
            assert!(attribute(&attributes, "faas.name").is_some());
            all.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    all.retain(|span| attribute(&span.attributes, "messaging.message.id").as_deref() == Some(message));
    all.sort_by_key(|span| span.start_time_unix_nano);
    Ok(all)
}

#[tokio::test]
async fn a_collector_is_told_of_the_publication_and_of_every_attempt() -> Result<()> {
    let collector = Receiver::start()?;
    collector.on("/v1/traces", |_, _| Reply::status(200).body("{}"));
    let parameters = [("OtlpEndpoint", &*collector.url("")), ("OtlpHeaders", "x-key=a%20b")];
    let stack = world().stack("collected", &parameters).await?;
    let tenant = stack.tenant("collected").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 2 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook?key=url-marker").await?.id;
    let unsampled = publish(&tenant, &format!("00-{TRACE}-00f067aa0ba902b7-00")).await?;
    tenant.attempted(&unsampled, 1).await?;
    let message = publish(&tenant, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await?;
    tenant.attempted(&message, 2).await?;
    let told = eventually("three spans", || async {
        let told = spans(&collector, &message)?;
        Ok(Some(told).filter(|told| told.len() >= 3))
    })
    .await?;
    let [publication, first, second] = told.as_slice() else { anyhow::bail!("{} spans", told.len()) };
    assert!(
        told.iter().all(|span| hex(&span.trace_id) == TRACE && span.end_time_unix_nano >= span.start_time_unix_nano)
    );
    assert_eq!((&*hex(&publication.parent_span_id), publication.kind()), ("00f067aa0ba902b7", SpanKind::Producer));
    // It may be delivered before it is stored.
    assert!(publication.start_time_unix_nano <= first.start_time_unix_nano);
    let code = |span: &Span| span.status.as_ref().map(Status::code);
    let received = tenant.receiver.received("/hook");
    let of = |span: &Span, key| attribute(&span.attributes, key);
    for (attempt, status, failed) in [(first, "500", Some(StatusCode::Error)), (second, "200", None)] {
        assert_eq!((&attempt.parent_span_id, attempt.kind()), (&publication.span_id, SpanKind::Client));
        assert_eq!((of(attempt, "http.response.status_code").as_deref(), code(attempt)), (Some(status), failed));
        assert_eq!(of(attempt, "error.type").as_deref(), failed.map(|_| status));
        assert_eq!(of(attempt, "postrider.endpoint.id").as_deref(), Some(&*endpoint));
        assert_eq!(of(attempt, "server.address").as_deref(), Some("127.0.0.1"));
        let header = format!("00-{TRACE}-{}-01", hex(&attempt.span_id));
        assert!(received.iter().any(|request| request.header("traceparent") == Some(&header)), "{header}");
    }
    assert!(spans(&collector, &unsampled)?.is_empty());
    let all = collector.received("/v1/traces");
    assert!(all.iter().all(|request| !String::from_utf8_lossy(&request.body).contains("marker")));
    Ok(())
}
