//! Jobs, as they come from their queue: each is done by itself, and what could not be done comes again.
//!
//! What is not a job, and what fails again and again, is left to the queue's redrive policy: it ends in the dead-letter
//! queue of jobs, from which it can be sent back.

use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, future::join_all};

use crate::{
    erase::{Eraser, Erasure},
    fan_out::{Done, FanOut},
    job::Job,
    metric::Metric,
    ports::{
        Ambient, Claims, Directory, Erasing, Expunging, FanOuts, Jobs, Messages, Outbox, Paces, Recovery, Subscribers,
        Tasks, chain,
    },
    recovery::Recoverer,
    tell::Teller,
    time::Time,
};

/// A message of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Names it in the answer.
    pub id: String,
    /// What it says.
    pub body: String,
}

/// The use case: over the tables as publishing sees them (`D`, `L`), and as recovery does (`E`, `M`).
#[derive(Debug)]
pub struct Worker<D, L, E, M, Q, A> {
    fan_out: FanOut<D, L, Q, A>,
    recoverer: Recoverer<E, M, Q, A>,
    teller: Teller<D, L, Q, A>,
    eraser: Eraser<M, Q, A>,
    ambient: A,
}

impl<D, L, E, M, Q, A> Worker<D, L, E, M, Q, A>
where
    D: Subscribers,
    L: Claims + Messages + FanOuts + Paces,
    E: Directory,
    M: Recovery + Tasks + Expunging + Erasing,
    Q: Outbox + Jobs,
    A: Ambient,
{
    /// Over these use cases.
    pub const fn new(
        fan_out: FanOut<D, L, Q, A>,
        recoverer: Recoverer<E, M, Q, A>,
        teller: Teller<D, L, Q, A>,
        eraser: Eraser<M, Q, A>,
        ambient: A,
    ) -> Self {
        Self { fan_out, recoverer, teller, eraser, ambient }
    }

    /// Does all of them at once, until the deadline; gives the ids of those that must come again.
    pub async fn handle(&self, batch: Vec<Letter>, deadline: Time) -> Vec<String> {
        let all = batch.iter().map(|letter| AssertUnwindSafe(self.end(letter, deadline)).catch_unwind());
        let done: Vec<_> = join_all(all).await;
        Metric::Undone.count_all(done.iter().filter(|end| !matches!(end, Ok(End::Done | End::TooEarly))).count());
        let back = batch.into_iter().zip(done).filter(|(_, end)| !matches!(end, Ok(End::Done)));
        back.map(|(letter, _)| letter.id).collect()
    }

    async fn end(&self, letter: &Letter, deadline: Time) -> End {
        match serde_json::from_str(&letter.body) {
            Ok(job) => self.run(job, deadline).await,
            Err(error) => {
                tracing::error!(id = letter.id, line = error.line(), column = error.column(), "not a job");
                End::Failed
            }
        }
    }

    async fn run(&self, job: Job, deadline: Time) -> End {
        match job {
            Job::FanOut { app, message, since } => match self.fan_out.run(app, message, since, deadline).await {
                Ok(done) => {
                    tracing::info!(%app, msg = %message, ?done, "fanned out");
                    if done == Done::TooEarly { End::TooEarly } else { End::Done }
                }
                Err(error) => {
                    tracing::error!(%app, msg = %message, error = chain(&error), "a message could not be fanned out");
                    End::Failed
                }
            },
            Job::Task { org, task } => {
                let worked = self.recoverer.run(&org, task, deadline).await;
                End::of(worked.inspect_err(|error| {
                    tracing::error!(%task, error = chain(error), "a task could not be worked on");
                }))
            }
            Job::Tell { org, event_type, id, data } => {
                let told = self.teller.tell(&org, &event_type, &id, &data, self.ambient.now()).await;
                End::of(told.inspect_err(|problem| {
                    tracing::error!(%org, event_type, id, error = chain(problem), "an event could not be told");
                }))
            }
            Job::Erase { what, .. } => self.erase(&what, deadline).await,
        }
    }

    async fn erase(&self, what: &Erasure, deadline: Time) -> End {
        match self.eraser.run(what, deadline).await {
            Ok(done) => {
                tracing::info!(app = %what.app(), ?what, ?done, "erased");
                End::Done
            }
            Err(error) => {
                tracing::error!(app = %what.app(), ?what, error = chain(&error), "something could not be erased");
                End::Failed
            }
        }
    }
}

/// What came of a job; all but what is done comes again.
enum End {
    Done,
    /// What it is about is not there yet.
    TooEarly,
    Failed,
}

impl End {
    fn of<T>(result: Result<T, impl Sized>) -> Self {
        result.map_or(Self::Failed, |_| Self::Done)
    }
}
