//! HTTP/2, which is spoken wherever a server offers it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::{HeaderMap, Request, Response};
use postrider_core::outbound::{Exchange, Fault, RESPONSE_LIMIT, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    server::{Server, answer, outbound},
    tls::Authority,
};

type Respond = SendResponse<Bytes>;

/// Sends to an HTTP/2 server that does this with the n-th request that it sees. Returns how many it saw, too.
async fn exchange(
    react: impl Fn(usize, &Request<h2::RecvStream>, Respond) + Send + Sync + 'static,
) -> (Exchange, usize) {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", "h2");
    let (react, seen) = (Arc::new(react), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&seen);
    let server = Server::start(move |stream| {
        let (acceptor, react, counter) = (acceptor.clone(), Arc::clone(&react), Arc::clone(&counter));
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, respond))) = connection.accept().await {
                react(counter.fetch_add(1, Ordering::SeqCst) + 1, &request, respond);
            }
        }
    })
    .await;
    let url = server.url("https", "user:pass@localhost");
    let exchange = authority.trusted().send(outbound(url)).await;
    (exchange, seen.load(Ordering::SeqCst))
}

fn ok(mut respond: Respond, body: Bytes) {
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    stream.send_data(body, true).unwrap();
}

#[tokio::test]
async fn an_answer_over_http2_is_an_answer() {
    let (exchange, _) = exchange(|_, request, respond| {
        assert_eq!(request.uri().authority().unwrap().host(), "localhost");
        assert!(!request.uri().to_string().contains("pass"), "credentials are in a header, not in the address");
        assert_eq!(request.headers()["authorization"], "Basic dXNlcjpwYXNz");
        assert_eq!(request.headers()["content-length"], "2");
        ok(respond, Bytes::from_static(b"ok"));
    })
    .await;
    assert_eq!(exchange.result, Ok(answer(200, "ok")));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_cut() {
    let (exchange, _) = exchange(|_, _, respond| ok(respond, Bytes::from(vec![b'x'; 4 * RESPONSE_LIMIT]))).await;
    assert_eq!(exchange.result, Ok(answer(200, &"x".repeat(RESPONSE_LIMIT))));
}

#[tokio::test]
async fn a_request_that_the_server_declares_unprocessed_is_sent_again_at_once() {
    let (exchange, seen) = exchange(|count, _, mut respond| match count {
        1 => respond.send_reset(Reason::REFUSED_STREAM),
        _ => ok(respond, Bytes::new()),
    })
    .await;
    assert_eq!(exchange.result, Ok(answer(200, "")));
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn a_stream_that_is_always_refused_is_given_up() {
    let (exchange, seen) = exchange(|_, _, mut respond| respond.send_reset(Reason::REFUSED_STREAM)).await;
    assert_eq!((exchange.result, seen), (Err(Fault::Connect), 3));
}

#[tokio::test]
async fn a_stream_reset_for_any_other_reason_is_a_connect_fault_and_not_sent_again() {
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::PROTOCOL_ERROR] {
        let (exchange, seen) = exchange(move |_, _, mut respond| respond.send_reset(reason)).await;
        assert_eq!((exchange.result, seen), (Err(Fault::Connect), 1), "{reason}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_amid_the_exchange_is_a_connect_fault() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", "h2");
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut connection = h2::server::handshake(acceptor.accept(stream).await.unwrap()).await.unwrap();
            let request = connection.accept().await.unwrap();
            drop(connection);
            drop(request);
        }
    })
    .await;
    let exchange = authority.trusted().send(outbound(server.url("https", "localhost"))).await;
    assert_eq!((exchange.result, server.connections()), (Err(Fault::Connect), 1));
}

#[tokio::test]
async fn what_is_not_http2_is_a_protocol_fault() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", "h2");
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            while stream.read_u8().await.is_ok() {}
        }
    })
    .await;
    let exchange = authority.trusted().send(outbound(server.url("https", "localhost"))).await;
    assert_eq!(exchange.result, Err(Fault::Protocol));
}

#[tokio::test]
async fn response_headers_beyond_the_limit_are_a_protocol_fault() {
    let (exchange, _) = exchange(|_, _, mut respond| {
        let mut headers = HeaderMap::new();
        headers.insert("x-long", "x".repeat(64 * 1024).parse().unwrap());
        let mut response = Response::new(());
        *response.headers_mut() = headers;
        respond.send_response(response, true).unwrap();
    })
    .await;
    assert_eq!(exchange.result, Err(Fault::Protocol));
}
