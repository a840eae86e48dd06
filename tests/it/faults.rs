//! What endpoints do wrong is recorded as what it is.

use std::{net::TcpListener, time::Duration};

use anyhow::{Context as _, Result};
use postrider_local::Reply;
use postrider_tests::{Authority, PATIENCE, Sockets, Tenant, eventually, read_request, self_signed, world};
use serde_json::json;
use svix::models::{EndpointIn, MessageAttemptOut, MessageStatus};
use tokio::io::AsyncWriteExt as _;

const LIMIT: usize = 16 * 1024;

/// The first attempt of a message that is published to an endpoint at that URL.
async fn first_attempt(tenant: &Tenant, url: String) -> Result<MessageAttemptOut> {
    let what = format!("an attempt at {url}");
    let endpoint = tenant.endpoint_with(EndpointIn::new(url)).await?;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    eventually(&what, || async {
        let attempts = tenant.attempts(&message.id).await?.into_iter();
        Ok(attempts.rev().find(|attempt| attempt.endpoint_id == endpoint.id))
    })
    .await
}

/// Asserts that there was no response, for a reason of that class.
async fn assert_fault(tenant: &Tenant, url: String, class: &str) -> Result<MessageAttemptOut> {
    let attempt = first_attempt(tenant, url).await?;
    let told = format!("{}: {}", attempt.url, attempt.response);
    assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Fail, 0), "{told}");
    assert!(attempt.response.starts_with(&format!("{class}: ")), "not {class}: {told}");
    Ok(attempt)
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_fault() -> Result<()> {
    let tenant = world().main().await?.tenant("dns").await?;
    assert_fault(&tenant, "https://nonexistent.invalid/".to_owned(), "dns").await?;
    Ok(())
}

#[tokio::test]
async fn a_closed_port_and_a_reset_connection_are_connect_faults() -> Result<()> {
    let tenant = world().main().await?.tenant("connect").await?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    assert_fault(&tenant, format!("http://{closed}/"), "connect").await?;
    // Closing with unread bytes is what makes a reset of it.
    let reset = Sockets::start(|stream| async move { stream.readable().await.context("waiting") }).await?;
    assert_fault(&tenant, reset.url("http", "127.0.0.1"), "connect").await?;
    tenant.receiver.on("/hung-up", |_, _| Reply::hang_up());
    assert_fault(&tenant, tenant.receiver.url("/hung-up"), "connect").await?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_and_a_server_without_tls_are_tls_faults() -> Result<()> {
    let tenant = world().main().await?.tenant("tls").await?;
    let server = Sockets::with_tls(self_signed("127.0.0.1")?).await?;
    assert_fault(&tenant, server.url("https", "127.0.0.1"), "tls").await?;
    assert!(server.connections() > 0);
    let plain = Sockets::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?;
        read_request(&mut stream).await
    });
    assert_fault(&tenant, plain.await?.url("https", "127.0.0.1"), "tls").await?;
    Ok(())
}

#[tokio::test]
async fn a_private_authority_can_be_trusted_by_a_parameter() -> Result<()> {
    let authority = Authority::new()?;
    let stack = world().stack("private-authority", &[("ExtraCaPem", &authority.pem())]).await?;
    let tenant = stack.tenant("trusted").await?;
    let server = Sockets::with_tls(authority.acceptor("127.0.0.1")?).await?;
    let attempt = first_attempt(&tenant, server.url("https", "127.0.0.1")).await?;
    assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Success, 200), "{}", attempt.response);
    let elsewhere = Sockets::with_tls(authority.acceptor("elsewhere.example")?).await?;
    assert_fault(&tenant, elsewhere.url("https", "127.0.0.1"), "tls").await?;
    let others = world().main().await?.tenant("distrusted").await?;
    assert_fault(&others, server.url("https", "127.0.0.1"), "tls").await?;
    Ok(())
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() -> Result<()> {
    let tenant = world().main().await?.tenant("timeout").await?;
    tenant.receiver.on("/late", |_, _| Reply::status(200).after(Duration::from_secs(30)));
    let attempt = assert_fault(&tenant, tenant.receiver.url("/late"), "timeout").await?;
    assert!((5_000..7_000).contains(&attempt.response_duration_ms), "{} ms", attempt.response_duration_ms);
    Ok(())
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_fault() -> Result<()> {
    let tenant = world().main().await?.tenant("protocol").await?;
    let server = Sockets::answering("220 mail.example ESMTP\r\n\r\n").await?;
    assert_fault(&tenant, server.url("http", "127.0.0.1"), "protocol").await?;
    Ok(())
}

#[tokio::test]
async fn an_error_page_is_recorded_as_it_came() -> Result<()> {
    let tenant = world().main().await?.tenant("status").await?;
    for (status, body) in [(404, "<!doctype html><title>Not here</title>"), (400, "{\"no\":\"thanks\"}"), (503, "")] {
        let path = format!("/{status}");
        tenant.receiver.on(&path, move |_, _| Reply::status(status).body(body));
        let attempt = first_attempt(&tenant, tenant.receiver.url(&path)).await?;
        assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Fail, i16::try_from(status)?));
        assert_eq!(attempt.response, body);
    }
    Ok(())
}

#[tokio::test]
async fn of_a_body_16_kib_are_kept_and_what_is_not_text_is_marked() -> Result<()> {
    let tenant = world().main().await?.tenant("bodies").await?;
    for (path, body, kept) in [
        ("/large", vec![b'x'; 1024 * 1024], "x".repeat(LIMIT)),
        ("/cut-between-characters", "€".repeat(LIMIT).into_bytes(), "€".repeat(LIMIT / 3)),
        ("/not-text", b"caf\xe9 \xff\xfe!".to_vec(), "caf\u{fffd} \u{fffd}\u{fffd}!".to_owned()),
        ("/with-nul", b"a\0b".to_vec(), "a\0b".to_owned()),
    ] {
        tenant.receiver.on(path, move |_, _| Reply::status(200).body(body.clone()));
        let attempt = first_attempt(&tenant, tenant.receiver.url(path)).await?;
        assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Success, 200));
        assert!(attempt.response == kept, "{path}: {} bytes", attempt.response.len());
    }
    Ok(())
}

#[tokio::test]
async fn a_body_without_end_is_read_no_further() -> Result<()> {
    let tenant = world().main().await?.tenant("endless").await?;
    let server = Sockets::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    })
    .await?;
    let attempt = first_attempt(&tenant, server.url("http", "127.0.0.1")).await?;
    assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Success, 200));
    assert!(attempt.response == "x".repeat(LIMIT), "{} bytes", attempt.response.len());
    Ok(())
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_does_not_undo_the_status() -> Result<()> {
    let tenant = world().main().await?.tenant("dawdling").await?;
    let server = Sockets::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthe beginning").await?;
        tokio::time::sleep(PATIENCE).await;
        Ok(())
    })
    .await?;
    let attempt = first_attempt(&tenant, server.url("http", "127.0.0.1")).await?;
    assert_eq!((attempt.status, attempt.response_status_code), (MessageStatus::Success, 200));
    assert_eq!(attempt.response, "the beginning");
    Ok(())
}
