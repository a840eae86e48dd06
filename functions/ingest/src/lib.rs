//! The ingest function. It is called for four things:
//! - `POST /api/v1/app/{app_id}/msg` and `…/msg/batch` over HTTP ([`Ingest`]),
//! - what third parties send to `POST /in/{source}`,
//! - messages of the publish queue, and
//! - events of an event bus ([`handed_over`]).
//!
//! All of them publish by [`postrider_core::publish`].

use std::{borrow::Cow, sync::Arc};

use lambda_http::{
    Body, Request, RequestExt as _, Response,
    http::{Method, StatusCode, header},
};
use percent_encoding::percent_decode_str;
use postrider_core::{
    access::Door,
    claim::fingerprint,
    history::message_out,
    metric::Metric,
    outbound::Fetcher,
    ports::{Ambient, Claims, Jobs, Keys, Messages, Outbox, Paces, Revocations, Sources, Subscribers},
    problem::{Problem, from_json},
    publish::{Draft, Publisher, Repeatable},
    receive::Receiver,
    token::{Caller, Scope},
    trace::{self, TraceParent},
};
use postrider_web::{Answer, Keyed, Query, authenticate, idempotency_key, json, respond, within, within_limit};

mod bulk;
mod inputs;
mod receive;

pub use bulk::BULK_BODY_LIMIT;
pub use inputs::handed_over;

/// What the function works with.
#[derive(Debug)]
pub struct Ingest<D, L, Q, A, K, R, F> {
    publisher: Arc<Publisher<D, L, Q, A>>,
    receiver: Receiver<D, K, A>,
    ambient: A,
    keys: K,
    revocations: R,
    door: Door<F>,
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    One(Cow<'a, str>),
    Bulk(Cow<'a, str>),
}

impl<D, L, Q, A, K, R, F> Ingest<D, L, Q, A, K, R, F>
where
    D: Subscribers + Sources,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
    K: Keys,
    R: Revocations,
    F: Fetcher,
{
    /// Publishes with this publisher, for callers whom the door lets in: with tokens that these keys signed, for example,
    /// and that were not revoked; and for the senders of sources.
    pub const fn new(
        publisher: Arc<Publisher<D, L, Q, A>>,
        receiver: Receiver<D, K, A>,
        ambient: A,
        keys: K,
        revocations: R,
        door: Door<F>,
    ) -> Self {
        Self { publisher, receiver, ambient, keys, revocations, door }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let response = self.answer(request).await;
        Metric::Refused.count_all(usize::from(response.status().is_client_error()));
        response
    }

    async fn answer(&self, request: Request) -> Response<Body> {
        if let Some(source) = receive::source(request.raw_http_path()) {
            return self.receive(source, &request).await;
        }
        // API Gateway routes nothing else here; a direct invocation may.
        let Some(route) = route(request.raw_http_path()) else { return empty(StatusCode::NOT_FOUND) };
        if request.method() != Method::POST {
            return not_allowed();
        }
        respond(match route {
            Route::One(app) => self.publish(&app, &request).await,
            Route::Bulk(app) => self.publish_in_bulk(&app, &request).await,
        })
    }

    /// Nothing is done here for anybody who may not publish.
    async fn caller(&self, request: &Request) -> Result<Caller, Problem> {
        let (headers, now) = (request.headers(), self.ambient.now());
        let caller = authenticate(&self.door, &self.keys, &self.revocations, headers, now).await?;
        caller.must_be_organization()?;
        caller.must_have(Scope::Publish)?;
        Ok(caller)
    }

    async fn publish(&self, app: &str, request: &Request) -> Result<Answer, Problem> {
        let with_content = with_content(request)?;
        let caller = self.caller(request).await?;
        let body = within_limit(request.body())?;
        let draft = from_json::<Draft<'_>>(body)?.by(&caller).traced(trace_of(request));
        let repeatable = repeatable(&caller, request, body)?;
        let message = self.publisher.publish(&caller.org, app, &draft, &repeatable).await?;
        tracing::info!(
            app = %message.app, msg = %message.id, endpoints = message.endpoints.len(), held = message.held.len(),
            fans_out = message.fans_out,
            "published"
        );
        Metric::Published.count();
        json(202, &message_out(&message, with_content))
    }

    async fn publish_in_bulk(&self, app: &str, request: &Request) -> Result<Answer, Problem> {
        let with_content = with_content(request)?;
        let caller = self.caller(request).await?;
        let body = within(request.body(), BULK_BODY_LIMIT)?;
        let trace = trace_of(request);
        let drafts =
            bulk::read(body)?.into_iter().map(|draft| draft.map(|draft| draft.by(&caller).traced(trace))).collect();
        let repeatable = repeatable(&caller, request, body)?;
        let outcomes = self.publisher.publish_all(&caller.org, app, drafts, &repeatable).await?;
        let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        Metric::Published.count_all(accepted);
        tracing::info!(app, accepted, refused = outcomes.len() - accepted, "published in bulk");
        bulk::answer(&outcomes, with_content)
    }
}

fn with_content(request: &Request) -> Result<bool, Problem> {
    Query::parse(request.uri().query()).flag("with_content", true)
}

/// The producer's trace; what cannot be read is none.
fn trace_of(request: &Request) -> Option<TraceParent> {
    request.headers().get(trace::HEADER)?.to_str().ok()?.trim().parse().ok()
}

fn repeatable(caller: &Caller, request: &Request, body: &[u8]) -> Result<Repeatable, Problem> {
    let (path, query) = (request.raw_http_path(), request.uri().query().unwrap_or_default());
    Ok(match idempotency_key(request.headers())? {
        Some(key) => {
            let Keyed { key, fingerprint } = Keyed::new(caller, &key, "POST", path, query, body);
            Repeatable { key: Some(key), fingerprint }
        }
        None => Repeatable { key: None, fingerprint: fingerprint(&[path.as_bytes(), query.as_bytes(), body]) },
    })
}

/// 405: here is nothing to look at.
fn not_allowed() -> Response<Body> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// With the application's id or uid in the path, decoded. What is not UTF-8 becomes what no application can be called.
fn route(path: &str) -> Option<Route<'_>> {
    let rest = path.trim_end_matches('/').strip_prefix("/api/v1/app/")?;
    let (segment, is_bulk) = match rest.strip_suffix("/msg/batch") {
        Some(segment) => (segment, true),
        None => (rest.strip_suffix("/msg")?, false),
    };
    if segment.is_empty() || segment.contains('/') {
        return None;
    }
    let app = percent_decode_str(segment).decode_utf8_lossy();
    Some(if is_bulk { Route::Bulk(app) } else { Route::One(app) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_one_segment_of_the_path() {
        let one = |app: &'static str| Some(Route::One(app.into()));
        assert_eq!(route("/api/v1/app/acme/msg"), one("acme"));
        assert_eq!(route("/api/v1/app/a%2Fb/msg/"), one("a/b"));
        assert_eq!(route("/api/v1/app/%ff/msg"), one("\u{fffd}"));
        assert_eq!(route("/api/v1/app/acme/msg/batch"), Some(Route::Bulk("acme".into())));
        for path in ["/api/v1/app//msg", "/api/v1/app/a/b/msg", "/api/v1/app/a/msg/b/batch", "/api/v1/app/a", "/"] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
