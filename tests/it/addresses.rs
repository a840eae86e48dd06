//! The sender is not turned against its own network.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{Sockets, Tenant, eventually, read_request, world};
use serde_json::json;
use svix::models::{EndpointIn, EndpointOut, MessageStatus};
use tokio::net::TcpStream;

const BLOCKED: &str = "blocked address: endpoints must be on public addresses";

/// Publishes to an endpoint at each URL, and gives what each first attempt recorded: its status and its response.
async fn first_attempts(tenant: &Tenant, urls: &[String]) -> Result<Vec<(i16, String)>> {
    let mut endpoints: Vec<EndpointOut> = Vec::new();
    for url in urls {
        endpoints.push(tenant.endpoint_with(EndpointIn::new(url.clone())).await?);
    }
    let message = tenant.publish("invoice.paid", json!({})).await?;
    eventually("every endpoint was attempted", || async {
        let attempts = tenant.attempts(&message.id).await?;
        let first = |endpoint: &EndpointOut| {
            let attempt = attempts.iter().rev().find(|attempt| attempt.endpoint_id == endpoint.id)?;
            assert_eq!(attempt.status, MessageStatus::Fail, "{}", attempt.url);
            Some((attempt.response_status_code, attempt.response.clone()))
        };
        Ok(endpoints.iter().map(first).collect())
    })
    .await
}

async fn counting() -> Result<Sockets> {
    Sockets::start(|mut stream| async move { read_request(&mut stream).await }).await
}

#[tokio::test]
async fn plain_http_is_refused_where_no_network_is_allowed() -> Result<()> {
    let tenant = world().strict().await?.tenant("plain-http").await?;
    for url in ["http://169.254.169.254/", "http://example.com/", "http://127.0.0.1/"] {
        let reply = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &json!({"url": url})).await?;
        reply.assert_invalid(&["body", "url"]);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_connects_to_an_address_that_is_not_public() -> Result<()> {
    let tenant = world().strict().await?.tenant("strict").await?;
    let server = counting().await?;
    let port = server.address().port();
    // Several are spellings of 127.0.0.1, and one is a name that resolves to it.
    let ours = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
    ];
    let others =
        ["[::ffff:10.0.0.1]", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "10.0.0.1", "100.64.0.1"];
    let ours = ours.iter().map(|host| format!("https://{host}:{port}/"));
    let urls: Vec<_> = ours.chain(others.iter().map(|host| format!("https://{host}/"))).collect();
    for (url, (status, response)) in urls.iter().zip(first_attempts(&tenant, &urls).await?) {
        assert_eq!(status, 0, "{url}");
        assert_eq!(response, BLOCKED, "{url}");
    }
    assert_counts_from_zero(&server).await
}

#[tokio::test]
async fn an_allowed_network_opens_no_other_and_metadata_stays_out_of_reach() -> Result<()> {
    let tenant = world().main().await?.tenant("metadata").await?;
    let urls = ["http://169.254.169.254/", "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/", "https://192.168.0.1/"];
    for (status, response) in first_attempts(&tenant, &urls.map(str::to_owned)).await? {
        assert_eq!(status, 0);
        assert_eq!(response, BLOCKED);
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_a_failure_that_is_never_followed() -> Result<()> {
    let tenant = world().main().await?.tenant("redirect").await?;
    let server = counting().await?;
    let targets = [server.url("http", "127.0.0.1"), "http://10.0.0.1/".into(), "http://169.254.169.254/latest/".into()];
    let mut endpoints = Vec::new();
    for (number, (status, target)) in [301, 302, 303, 307, 308].into_iter().zip(targets.into_iter().cycle()).enumerate()
    {
        let path = format!("/{number}");
        tenant.receiver.on(&path, move |_, nth| match nth {
            1 => Reply::status(status).header("location", &target),
            _ => Reply::status(200),
        });
        endpoints.push((tenant.endpoint(&path).await?, i16::try_from(status)?));
    }
    let message = tenant.publish("invoice.paid", json!({})).await?;
    for (endpoint, status) in endpoints {
        tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
        let mut attempts = tenant.attempts(&message.id).await?;
        attempts.retain(|attempt| attempt.endpoint_id == endpoint.id);
        let statuses: Vec<_> = attempts.iter().map(|attempt| (attempt.status, attempt.response_status_code)).collect();
        assert_eq!(statuses, [(MessageStatus::Success, 200), (MessageStatus::Fail, status)]);
    }
    assert_counts_from_zero(&server).await
}

/// Nobody has connected, and it would have been seen.
async fn assert_counts_from_zero(server: &Sockets) -> Result<()> {
    assert_eq!(server.connections(), 0);
    let _ours = TcpStream::connect(server.address()).await?;
    eventually("the connection is counted", || async { Ok((server.connections() > 0).then_some(())) }).await?;
    assert_eq!(server.connections(), 1);
    Ok(())
}
