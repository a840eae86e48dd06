//! Response bodies: bounded in size and in time, and without a say in the outcome.

use std::time::{Duration, Instant};

use postrider_core::outbound::{Outbound, RESPONSE_LIMIT, Sender};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

use crate::server::{AMPLE, SHORT, Server, answer, flood, local, outbound, read_request, send_to};

fn with_length(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Says what it has to say after reading the request, and then holds the connection until the client closes it.
async fn stalling(said: &'static str) -> Server {
    Server::start(move |mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(said.as_bytes()).await.unwrap();
        stream.read_u8().await.unwrap_err();
    })
    .await
}

#[tokio::test]
async fn every_status_is_an_answer_with_its_body() {
    for status in [200, 204, 304, 404, 410, 429, 500, 503] {
        let body = if matches!(status, 204 | 304) { "" } else { "why" };
        let server =
            Server::answering(format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
        assert_eq!(send_to(&server).await.result, Ok(answer(status, body)));
    }
}

#[tokio::test]
async fn the_headers_that_mean_something_are_kept_once_each_and_no_others() {
    let long = "x".repeat(1025);
    let head = format!(
        "HTTP/1.1 429 X\r\ncontent-length: 0\r\nserver: x\r\nRetry-After: 120\r\nretry-after: 5\r\n\
         WebHook-Allowed-Origin: *\r\nwebhook-allowed-rate: \u{e9}\r\nwebhook-delivery: {long}\r\n\r\n"
    );
    let kept = send_to(&Server::answering(head).await).await.result.unwrap();
    let expected = [("retry-after", "120"), ("webhook-allowed-origin", "*")];
    assert_eq!(kept.headers, expected.map(|(name, value)| (name, value.to_owned())));
    let longest = &long[1..];
    let head = format!("HTTP/1.1 204 X\r\nwebhook-delivery: {longest}\r\n\r\n");
    let kept = send_to(&Server::answering(head).await).await.result.unwrap();
    assert_eq!(kept.header("webhook-delivery"), Some(longest));
}

#[tokio::test]
async fn a_body_in_chunks_is_put_together_and_not_decompressed() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::answering(format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).await;
    assert_eq!(send_to(&server).await.result, Ok(answer(200, "abcde")));
}

#[tokio::test]
async fn a_body_of_the_limit_is_whole_and_one_beyond_is_cut() {
    for length in [RESPONSE_LIMIT, RESPONSE_LIMIT + 1, 10 * RESPONSE_LIMIT] {
        let server = Server::answering(with_length(&vec![b'x'; length])).await;
        assert_eq!(send_to(&server).await.result, Ok(answer(200, &"x".repeat(RESPONSE_LIMIT))), "{length}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_connection_dropped() {
    let (gone, mut told) = mpsc::unbounded_channel();
    let server = Server::start(move |stream| {
        let gone = gone.clone();
        async move {
            flood(stream, b"HTTP/1.1 200 OK\r\n\r\n").await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let begin = Instant::now();
    assert_eq!(send_to(&server).await.result, Ok(answer(200, &"x".repeat(RESPONSE_LIMIT))));
    assert!(begin.elapsed() < Duration::from_secs(2), "did not wait for the end");
    told.recv().await.unwrap();
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_shown_as_far_as_it_can_be() {
    let server = Server::answering(with_length(b"a\xffb\0\xc3\xa9")).await;
    assert_eq!(send_to(&server).await.result, Ok(answer(200, "a\u{fffd}b\0é")));
    let server = Server::answering(with_length(&vec![0xff; RESPONSE_LIMIT])).await;
    let body = send_to(&server).await.result.unwrap().body;
    assert!(body.len() <= RESPONSE_LIMIT && body.chars().all(|c| c == '\u{fffd}'));
}

#[tokio::test]
async fn a_body_that_stalls_leaves_the_status_and_what_had_come() {
    let server = stalling("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    // The attempt's timeout ends it, or the client's patience with bodies where that is shorter.
    for (timeout, at_most) in [(SHORT, AMPLE / 10), (AMPLE, AMPLE / 4)] {
        let begin = Instant::now();
        let request = Outbound { timeout, ..outbound(server.url("http", "127.0.0.1")) };
        let exchange = local().send(request).await;
        assert_eq!(exchange.result, Ok(answer(200, "abc")));
        assert!(exchange.duration < begin.elapsed(), "the duration is that of the headers");
        assert!(begin.elapsed() < at_most);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_status_and_what_had_come() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 500 X\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    })
    .await;
    assert_eq!(send_to(&server).await.result, Ok(answer(500, "abc")));
    let garbled = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nnot hexadecimal\r\n";
    assert_eq!(send_to(&Server::answering(garbled).await).await.result, Ok(answer(200, "abc")));
}
