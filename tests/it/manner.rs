//! What an endpoint says of its requests: method, headers, and the form of their body.

use anyhow::{Context as _, Result};
use cloudevents::{AttributesReader as _, Data, Event};
use postrider_local::Received;
use postrider_tests::{PATIENCE, Tenant, verify, world};
use serde_json::{Value, json};
use svix::models::{MessageIn, MessageOut, MessageStatus};

/// Publishes to an endpoint that wants that manner; gives the message, and its request, whose signature verifies.
async fn delivered(tenant: &Tenant, path: &str, delivery: Value, message: MessageIn) -> Result<(MessageOut, Received)> {
    let endpoint = tenant.endpoint_of(path, json!({ "delivery": delivery })).await?;
    let message = tenant.publish_with(message).await?;
    let received = tenant.receiver.wait_for(path, 1, PATIENCE).await?;
    verify(&tenant.secret(&endpoint).await?, &received[0])?;
    assert_eq!(received[0].header("webhook-id"), Some(message.id.as_str()));
    tenant.reached(&message.id, &endpoint, MessageStatus::Success).await?;
    Ok((message, received[0].clone()))
}

fn invoice() -> MessageIn {
    MessageIn::new("invoice.paid".to_owned(), json!({"total": 2000}))
}

#[tokio::test]
async fn the_event_type_is_a_header_of_the_usual_name_or_of_the_endpoints_own() -> Result<()> {
    let tenant = world().main().await?.tenant("event-type").await?;
    let (_, usual) = delivered(&tenant, "/usual", json!({}), invoice()).await?;
    assert_eq!(usual.header("webhook-event-type"), Some("invoice.paid"));
    let (_, own) = delivered(&tenant, "/own", json!({"eventTypeHeader": "X-Event-Type"}), invoice()).await?;
    assert_eq!((own.header("x-event-type"), own.header("webhook-event-type")), (Some("invoice.paid"), None));
    Ok(())
}

#[tokio::test]
async fn a_deployment_may_have_another_name_for_the_event_type() -> Result<()> {
    let stack = world().stack("event-type-header", &[("EventTypeHeader", "x-event-type")]).await?;
    let tenant = stack.tenant("event-type-header").await?;
    let (_, request) = delivered(&tenant, "/hook", json!({}), invoice()).await?;
    assert_eq!((request.header("x-event-type"), request.header("webhook-event-type")), (Some("invoice.paid"), None));
    Ok(())
}

