//! An endpoint of a customer: records every request, and answers as it is told.

use std::{
    collections::HashMap,
    fmt,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming};
use tokio::{sync::watch, time};

use crate::server::{Answer, HangUp, Server};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// When its body was complete.
    pub at: Instant,
    /// The same moment by the clock.
    pub time: SystemTime,
    /// `POST`, and so on.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// Names in lower case, in the order in which each first appeared.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Bytes,
}

impl Received {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// How to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Besides those that every answer has.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long to think first.
    pub delay: Duration,
    /// Close the connection instead of answering.
    pub hang_up: bool,
}

impl Reply {
    /// An empty answer with that status, at once.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delay: Duration::ZERO, hang_up: false }
    }

    /// The same, with that body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same, with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// No answer: the connection is closed.
    pub fn hang_up() -> Self {
        Self { hang_up: true, ..Self::status(200) }
    }
}

type Script = Arc<dyn Fn(&Received, usize) -> Reply + Send + Sync>;

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    received: Mutex<HashMap<String, Vec<Received>>>,
    /// Changes with every request.
    arrivals: watch::Sender<u64>,
}

/// A receiver on a loopback port of its own, until it is dropped.
pub struct Receiver {
    server: Server,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Listens on a free port.
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let server = Server::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, move |request| {
            let shared = Arc::clone(&serving);
            async move { shared.answer(request).await }
        })?;
        Ok(Self { server, shared })
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// How to answer requests for a path: given the request, and how many came before it plus one. Without a script
    /// the answer is an empty 200.
    pub fn on(&self, path: &str, script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) {
        lock(&self.shared.scripts).insert(path.to_owned(), Arc::new(script));
    }

    /// What has come in for a path until now, in order.
    pub fn received(&self, path: &str) -> Vec<Received> {
        lock(&self.shared.received).get(path).cloned().unwrap_or_default()
    }

    /// Waits until at least `count` requests for a path have come in, and returns all of them.
    pub async fn wait_for(&self, path: &str, count: usize, limit: Duration) -> Result<Vec<Received>> {
        let mut arrivals = self.shared.arrivals.subscribe();
        let enough = async {
            loop {
                arrivals.mark_unchanged();
                let received = self.received(path);
                if received.len() >= count || arrivals.changed().await.is_err() {
                    return received;
                }
            }
        };
        match time::timeout(limit, enough).await {
            Ok(received) => Ok(received),
            Err(_) => bail!("{} of {count} requests for {path} came within {limit:?}", self.received(path).len()),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("address", &self.server.address()).finish_non_exhaustive()
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let received = record(request).await?;
        let script = lock(&self.scripts).get(&received.path).cloned();
        let nth = self.keep(received.clone());
        let reply = script.map_or_else(|| Reply::status(200), |script| script(&received, nth));
        time::sleep(reply.delay).await;
        if reply.hang_up {
            return Err(HangUp);
        }
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(name, value);
        }
        response.body(Full::new(reply.body)).map_err(|_| HangUp)
    }

    /// How many there are now.
    fn keep(&self, received: Received) -> usize {
        let nth = {
            let mut all = lock(&self.received);
            let path = all.entry(received.path.clone()).or_default();
            path.push(received);
            path.len()
        };
        self.arrivals.send_modify(|count| *count += 1);
        nth
    }
}

async fn record(request: Request<Incoming>) -> Result<Received, HangUp> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
    let headers = parts.headers.iter();
    Ok(Received {
        at: Instant::now(),
        time: SystemTime::now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(ToOwned::to_owned),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
