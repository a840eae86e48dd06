//! The API on a port of its own. The local AWS serves it below a long path; clients want it at the root, as on AWS.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header,
    http::{request::Parts, uri::PathAndQuery},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    emulator::Emulator,
    server::{Answer, HangUp, Server},
};

/// The port of `cargo run`.
pub const DEFAULT_PORT: u16 = 8080;
/// API Gateway takes no larger request body.
const LIMIT: usize = 10 * 1024 * 1024;
/// They belong to one connection, not to the request.
const HOP_BY_HOP: [header::HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A loopback port, taken before anything slow begins.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Takes the port; any free one for 0.
    pub fn bind(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        Ok(Self(listener.with_context(|| format!("port {port} on 127.0.0.1 cannot be used"))?))
    }

    /// The port that it is.
    pub fn port(&self) -> Result<u16> {
        Ok(self.0.local_addr()?.port())
    }
}

/// The API at `http://127.0.0.1:<port>`, until this is dropped.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
}

/// A request, and what it was answered with.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was sent, without the query.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer.
    pub headers: &'a HeaderMap,
    /// The body of the answer.
    pub body: &'a [u8],
}

/// Looks at every answer.
type Watch = dyn Fn(&Exchange<'_>) -> Result<(), String> + Send + Sync;

#[derive(Clone)]
struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    base: Arc<str>,
    watch: Arc<Watch>,
}

impl Proxy {
    /// Serves the API with that id (the template's output `ApiId`).
    pub fn start(listener: Listener, api_id: &str, emulator: &Emulator) -> Result<Self> {
        Self::watched(listener, api_id, emulator, |_| Ok(()))
    }

    /// The same, with an eye on every answer. What it does not like, and why, is told to the caller in place of the
    /// answer, with 418.
    pub fn watched(
        listener: Listener,
        api_id: &str,
        emulator: &Emulator,
        watch: impl Fn(&Exchange<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<Self> {
        let upstream = Upstream {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: format!("{}/_aws/execute-api/{api_id}/$default", emulator.endpoint()).into(),
            watch: Arc::new(watch),
        };
        let server = Server::start(listener.0, move |request| {
            let upstream = upstream.clone();
            async move { upstream.answer(request).await }
        })?;
        Ok(Self { server })
    }

    /// Where clients find the API, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }
}

impl Upstream {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"));
            }
            Err(_) => return Err(HangUp),
        };
        let answer = self.forward(parts, body).await;
        Ok(answer.unwrap_or_else(|error| refusal(StatusCode::BAD_GATEWAY, &format!("{error:#}"))))
    }

    /// The path and query go on exactly as they were sent.
    async fn forward(&self, mut parts: Parts, body: Bytes) -> Result<Response<Full<Bytes>>> {
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let rest = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        parts.uri = format!("{}{rest}", self.base).parse()?;
        strip(&mut parts.headers);
        parts.headers.remove(header::HOST);
        parts.headers.remove(header::CONTENT_LENGTH);
        let request = Request::from_parts(parts, Full::new(body));
        let (mut parts, body) = self.client.request(request).await?.into_parts();
        strip(&mut parts.headers);
        let body = body.collect().await?.to_bytes();
        let (status, headers) = (parts.status.as_u16(), &parts.headers);
        let seen = Exchange { method: method.as_str(), path: &path, status, headers, body: &body };
        if let Err(why) = (self.watch)(&seen) {
            return Ok(refusal(StatusCode::IM_A_TEAPOT, &why));
        }
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

/// In the words of API Gateway.
fn refusal(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
