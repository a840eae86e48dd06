//! Hand-written servers, which can misbehave as no library would let them, and what the tests send with.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use postrider_core::{
    manner::Method,
    outbound::{Answer, Exchange, Outbound, Sender},
};
use postrider_egress::{AddressPolicy, Egress};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Long enough for anything here that ends by itself.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

/// For what can only end by the timeout.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A listener on loopback that runs one handler per connection.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start<F>(handler: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handler(stream));
            }
        });
        Self { address, connections, accepting }
    }

    /// Answers every request with these bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                while read_request(&mut stream).await.is_some() {
                    stream.write_all(&answer).await.ok();
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/hook", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One HTTP/1 request, head and body, byte for byte; `None` when there is no other.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(request.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    request.extend(body);
    Some(request)
}

/// Reads a request and then writes as long as the client takes it. Returns when the client has gone.
pub(crate) async fn flood(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &[u8]) {
    read_request(&mut stream).await;
    let mut next = stream.write_all(head).await;
    while next.is_ok() {
        next = stream.write_all(&[b'x'; 4096]).await;
    }
}

/// May reach this machine, with and without TLS.
pub(crate) fn local() -> Egress {
    Egress::new(AddressPolicy::parse("127.0.0.0/8,::1/128").unwrap(), None).unwrap()
}

/// May reach public addresses only, as in production.
pub(crate) fn strict() -> Egress {
    Egress::new(AddressPolicy::default(), None).unwrap()
}

pub(crate) fn outbound(url: impl Into<String>) -> Outbound {
    Outbound { method: Method::Post, url: url.into(), headers: Vec::new(), body: Arc::from(*b"{}"), timeout: AMPLE }
}

/// Sends to the server without TLS.
pub(crate) async fn send_to(server: &Server) -> Exchange {
    local().send(outbound(server.url("http", "127.0.0.1"))).await
}

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned(), headers: Vec::new() }
}
