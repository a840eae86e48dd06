//! What arrives at the server is what was asked for.

use std::sync::Arc;

use postrider_core::{
    manner::Method,
    outbound::{Outbound, Sender},
};
use tokio::{io::AsyncWriteExt, sync::mpsc};

use crate::server::{Server, answer, local, outbound, read_request};

/// Sends to a server of its own and returns the request as it arrived: its head in lines, and its body.
async fn arrived(credentials: &str, headers: &[(&str, &str)], body: &[u8]) -> (Vec<String>, Vec<u8>) {
    arrived_by(Method::Post, credentials, headers, body).await
}

async fn arrived_by(
    method: Method,
    credentials: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (Vec<String>, Vec<u8>) {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 204 OK\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let url = server.url("http", &format!("{credentials}127.0.0.1")) + "/a%20b?c=d#fragment";
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Outbound { method, headers, body: Arc::from(body), ..outbound(url) };
    assert_eq!(local().send(request).await.result, Ok(answer(204, "")));
    let request = requests.recv().await.unwrap();
    let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let port = server.address.port().to_string();
    let head = String::from_utf8(request[..end].to_vec()).unwrap().replace(&port, "PORT");
    (head.lines().map(str::to_owned).collect(), request[end + 4..].to_vec())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines[1..].sort();
    lines
}

#[tokio::test]
async fn the_request_is_a_post_of_the_exact_bytes_with_the_given_headers() {
    let body: Vec<u8> = (0..=u8::MAX).cycle().take(300_000).collect();
    let headers = [("Webhook-Id", "msg_1"), ("x-twice", "one"), ("X-Twice", "two"), ("user-agent", "Postrider/1")];
    let (head, received) = arrived("", &headers, &body).await;
    let expected = [
        "POST /hook/a%20b?c=d HTTP/1.1",
        "accept: */*",
        "content-length: 300000",
        "host: 127.0.0.1:PORT",
        "user-agent: Postrider/1",
        "webhook-id: msg_1",
        "x-twice: one",
        "x-twice: two",
    ];
    assert_eq!(sorted(head), expected);
    assert!(received == body);
}

#[tokio::test]
async fn an_empty_body_has_a_length_too() {
    let (head, body) = arrived("", &[], b"").await;
    assert!(head.contains(&"content-length: 0".to_owned()), "{head:?}");
    assert_eq!(body, b"");
}

#[tokio::test]
async fn the_method_is_the_one_that_was_asked_for() {
    for (method, name) in [(Method::Post, "POST"), (Method::Put, "PUT"), (Method::Patch, "PATCH")] {
        let (head, body) = arrived_by(method, "", &[("webhook-id", "msg_1")], b"{}").await;
        assert_eq!(head[0], format!("{name} /hook/a%20b?c=d HTTP/1.1"));
        assert!(head.contains(&"content-length: 2".to_owned()), "{head:?}");
        assert_eq!(body, b"{}");
    }
}

#[tokio::test]
async fn options_has_no_body_and_says_nothing_of_one() {
    let (head, body) = arrived_by(Method::Options, "", &[("webhook-request-origin", "a.example")], b"{}").await;
    let expected = [
        "OPTIONS /hook/a%20b?c=d HTTP/1.1",
        "accept: */*",
        "host: 127.0.0.1:PORT",
        "webhook-request-origin: a.example",
    ];
    assert_eq!(sorted(head), expected);
    assert_eq!(body, b"");
}

#[tokio::test]
async fn credentials_in_the_url_become_basic_authentication() {
    let expected = [("user:p%40ss@", "dXNlcjpwQHNz"), ("user@", "dXNlcjo="), (":pass@", "OnBhc3M=")];
    for (credentials, encoded) in expected {
        let (head, _) = arrived(credentials, &[], b"").await;
        assert!(head.contains(&format!("authorization: Basic {encoded}")), "{credentials}: {head:?}");
        assert!(head.contains(&"host: 127.0.0.1:PORT".to_owned()), "{head:?}");
    }
}

#[tokio::test]
async fn an_authorization_header_wins_over_credentials_in_the_url() {
    let (head, _) = arrived("user:pass@", &[("Authorization", "Bearer token")], b"").await;
    let sent: Vec<_> = head.iter().filter(|line| line.starts_with("authorization")).collect();
    assert_eq!(sent, ["authorization: Bearer token"]);
}

#[tokio::test]
async fn requests_share_a_connection() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let sender = local();
    for _ in 0..3 {
        let exchange = sender.send(outbound(server.url("http", "127.0.0.1"))).await;
        assert_eq!(exchange.result, Ok(answer(200, "ok")));
    }
    assert_eq!(server.connections(), 1);
}
