//! The management API: applications, endpoints, event types, sources, and the record of messages and attempts.
//!
//! Each handler parses its request, calls one use case of [`postrider_core`], and maps the result. Who may do what is
//! decided there as well: another's application is not found, and an application's token is refused where the
//! organization's is needed.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    middleware::from_fn,
    response::{IntoResponse as _, Response},
};
use http::{Request, Uri, uri::PathAndQuery};
use lambda_http::{Service, service_fn};
use percent_encoding::percent_decode_str;
use postrider_core::{
    access::{Access, Door},
    confirming::Confirmer,
    diagnose::{self, Doctor},
    erase::content::Expunger,
    example::Examples,
    history::History,
    manage::Manager,
    outbound::{Fetcher, Sender},
    poll::Poller,
    ports::{
        Ambient, Confirming, Directory, Expunging, Jobs, Keys, Outbox, Paces, Polling, Recovery, Revocations, Sources,
        Tallying, Tasks,
    },
    probe::Prober,
    problem::Problem,
    recovery::Recoveries,
};

mod applications;
mod attempts;
mod audit;
mod auth;
mod call;
mod confirm;
mod endpoints;
mod event_types;
mod filters;
mod health;
mod messages;
mod on_aws;
mod openapi;
mod organization;
mod pollers;
mod recovery;
mod rights;
mod sources;

use call::Refusal;
pub use on_aws::OnAws;
use openapi::Operations;

/// The implementations that the API runs on.
pub trait Parts: Send + Sync + 'static {
    /// Applications, endpoints, event types and sources.
    type Directory: Directory + Sources + 'static;
    /// Messages, claims, deliveries and revocations.
    type Record: Recovery + Tasks + Confirming + Polling + Revocations + Expunging + Tallying + Paces + 'static;
    /// The root keys.
    type Keys: Keys + 'static;
    /// Time and randomness.
    type Ambient: Ambient + 'static;
    /// Requests to the servers of customers.
    type Sender: Sender + Prober + 'static;
    /// The delivery queues, and the queue of jobs.
    type Queues: Outbox + Jobs + 'static;
    /// Gets the keys of an issuer of tokens.
    type Fetcher: Fetcher + 'static;
}

/// The API and what it runs on.
#[derive(Debug)]
pub struct Api<P: Parts> {
    /// Applications, endpoints, event types and sources.
    pub directory: P::Directory,
    /// Messages, claims, deliveries and revocations.
    pub record: P::Record,
    /// The root keys.
    pub keys: P::Keys,
    /// Time and randomness.
    pub ambient: P::Ambient,
    /// Asks receivers for their consent, and tries endpoints.
    pub sender: P::Sender,
    /// Take deliveries, operational webhooks, tasks and erasures.
    pub queues: P::Queues,
    /// Whether endpoints may use `http`: where networks are allow-listed.
    pub plain_http: bool,
    /// As whom receivers are asked for their consent.
    pub origin: String,
    /// Where this API is, for the URLs of sources.
    pub url: String,
    /// Lets callers in.
    pub door: Door<P::Fetcher>,
    /// Where customers find their portal.
    pub portal_url: String,
    /// How deliveries are made.
    pub delivering: diagnose::Settings,
}

type ManagerOn<'a, P> = Manager<
    'a,
    <P as Parts>::Directory,
    <P as Parts>::Keys,
    <P as Parts>::Ambient,
    <P as Parts>::Sender,
    <P as Parts>::Queues,
>;

type AccessOn<'a, P> =
    Access<'a, <P as Parts>::Directory, <P as Parts>::Record, <P as Parts>::Keys, <P as Parts>::Fetcher>;
type RecoveriesOn<'a, P> =
    Recoveries<'a, <P as Parts>::Directory, <P as Parts>::Record, <P as Parts>::Queues, <P as Parts>::Ambient>;

type DoctorOn<'a, P> = Doctor<
    'a,
    <P as Parts>::Directory,
    <P as Parts>::Record,
    <P as Parts>::Keys,
    <P as Parts>::Ambient,
    <P as Parts>::Sender,
>;

/// What every handler gets.
type Shared<P> = State<Arc<Api<P>>>;

