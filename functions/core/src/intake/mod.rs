//! Other ways in than HTTP: a queue, and an event bus. Both publish by the same use case ([`Publisher::publish`]), with
//! the same rules, rates and claims.
//!
//! Actors: producers who do not wait for an answer, and AWS, which hands everything over at least once.
//!
//! - What is handed over again has the same idempotency key (the id that the queue or the bus gave it, or one of the
//!   producer's own), and makes the same message.
//! - What no repetition mends (a 4xx over HTTP) is set aside with its reason at once, durably, before it is
//!   acknowledged. It can be sent to the queue again once the reason is gone.
//! - Everything else (a service that failed, a rate, a claim in flight) comes again, until the queue or the bus gives it
//!   up and sets it aside itself.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt as _, future::join_all};

use crate::{
    metric::Metric,
    ports::{Ambient, Claims, Jobs, Messages, Outbox, Paces, Reject, Rejects, Subscribers, Unavailable, chain},
    problem::Problem,
    publish::Publisher,
};

mod events;
mod read;

pub use events::{EventMap, EventTypes, FieldPath, InvalidMap};
use read::{Order, read_event, read_letter};

/// A message of the publish queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Names it in the answer; the same whenever it is handed over.
    pub id: String,
    /// The producer's own idempotency key, instead of the id.
    pub key: Option<String>,
    /// What it says.
    pub body: String,
}

/// The use case.
#[derive(Debug)]
pub struct Intake<D, L, Q, A, R> {
    publisher: Arc<Publisher<D, L, Q, A>>,
    rejects: R,
    map: EventMap,
}

impl<D, L, Q, A, R> Intake<D, L, Q, A, R>
where
    D: Subscribers,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
    R: Rejects,
{
    /// Publishes with that publisher, and reads events of the bus by that map.
    pub const fn new(publisher: Arc<Publisher<D, L, Q, A>>, rejects: R, map: EventMap) -> Self {
        Self { publisher, rejects, map }
    }

    /// Publishes letters, all at once; gives the ids of those that must come again.
    pub async fn letters(&self, letters: Vec<Letter>) -> Vec<String> {
        let all = letters.iter().map(|letter| AssertUnwindSafe(self.letter(letter)).catch_unwind());
        let done: Vec<_> = join_all(all).await;
        // A rate that is used up is no failure.
        let failed = |end: &&std::thread::Result<Result<(), Problem>>| match end {
            Ok(result) => result.as_ref().is_err_and(|problem| problem.status() >= 500),
            Err(_) => true,
        };
        Metric::Undone.count_all(done.iter().filter(failed).count());
        let back = letters.into_iter().zip(done).filter(|(_, done)| !matches!(done, Ok(Ok(()))));
        back.map(|(letter, _)| letter.id).collect()
    }

    /// Publishes an event of the bus; after an error it must come again.
    pub async fn event(&self, event: &str) -> Result<(), Problem> {
        self.take(event, None, read_event(event, &self.map)).await
    }

    async fn letter(&self, letter: &Letter) -> Result<(), Problem> {
        self.take(&letter.body, letter.key.as_deref(), read_letter(letter, &self.map)).await
    }

    async fn take(&self, body: &str, key: Option<&str>, order: Result<Order<'_>, Problem>) -> Result<(), Problem> {
        let result = match order {
            Ok(Order { org, app, draft, request }) => self.publisher.publish(&org, &app, &draft, &request).await,
            Err(problem) => Err(problem),
        };
        match result {
            Ok(message) => {
                tracing::info!(app = %message.app, msg = %message.id, endpoints = message.endpoints.len(), "published");
                Metric::Published.count();
                Ok(())
            }
            Err(problem) if problem.may_pass() => {
                tracing::warn!(error = chain(&problem), "an event cannot be published now, and comes again");
                Err(problem)
            }
            Err(problem) => self.set_aside(body, key, &problem).await.map_err(Problem::from),
        }
    }

    async fn set_aside(&self, body: &str, key: Option<&str>, problem: &Problem) -> Result<(), Unavailable> {
        let (status, code) = (problem.status(), problem.code());
        self.rejects.set_aside(&Reject::new(body, key, problem)).await.inspect_err(|error| {
            tracing::error!(error = chain(error), "an event that cannot be published could not be set aside");
        })?;
        tracing::warn!(status, code, "an event cannot be published, and is set aside");
        Metric::SetAside.count();
        Ok(())
    }
}
