//! The ingest function: `POST /api/v1/app/{app_id}/msg`.

use std::borrow::Cow;

use lambda_http::{
    Body, Request, RequestExt as _, Response,
    http::{Method, StatusCode, header},
};
use percent_encoding::percent_decode_str;
use postrider_core::{
    claim::fingerprint,
    history::message_out,
    ports::{Ambient, Claims, Jobs, Keys, Messages, Outbox, Paces, Subscribers},
    problem::{Problem, from_json},
    publish::{Draft, Publisher, Repeatable},
};
use postrider_web::{Answer, Keyed, Query, authenticate, idempotency_key, json, respond, within_limit};

/// What the function works with.
#[derive(Debug)]
pub struct Ingest<D, L, Q, K, A> {
    publisher: Publisher<D, L, Q, A>,
    keys: K,
    ambient: A,
}

impl<D, L, Q, K, A> Ingest<D, L, Q, K, A>
where
    D: Subscribers,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    K: Keys,
    A: Ambient,
{
    /// Publishes with this publisher, for callers whose tokens these keys signed.
    pub const fn new(publisher: Publisher<D, L, Q, A>, keys: K, ambient: A) -> Self {
        Self { publisher, keys, ambient }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        // API Gateway routes nothing else here; a direct invocation may.
        let Some(app) = application(request.raw_http_path()) else { return empty(StatusCode::NOT_FOUND) };
        if request.method() != Method::POST {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            return response;
        }
        respond(self.publish(&app, &request).await)
    }

    async fn publish(&self, app: &str, request: &Request) -> Result<Answer, Problem> {
        let raw_query = request.uri().query();
        let with_content = Query::parse(raw_query).flag("with_content", true)?;
        let caller = authenticate(&self.keys, request.headers(), self.ambient.now()).await?;
        caller.must_be_organization()?;
        let body = within_limit(request.body())?;
        let draft: Draft<'_> = from_json(body)?;
        let query = raw_query.unwrap_or_default();
        let path = request.raw_http_path();
        let repeatable = match idempotency_key(request.headers())? {
            Some(key) => {
                let Keyed { key, fingerprint } = Keyed::new(&caller, &key, "POST", path, query, body);
                Repeatable { key: Some(key), fingerprint }
            }
            None => Repeatable { key: None, fingerprint: fingerprint(&[path.as_bytes(), query.as_bytes(), body]) },
        };
        let message = self.publisher.publish(&caller.org, app, &draft, &repeatable).await?;
        tracing::info!(
            app = %message.app, msg = %message.id, endpoints = message.endpoints.len(), held = message.held.len(),
            fans_out = message.fans_out,
            "published"
        );
        json(202, &message_out(&message, with_content))
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// The application's id or uid in the path, decoded. What is not UTF-8 becomes what no application can be called.
fn application(path: &str) -> Option<Cow<'_, str>> {
    let rest = path.trim_end_matches('/').strip_prefix("/api/v1/app/")?;
    let segment = rest.strip_suffix("/msg")?;
    let plain = !segment.is_empty() && !segment.contains('/');
    plain.then(|| percent_decode_str(segment).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_one_segment_of_the_path() {
        assert_eq!(application("/api/v1/app/acme/msg").as_deref(), Some("acme"));
        assert_eq!(application("/api/v1/app/a%2Fb/msg/").as_deref(), Some("a/b"));
        assert_eq!(application("/api/v1/app/%ff/msg").as_deref(), Some("\u{fffd}"));
        for path in ["/api/v1/app//msg", "/api/v1/app/a/b/msg", "/api/v1/app/a", "/"] {
            assert_eq!(application(path), None, "{path}");
        }
    }
}
