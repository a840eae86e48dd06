//! Receivers that do everything wrong, all in one application beside one that does nothing wrong.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Sockets, Tenant, eventually, read_request, self_signed, world};
use serde_json::json;
use svix::models::{EndpointIn, MessageAttemptOut, MessageOut, MessageStatus};
use tokio::io::AsyncWriteExt as _;

const MESSAGES: usize = 12;
/// The stack's limit for one attempt, which a receiver that hangs takes in vain.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the publication to the healthy receiver, on a busy machine; less than a hanging neighbour would cost.
const PROMPT: Duration = Duration::from_secs(4);

/// How a receiver's first attempt must be recorded: its status, the code, and how its response begins.
type Expected = (MessageStatus, i16, &'static str);

/// A server's name, where it is, and what it causes.
struct Bad {
    name: &'static str,
    url: String,
    expected: Expected,
    _server: Option<Sockets>,
}

impl Bad {
    fn new(name: &'static str, scheme: &str, server: Sockets, expected: Expected) -> Self {
        Self { name, url: server.url(scheme, "127.0.0.1"), expected, _server: Some(server) }
    }
}

/// What it says of itself is never true.
async fn everything_wrong(tenant: &Tenant) -> Result<Vec<Bad>> {
    tenant.receiver.on("/slow", |_, _| Reply::status(200).after(Duration::from_millis(3_500)));
    let resets = Sockets::start(|stream| async move { stream.readable().await.context("waiting") }).await?;
    let garbage = Sockets::answering("\u{1}\u{2}garbage\r\n\r\n").await?;
    let silent = Sockets::start(|mut stream| async move {
        read_request(&mut stream).await?;
        tokio::time::sleep(PATIENCE).await;
        Ok(())
    })
    .await?;
    let endless = Sockets::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await?;
    let distrusted = Sockets::with_tls(self_signed("127.0.0.1")?).await?;
    let slow = (MessageStatus::Success, 200, "");
    Ok(vec![
        Bad { name: "slow", url: tenant.receiver.url("/slow"), expected: slow, _server: None },
        Bad::new("resets", "http", resets, (MessageStatus::Fail, 0, "connect: ")),
        Bad::new("garbage", "http", garbage, (MessageStatus::Fail, 0, "protocol: ")),
        Bad::new("silent", "http", silent, (MessageStatus::Fail, 0, "timeout: ")),
        Bad::new("endless", "http", endless, (MessageStatus::Success, 200, "xxxx")),
        Bad::new("distrusted", "https", distrusted, (MessageStatus::Fail, 0, "tls: ")),
    ])
}

async fn publish(tenant: &Tenant) -> Result<HashMap<String, Instant>> {
    let mut published = HashMap::new();
    for _ in 0..MESSAGES {
        let at = Instant::now();
        published.insert(tenant.publish("invoice.paid", json!({"total": 2000})).await?.id, at);
        // Equal traffic, as producers have it.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(published)
}

/// The first recorded attempt at an endpoint.
async fn first_attempt(tenant: &Tenant, bad: &Bad, endpoint: &str, message: &str) -> Result<MessageAttemptOut> {
    eventually(&format!("an attempt at the one that is {}", bad.name), || async {
        let attempts = tenant.attempts(message).await?.into_iter();
        Ok(attempts.rev().find(|attempt| attempt.endpoint_id == endpoint))
    })
    .await
}

#[tokio::test]
async fn whatever_the_others_do_a_healthy_endpoint_gets_everything_promptly() -> Result<()> {
    let stack = world().stack("misbehaving", &[("RetrySchedule", "1h")]).await?;
    let tenant = Arc::new(stack.tenant("misbehaving").await?);
    let mut endpoints = Vec::new();
    for bad in everything_wrong(&tenant).await? {
        endpoints.push((tenant.endpoint_with(EndpointIn::new(bad.url.clone())).await?.id, bad));
    }
    let healthy = tenant.endpoint("/healthy").await?.id;
    let first: MessageOut = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    let published = publish(&tenant).await?;
    let received = tenant.receiver.wait_for("/healthy", MESSAGES + 1, PATIENCE).await?;
    let mut waited = Vec::new();
    for request in &received {
        let id = request.header("webhook-id").context("no id")?;
        // The very first one wakes the functions.
        let Some(at) = published.get(id) else { continue };
        waited.push(request.at.duration_since(*at));
    }
    println!("a healthy endpoint beside six bad ones waited {waited:.1?}");
    assert_eq!(waited.len(), MESSAGES, "each once");
    assert!(PROMPT < ATTEMPT_TIMEOUT && waited.iter().all(|waited| *waited < PROMPT), "{waited:.1?}");
    for (endpoint, bad) in &endpoints {
        let attempt = first_attempt(&tenant, bad, endpoint, &first.id).await?;
        let (status, code, response) = bad.expected;
        let told = format!("{}: {}", bad.name, attempt.response.chars().take(80).collect::<String>());
        assert_eq!((attempt.status, attempt.response_status_code), (status, code), "{told}");
        assert!(attempt.response.starts_with(response), "{told}");
    }
    for message in published.keys() {
        tenant.reached(message, &healthy, MessageStatus::Success).await?;
    }
    Ok(())
}
