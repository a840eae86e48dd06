//! A request of an authenticated caller, and what it is answered with.

use std::{future::Future, sync::Arc};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, MatchedPath},
    response::{IntoResponse, Response},
};
use http::{Request, request};
use postrider_core::{ids::Ksuid, manage::Made, ports::Ambient as _, problem::Problem, token::Caller};
use postrider_web::{Answer, Keyed, Query, authenticate, idempotency_key, json, once, respond, within_limit};
use serde::{Deserialize, Serialize};

use crate::{Api, Parts, audit::Actor, openapi::PREFIX, rights};

/// An authenticated request.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) query: Query,
    head: request::Parts,
    body: Bytes,
}

impl<P: Parts> FromRequest<Arc<Api<P>>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, api: &Arc<Api<P>>) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let caller = let_in(api, &head).await?;
        // It is in memory already: a function gets its whole event at once.
        let unreadable = |_| Problem::refused(400, "generic_error", "The request's body could not be read");
        let body = to_bytes(body, usize::MAX).await.map_err(unreadable)?;
        within_limit(&body)?;
        Ok(Self { caller, query: Query::parse(head.uri.query()), head, body })
    }
}

/// The caller, if they have the scope that the operation needs.
async fn let_in<P: Parts>(api: &Api<P>, head: &request::Parts) -> Result<Caller, Problem> {
    let caller = authenticate(&api.door, &api.keys, &api.record, &head.headers, api.ambient.now()).await?;
    if let Some(actor) = head.extensions.get::<Actor>() {
        actor.is(&caller);
    }
    let route = head.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if let Some(scope) = rights::needed(&head.method, route) {
        caller.must_have(scope)?;
    }
    Ok(caller)
}

impl Call {
    /// The JSON body.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        postrider_core::problem::from_json(&self.body)
    }

    /// The JSON body, which may be left out.
    pub(crate) fn json_if_any<'a, T: Deserialize<'a> + Default>(&'a self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// Refuses an idempotency key that cannot be read, where it has no effect.
    pub(crate) fn check_key(&self) -> Result<(), Problem> {
        idempotency_key(&self.head.headers).map(drop)
    }

    /// Runs what creates something, once in effect for each idempotency key. `run` gets the id of what it creates.
    pub(crate) async fn once<P: Parts, F>(&self, api: &Api<P>, run: impl FnOnce(Ksuid) -> F) -> Outcome
    where
        F: Future<Output = Result<Answer, Problem>>,
    {
        let key = idempotency_key(&self.head.headers)?;
        let uri = &self.head.uri;
        let keyed = key.map(|key| {
            let query = uri.query().unwrap_or_default();
            // Below the prefix, as claims are stored.
            let path = uri.path().strip_prefix(PREFIX).unwrap_or(uri.path());
            Keyed::new(&self.caller, &key, self.head.method.as_str(), path, query, &self.body)
        });
        Ok(Reply(once(&api.record, &api.ambient, keyed.as_ref(), run).await?))
    }
}

/// What a handler gives.
pub(crate) type Outcome = Result<Reply, Refusal>;

/// A 2xx answer.
pub(crate) struct Reply(pub(crate) Answer);

/// A problem.
pub(crate) struct Refusal(Problem);

/// 200 with JSON.
pub(crate) fn ok(value: &impl Serialize) -> Outcome {
    Ok(Reply(json(200, value)?))
}

/// 201 or 200.
pub(crate) fn made<T: Serialize>(made: &Made<T>) -> Result<Answer, Problem> {
    match made {
        Made::Created(value) => json(201, value),
        Made::Existing(value) => json(200, value),
    }
}

/// 204.
pub(crate) const fn done() -> Reply {
    Reply(postrider_web::NO_CONTENT)
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        respond(Ok(self.0)).map(Body::new)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        respond(Err(self.0)).map(Body::new)
    }
}
