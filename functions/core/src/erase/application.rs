//! A deleted application, removed with everything in it.
//!
//! The job is submitted before the application is marked as deleted, so that no crash leaves one without a job; it waits
//! for the mark, and does nothing without it. Then it removes, in this order: sources and what endpoints were configured
//! with, secrets above all; messages; and endpoint by endpoint deliveries, attempts, and all that is parked or held. The ids of
//! endpoints stay until a last pass, when no function is at work any more that had found the application alive: it finds
//! what those have written by them. Only then is the mark removed, and nothing is left.
//!
//! What does not fit one invocation is left to another one, by the same job again. Whatever is repeated finds less to do.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Erasure, content};
use crate::{
    ids::{AppId, EndpointId},
    job::Job,
    ports::{Ambient, Erasing, Expunging, Holdings, Jobs, Record, Remains, Unavailable},
    time::Time,
};

/// An application that is not deleted so long after the job was submitted will not be: the call has failed.
const MARK_GRACE: Duration = Duration::from_mins(2);
/// Waits for the mark, before another job does.
const WAITS: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1)];
/// Endpoints whose records are looked through before the progress is noted.
const PAGE: usize = 100;
/// Endpoints at once.
const AT_ONCE: usize = 4;

/// What came of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing is left to do.
    Finished,
    /// The rest is another job.
    Continued,
}

/// The use case of the job.
#[derive(Debug)]
pub struct Eraser<L, Q, A> {
    ledger: L,
    queue: Q,
    ambient: A,
}

/// The deadline came first; endpoints up to that one are done.
struct Unfinished(Option<EndpointId>);

impl<L: Erasing + Expunging + Record, Q: Jobs, A: Ambient> Eraser<L, Q, A> {
    /// Over these ports.
    pub const fn new(ledger: L, queue: Q, ambient: A) -> Self {
        Self { ledger, queue, ambient }
    }

    /// Removes, until nothing is left or the deadline has come. It may be called again and again.
    pub async fn run(&self, what: &Erasure, deadline: Time) -> Result<Done, Unavailable> {
        match *what {
            Erasure::Application { app, since, last, after } => {
                self.application(app, since, last, after, deadline).await
            }
            Erasure::Message { app, message, after } => {
                match content::remove(&self.ledger, &self.ambient, (app, message), after, deadline).await? {
                    None => Ok(Done::Finished),
                    after => self.go_on(Erasure::Message { app, message, after }.now()).await,
                }
            }
            Erasure::Attempt { endpoint, message, attempt, .. } => {
                content::remove_response(&self.ledger, (endpoint, message), attempt).await.map(|()| Done::Finished)
            }
        }
    }

    async fn go_on(&self, rest: Job) -> Result<Done, Unavailable> {
        self.queue.submit(&[rest]).await?;
        Ok(Done::Continued)
    }

    async fn application(
        &self,
        app: AppId,
        since: Time,
        last: bool,
        after: Option<EndpointId>,
        deadline: Time,
    ) -> Result<Done, Unavailable> {
        match self.mark(app).await? {
            Remains::Alive if self.ambient.now() < since.plus(MARK_GRACE) => {
                return self.go_on(Erasure::Application { app, since, last, after }.soon()).await;
            }
            Remains::Alive | Remains::Nothing => return Ok(Done::Finished),
            Remains::Deleted => {}
        }
        if let Err(Unfinished(after)) = self.empty(app, after, deadline).await? {
            return self.go_on(Erasure::Application { app, since, last, after }.now()).await;
        }
        if !last {
            self.queue.submit(&[Erasure::Application { app, since, last: true, after: None }.later()]).await?;
            return Ok(Done::Finished);
        }
        while !self.ledger.forget(app).await? {
            if self.ambient.now() >= deadline {
                return self.go_on(Erasure::Application { app, since, last, after: None }.now()).await;
            }
        }
        Ok(Done::Finished)
    }

    async fn mark(&self, app: AppId) -> Result<Remains, Unavailable> {
        for wait in WAITS {
            match self.ledger.remains(app).await? {
                Remains::Alive => self.ambient.sleep(wait).await,
                remains => return Ok(remains),
            }
        }
        self.ledger.remains(app).await
    }

    /// Everything but the ids of endpoints and the mark.
    async fn empty(
        &self,
        app: AppId,
        mut after: Option<EndpointId>,
        deadline: Time,
    ) -> Result<Result<(), Unfinished>, Unavailable> {
        while !self.ledger.strip(app).await? {
            if self.ambient.now() >= deadline {
                return Ok(Err(Unfinished(after)));
            }
        }
        if !self.clear(Holdings::Application(app), deadline).await? {
            return Ok(Err(Unfinished(after)));
        }
        loop {
            let endpoints = self.ledger.stripped(app, after, PAGE).await?;
            let clear = endpoints.iter().map(|endpoint| self.clear(Holdings::Endpoint(*endpoint), deadline));
            let cleared: Vec<bool> = stream::iter(clear.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
            if let Some(unfinished) = cleared.iter().position(|is_clear| !is_clear) {
                let done = unfinished.checked_sub(1).map(|last| endpoints[last]);
                return Ok(Err(Unfinished(done.or(after))));
            }
            if endpoints.len() < PAGE {
                return Ok(Ok(()));
            }
            after = endpoints.last().copied();
        }
    }

    /// Whether nothing of it is left; the deadline may come first.
    async fn clear(&self, holdings: Holdings, deadline: Time) -> Result<bool, Unavailable> {
        while !self.ledger.clear(holdings).await? {
            if self.ambient.now() >= deadline {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