impl<P: Parts> Api<P> {
    fn manager(&self) -> ManagerOn<'_, P> {
        Manager {
            directory: &self.directory,
            keys: &self.keys,
            ambient: &self.ambient,
            sender: &self.sender,
            jobs: &self.queues,
            plain_http: self.plain_http,
            origin: &self.origin,
        }
    }

    fn access(&self) -> AccessOn<'_, P> {
        Access {
            directory: &self.directory,
            revocations: &self.record,
            keys: &self.keys,
            door: &self.door,
            portal_url: &self.portal_url,
        }
    }

    fn doctor(&self) -> DoctorOn<'_, P> {
        Doctor {
            directory: &self.directory,
            paces: &self.record,
            keys: &self.keys,
            ambient: &self.ambient,
            sender: &self.sender,
            settings: &self.delivering,
        }
    }

    fn history(&self) -> History<'_, P::Directory, P::Record> {
        History { directory: &self.directory, record: &self.record, now: self.ambient.now() }
    }

    fn recoveries(&self) -> RecoveriesOn<'_, P> {
        let (directory, record, queues) = (&self.directory, &self.record, &self.queues);
        Recoveries { directory, record, queues, ambient: &self.ambient }
    }

    fn poller(&self) -> Poller<'_, P::Directory, P::Record, P::Ambient> {
        Poller { directory: &self.directory, record: &self.record, ambient: &self.ambient }
    }

    fn expunger(&self) -> Expunger<'_, P::Directory, P::Record, P::Queues, P::Ambient> {
        let (directory, record, jobs, ambient) = (&self.directory, &self.record, &self.queues, &self.ambient);
        Expunger { directory, record, jobs, ambient }
    }

    fn confirmer(&self) -> Confirmer<'_, P::Directory, P::Record, P::Keys, P::Queues> {
        let (directory, record, keys, jobs) = (&self.directory, &self.record, &self.keys, &self.queues);
        Confirmer { directory, record, keys, jobs, now: self.ambient.now() }
    }

    fn examples(&self) -> Examples<'_, P::Directory, P::Record, P::Queues> {
        Examples { directory: &self.directory, messages: &self.record, outbox: &self.queues }
    }

    /// Answers requests.
    pub fn into_service(
        self,
    ) -> impl Service<lambda_http::Request, Response = Response, Error = Infallible, Future: Send> + Clone {
        let router = router::<P>().with_state(Arc::new(self));
        service_fn(move |request: lambda_http::Request| {
            let mut router = router.clone();
            async move {
                match prepared(request.map(Body::new)) {
                    Ok(request) => router.call(request).await,
                    Err(refusal) => Ok(refusal.into_response()),
                }
            }
        })
    }
}

/// What there is under `/api/v1`.
fn operations<P: Parts>() -> Operations<P> {
    applications::operations()
        .merge(endpoints::operations())
        .merge(event_types::operations())
        .merge(filters::operations())
        .merge(messages::operations())
        .merge(attempts::operations())
        .merge(pollers::operations())
        .merge(auth::operations())
        .merge(confirm::operations())
        .merge(health::operations())
        .merge(recovery::operations())
        .merge(organization::operations())
        .merge(sources::operations())
}

/// The OpenAPI document of the whole API.
pub fn openapi() -> serde_json::Value {
    openapi::document(&operations::<OnAws>().into_parts().1)
}

fn router<P: Parts>() -> Router<Arc<Api<P>>> {
    let (routes, documented) = operations().into_parts();
    openapi::serve(documented, routes.route_layer(from_fn(audit::log)))
}

/// Without trailing slashes. A path that is no text names nothing.
fn prepared(mut request: Request<Body>) -> Result<Request<Body>, Refusal> {
    let path = request.uri().path();
    let text = percent_decode_str(path).decode_utf8();
    if !text.is_ok_and(|text| !text.contains('\0')) {
        return Err(Problem::not_found("What the path names was").into());
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() < path.len() && !trimmed.is_empty() {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let target: PathAndQuery =
            format!("{trimmed}{query}").parse().map_err(|_| Problem::not_found("What the path names was"))?;
        *request.uri_mut() = Uri::from(target);
    }
    Ok(request)
}
