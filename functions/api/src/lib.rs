//! The management API: applications, endpoints, event types, and the record of messages and attempts.
//!
//! Each handler parses its request, calls one use case of [`postrider_core`], and maps the result. Who may do what is
//! decided there as well: another's application is not found, and an application's token is refused where the
//! organization's is needed.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{Request, Uri, uri::PathAndQuery};
use lambda_http::{Service, service_fn};
use percent_encoding::percent_decode_str;
use postrider_core::{
    confirming::Confirmer,
    diagnose::{self, Doctor},
    erase::content::Expunger,
    history::History,
    manage::Manager,
    outbound::Sender,
    ports::{Ambient, Confirming, Directory, Expunging, Jobs, Keys, Outbox, Paces, Recovery, Tallying, Tasks},
    probe::Prober,
    problem::Problem,
    recovery::Recoveries,
};

mod applications;
mod attempts;
mod call;
mod confirm;
mod endpoints;
mod event_types;
mod health;
mod messages;
mod not_built;
mod recovery;

use call::Refusal;

/// The implementations that the API runs on.
pub trait Parts: Send + Sync + 'static {
    /// Applications, endpoints and event types.
    type Directory: Directory + 'static;
    /// Messages, claims and deliveries.
    type Record: Recovery + Tasks + Confirming + Expunging + Tallying + Paces + 'static;
    /// The root keys.
    type Keys: Keys + 'static;
    /// Time and randomness.
    type Ambient: Ambient + 'static;
    /// Requests to the servers of customers.
    type Sender: Sender + Prober + 'static;
    /// The queue of jobs.
    type Jobs: Jobs + 'static;
    /// The delivery queues.
    type Outbox: Outbox + 'static;
}

/// The API and what it runs on.
#[derive(Debug)]
pub struct Api<P: Parts> {
    /// Applications, endpoints and event types.
    pub directory: P::Directory,
    /// Messages, claims and deliveries.
    pub record: P::Record,
    /// The root keys.
    pub keys: P::Keys,
    /// Time and randomness.
    pub ambient: P::Ambient,
    /// Asks receivers for their consent.
    pub sender: P::Sender,
    /// Takes operational webhooks.
    pub jobs: P::Jobs,
    /// Takes deliveries.
    pub outbox: P::Outbox,
    /// Whether endpoints may use `http`: where networks are allow-listed.
    pub plain_http: bool,
    /// As whom receivers are asked for their consent.
    pub origin: String,
    /// How deliveries are made.
    pub delivering: diagnose::Settings,
}

type ManagerOn<'a, P> = Manager<
    'a,
    <P as Parts>::Directory,
    <P as Parts>::Keys,
    <P as Parts>::Ambient,
    <P as Parts>::Sender,
    <P as Parts>::Jobs,
>;

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
            jobs: &self.jobs,
            plain_http: self.plain_http,
            origin: &self.origin,
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

    fn recoveries(&self) -> Recoveries<'_, P::Directory, P::Record, P::Outbox, P::Jobs, P::Ambient> {
        let (directory, record, queue, jobs) = (&self.directory, &self.record, &self.outbox, &self.jobs);
        Recoveries { directory, record, queue, jobs, ambient: &self.ambient }
    }

    fn expunger(&self) -> Expunger<'_, P::Directory, P::Record, P::Jobs, P::Ambient> {
        let (directory, record, jobs, ambient) = (&self.directory, &self.record, &self.jobs, &self.ambient);
        Expunger { directory, record, jobs, ambient }
    }

    fn confirmer(&self) -> Confirmer<'_, P::Directory, P::Record, P::Keys, P::Jobs> {
        let (directory, record, keys, jobs) = (&self.directory, &self.record, &self.keys, &self.jobs);
        Confirmer { directory, record, keys, jobs, now: self.ambient.now() }
    }

    /// Answers requests.
    pub fn into_service(
        self,
    ) -> impl Service<lambda_http::Request, Response = Response, Error = Infallible, Future: Send> + Clone {
        let router = routes::<P>().with_state(Arc::new(self));
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

fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    let v1 = Router::new()
        .merge(applications::routes())
        .merge(endpoints::routes())
        .merge(event_types::routes())
        .merge(messages::routes())
        .merge(attempts::routes())
        .merge(confirm::routes())
        .merge(health::routes())
        .merge(recovery::routes())
        .merge(not_built::routes());
    Router::new().nest("/api/v1", v1)
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
