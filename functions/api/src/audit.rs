//! The audit log: one line for every request that changes something, or is refused to, and for every look at a signing
//! secret. It is written here, around all handlers, so that none can forget it.
//!
//! A line has the target `audit`, and tells who (`org`, `app`, `token`, `subject`), what (`action`: method and route;
//! `objects`: what the path names; `made`: the id or name of what is answered), what came of it (`status`), and from
//! where (`request_id` of API Gateway, `source_ip`). Never a body, a token or a secret.

use std::sync::{Arc, OnceLock};

use axum::{
    body::{Body, to_bytes},
    extract::{MatchedPath, RawPathParams, Request},
    middleware::Next,
    response::Response,
};
use http::Method;
use lambda_http::{RequestExt as _, request::RequestContext};
use postrider_core::token::{Caller, Scope};
use serde::Deserialize;

use crate::rights;

/// Where [`crate::call::Call`] leaves who it has let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actor(Arc<OnceLock<Caller>>);

impl Actor {
    /// Notes the caller.
    pub(crate) fn is(&self, caller: &Caller) {
        let _ = self.0.set(caller.clone());
    }
}

/// A parameter of a path that is a secret by itself.
const SECRET_PARAMETER: &str = "token";

/// Runs the handler, and logs what came of it.
pub(crate) async fn log(route: MatchedPath, params: RawPathParams, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    if !is_audited(&method, route.as_str()) {
        return next.run(request).await;
    }
    let (actor, origin) = (Actor::default(), Origin::of(&request));
    request.extensions_mut().insert(actor.clone());
    let (head, body) = next.run(request).await.into_parts();
    // It is in memory already.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let made = if head.status.is_success() { Named::of(&body) } else { None };
    let named = params.iter().filter(|(name, _)| *name != SECRET_PARAMETER).map(|(_, value)| value);
    let objects = named.collect::<Vec<_>>().join(" ");
    let (caller, status) = (actor.0.get(), head.status.as_u16());
    let token = caller.and_then(|caller| caller.token.as_ref());
    tracing::info!(
        target: "audit",
        org = caller.map(|caller| caller.org.as_str()),
        app = caller.and_then(|caller| caller.app).map(tracing::field::display),
        token = token.map(|token| token.id.as_str()),
        subject = token.and_then(|token| token.subject.as_deref()),
        action = format_args!("{method} {}", route.as_str()),
        objects,
        made,
        status,
        request_id = origin.request_id,
        source_ip = origin.source_ip,
        "Audited"
    );
    Response::from_parts(head, Body::from(body))
}

fn is_audited(method: &Method, route: &str) -> bool {
    !matches!(*method, Method::GET | Method::HEAD) || rights::needed(method, route) == Some(Scope::ReadSecrets)
}

/// Where a request came from.
#[derive(Default)]
struct Origin {
    request_id: Option<String>,
    source_ip: Option<String>,
}

impl Origin {
    fn of(request: &Request) -> Self {
        match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                Self { request_id: context.request_id.clone(), source_ip: context.http.source_ip.clone() }
            }
            _ => Self::default(),
        }
    }
}

/// What names a thing in an answer.
#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
}

impl Named {
    fn of(body: &[u8]) -> Option<String> {
        let named: Self = serde_json::from_slice(body).ok()?;
        named.id.or(named.name)
    }
}
