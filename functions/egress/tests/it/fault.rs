//! Every way of not getting a response has its name.

use std::time::Instant;

use postrider_core::outbound::{Fault, Outbound, Sender};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::server::{AMPLE, SHORT, Server, answer, flood, local, outbound, read_request, send_to, strict};

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout_after_the_timeout() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.read_u8().await.unwrap_err();
    })
    .await;
    let request = Outbound { timeout: SHORT, ..outbound(server.url("http", "127.0.0.1")) };
    let exchange = local().send(request).await;
    assert_eq!(exchange.result, Err(Fault::Timeout));
    assert!(exchange.duration >= SHORT && exchange.duration < AMPLE / 4, "{:?}", exchange.duration);
}

#[tokio::test]
async fn headers_that_drip_do_not_prolong_the_timeout() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        let mut next = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while next.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
            next = stream.write_all(b"x").await;
        }
    })
    .await;
    let request = Outbound { timeout: SHORT, ..outbound(server.url("http", "127.0.0.1")) };
    assert_eq!(local().send(request).await.result, Err(Fault::Timeout));
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_a_timeout() {
    let server = Server::start(|mut stream| async move { while stream.read_u8().await.is_ok() {} }).await;
    let request = Outbound { timeout: SHORT, ..outbound(server.url("https", "localhost")) };
    assert_eq!(local().send(request).await.result, Err(Fault::Timeout));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_connect_fault() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let exchange = local().send(outbound(format!("{scheme}://{free}/"))).await;
        assert_eq!(exchange.result, Err(Fault::Connect), "{scheme}");
    }
}

#[tokio::test]
async fn a_connection_closed_or_reset_before_the_response_is_a_connect_fault() {
    let at_once = Server::start(|stream| async move { drop(stream) }).await;
    let after_request = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let reset = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let amid_head = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-").await.unwrap();
    })
    .await;
    for server in [&at_once, &after_request, &reset, &amid_head] {
        assert_eq!(send_to(server).await.result, Err(Fault::Connect));
        assert_eq!(server.connections(), 1, "and it is not tried again here");
    }
    let exchange = local().send(outbound(at_once.url("https", "localhost"))).await;
    assert_eq!(exchange.result, Err(Fault::Connect), "amid the TLS handshake");
}

/// The server may have acted on it: whether to send again is for the retry schedule.
#[tokio::test]
async fn a_request_that_was_sent_on_a_reused_connection_is_not_sent_again() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            seen.send(read_request(&mut stream).await).unwrap();
        }
    })
    .await;
    let sender = local();
    let request = outbound(server.url("http", "127.0.0.1"));
    assert_eq!(sender.send(request.clone()).await.result, Ok(answer(200, "")));
    assert_eq!(sender.send(request).await.result, Err(Fault::Connect));
    assert_eq!(server.connections(), 1);
    assert!(requests.recv().await.unwrap().is_some() && requests.recv().await.unwrap().is_some());
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_fault() {
    for garbage in ["SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0\0\0\0\0\r\n", "HTTP/1.1 OK\r\n\r\n", "<html></html>\r\n\r\n"] {
        let server = Server::answering(garbage).await;
        assert_eq!(send_to(&server).await.result, Err(Fault::Protocol), "{garbage:?}");
    }
}

#[tokio::test]
async fn a_greeting_before_the_request_is_a_protocol_fault() {
    let server = Server::start(|mut stream| async move {
        stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
        while stream.read_u8().await.is_ok() {}
    })
    .await;
    assert_eq!(send_to(&server).await.result, Err(Fault::Protocol));
}

#[tokio::test]
async fn response_headers_without_end_are_a_protocol_fault() {
    let long = Server::start(|stream| flood(stream, b"HTTP/1.1 200 OK\r\nx: ")).await;
    let many = Server::answering(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101))).await;
    for server in [long, many] {
        let begin = Instant::now();
        assert_eq!(send_to(&server).await.result, Err(Fault::Protocol));
        assert!(begin.elapsed().as_secs() < 5);
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_dns_fault() {
    for url in ["https://nonexistent.invalid/", "https://nonexistent.invalid./x"] {
        assert_eq!(strict().send(outbound(url)).await.result, Err(Fault::Dns), "{url}");
    }
    assert_eq!(local().send(outbound("http://nonexistent.invalid/")).await.result, Err(Fault::Dns));
}

#[tokio::test]
async fn what_cannot_be_sent_is_invalid() {
    for url in [
        "",
        "/hook",
        "nonsense",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://a b/",
        "https://%FF:x@example.com/",
    ] {
        assert_eq!(strict().send(outbound(url)).await.result, Err(Fault::Invalid), "{url:?}");
    }
    let bad = [
        ("", "x"),
        ("a b", "x"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("é", "x"),
        ("Content-Length", "1"),
        ("transfer-encoding", "chunked"),
    ];
    for (name, value) in bad {
        let mut request = outbound("https://example.com/");
        request.headers = vec![(name.to_owned(), value.to_owned())];
        assert_eq!(strict().send(request).await.result, Err(Fault::Invalid), "{name}: {value}");
    }
}