#[tokio::test]
async fn requests_are_made_with_the_method_that_the_endpoint_wants() -> Result<()> {
    let tenant = world().main().await?.tenant("method").await?;
    for method in ["POST", "PUT", "PATCH"] {
        let (_, request) = delivered(&tenant, &format!("/{method}"), json!({ "method": method }), invoice()).await?;
        assert_eq!(request.method, method);
        assert_eq!(request.body, r#"{"total":2000}"#);
    }
    for method in ["GET", "OPTIONS", "post"] {
        let body = json!({"url": tenant.receiver.url("/hook"), "delivery": {"method": method}});
        let reply = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &body).await?;
        assert_eq!(reply.status, 422, "{method}: {}", reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_raw_payload_arrives_byte_for_byte_with_its_content_type() -> Result<()> {
    let tenant = world().main().await?.tenant("raw").await?;
    for (path, kind, text) in [
        ("/xml", Some("application/xml; charset=utf-8"), "<?xml version=\"1.0\"?>\r\n<paid total=\"2000\">€</paid>\n"),
        ("/text", Some("text/csv"), "a;b\n1;\"2\"\n"),
        ("/json", None, "{ \"b\" : 1,\n\t\"a\":\"\\u00e9\" }"),
        ("/empty", Some("text/plain"), ""),
    ] {
        let message = MessageIn::new_raw_payload("invoice.paid".to_owned(), text.to_owned());
        let message = match kind {
            Some(kind) => message.with_content_type(kind.to_owned()),
            None => message,
        };
        let (_, request) = delivered(&tenant, path, json!({}), message).await?;
        assert_eq!(request.body, text.as_bytes(), "{path}");
        assert_eq!(request.header("content-type"), Some(kind.unwrap_or("application/json")), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_content_type_that_is_none_is_refused_by_name() -> Result<()> {
    let tenant = world().main().await?.tenant("raw-refused").await?;
    for kind in ["xml", "", "a/b\r\nx-injected: 1"] {
        let raw = json!({"rawPayload": "x", "headers": {"content-type": kind}});
        let body = json!({"eventType": "a", "payload": {}, "transformationsParams": raw});
        let reply = tenant.api.post(&format!("/app/{}/msg", tenant.app), &body).await?;
        reply.assert_invalid(&["body", "transformationsParams", "headers", "content-type"]);
    }
    Ok(())
}

/// Asserts what every event of a message says of itself, as the SDK of `CloudEvents` reads it.
fn assert_event(event: &Event, tenant: &Tenant, message: &MessageOut) {
    assert_eq!((event.id(), event.ty()), (message.id.as_str(), "invoice.paid"));
    assert!(event.source().ends_with(&format!("/{}", tenant.app)), "{}", event.source());
    let time = event.time().expect("a time");
    assert_eq!(time.timestamp(), message.timestamp.timestamp());
}

#[tokio::test]
async fn a_structured_cloud_event_is_one_for_the_sdk_of_cloud_events() -> Result<()> {
    let tenant = world().main().await?.tenant("structured").await?;
    let manner = json!({"format": "cloudevents-structured"});
    let (message, request) = delivered(&tenant, "/json", manner.clone(), invoice()).await?;
    assert_eq!(request.header("content-type"), Some("application/cloudevents+json"));
    let event: Event = serde_json::from_slice(&request.body)?;
    assert_event(&event, &tenant, &message);
    assert_eq!(event.datacontenttype(), Some("application/json"));
    assert!(matches!(event.data(), Some(Data::Json(data)) if *data == json!({"total": 2000})), "{event:?}");

    let xml = MessageIn::new_raw_payload("invoice.paid".to_owned(), "<paid/>".to_owned());
    let xml = xml.with_content_type("application/xml".to_owned());
    let (message, request) = delivered(&tenant, "/xml", manner, xml).await?;
    let event: Event = serde_json::from_slice(&request.body)?;
    assert_event(&event, &tenant, &message);
    assert_eq!(event.datacontenttype(), Some("application/xml"));
    assert!(matches!(event.data(), Some(Data::String(data)) if data == "<paid/>"), "{event:?}");
    Ok(())
}

#[tokio::test]
async fn a_binary_cloud_event_has_its_attributes_in_headers_and_the_payload_as_it_was() -> Result<()> {
    let tenant = world().main().await?.tenant("binary").await?;
    let (message, request) = delivered(&tenant, "/hook", json!({"format": "cloudevents-binary"}), invoice()).await?;
    let header = |name| request.header(name).with_context(|| format!("no {name}"));
    // CloudEvents 1.0.2: these four are required, time is an RFC 3339 timestamp; HTTP binding, section 3.1.
    assert_eq!((header("ce-specversion")?, header("ce-id")?), ("1.0", message.id.as_str()));
    assert_eq!(header("ce-type")?, "invoice.paid");
    assert!(header("ce-source")?.ends_with(&format!("/{}", tenant.app)), "{}", header("ce-source")?);
    let time: jiff::Timestamp = header("ce-time")?.parse()?;
    assert_eq!(time.as_second(), message.timestamp.timestamp());
    assert_eq!(request.header("ce-datacontenttype"), None, "it is the content type itself");
    assert_eq!((header("content-type")?, &request.body[..]), ("application/json", &b"{\"total\":2000}"[..]));
    Ok(())
}
