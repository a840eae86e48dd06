//! Large fan-outs: a message for more endpoints than a request can queue is queued by a job, page by page.
//!
//! Actors: the publisher, which submits the job and then stores the message; and workers, of which two may have the same
//! job, and which may die at any `.await`.
//!
//! - The stored message is the commit mark. A worker that does not find it waits a little, then leaves the job to come
//!   again; a job whose message has not come in time is one of a message that was never accepted.
//! - A page is recorded once its deliveries are queued, and the next one begins where it ended. Dying in between repeats
//!   one page; the copies of its deliveries have the same keys, and are dropped when they are found to be done.
//! - Of two workers one records a page; the other goes on from the recorded one, so that the pages leave no gap.
//! - Endpoints that are newer than the message are not for it: the fan-out ends however many are created meanwhile.
//!
//! A page is held in memory at a time. What does not fit one invocation is left to another one, by the same job again.

use std::time::Duration;

use crate::{
    ids::{AppId, EndpointId, Id as _, MessageId},
    job::Job,
    message::Message,
    poll::Arrival,
    ports::{Ambient, FanOuts, FanPage, Jobs, Messages, Outbox, Subscribers, Unavailable},
    publish::{COMMIT_GRACE, first_parcel, matching},
    time::Time,
};

/// Endpoints of a page.
pub const PAGE: usize = 250;
/// Waits for it, before the job is left to come again, which takes minutes.
const WAITS: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What came of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Everything is queued, or there is nothing to queue.
    Finished,
    /// The rest is another job.
    Continued,
    /// The message is not stored yet: the job must come again.
    TooEarly,
}

/// The use case.
#[derive(Debug)]
pub struct FanOut<D, L, Q, A> {
    directory: D,
    ledger: L,
    queue: Q,
    ambient: A,
    page: usize,
}

/// How far it is.
struct Progress {
    number: u32,
    after: Option<EndpointId>,
}

impl<D, L, Q, A> FanOut<D, L, Q, A>
where
    D: Subscribers,
    L: Messages + FanOuts,
    Q: Outbox + Jobs,
    A: Ambient,
{
    /// Over these ports.
    pub const fn new(directory: D, ledger: L, queue: Q, ambient: A) -> Self {
        Self { directory, ledger, queue, ambient, page: PAGE }
    }

    /// With pages of that size.
    #[must_use]
    pub fn with_page(mut self, page: usize) -> Self {
        self.page = page.max(1);
        self
    }

    /// Queues the message's deliveries, until all are or the deadline has come. It may be called again and again.
    pub async fn run(&self, app: AppId, message: MessageId, since: Time, deadline: Time) -> Result<Done, Unavailable> {
        let Some(message) = self.stored(app, message).await? else {
            let may_come = self.ambient.now() < since.plus(COMMIT_GRACE);
            return Ok(if may_come { Done::TooEarly } else { Done::Finished });
        };
        let mut next = self.start(&message).await?;
        while let Some(progress) = next {
            if self.ambient.now() >= deadline {
                self.queue.submit(&[Job::FanOut { app, message: message.id, since }]).await?;
                return Ok(Done::Continued);
            }
            next = self.page(&message, progress).await?;
            if next.is_some() && self.is_gone(&message).await? {
                break;
            }
        }
        Ok(Done::Finished)
    }

    /// Its content may be expunged meanwhile: what is queued until then is canceled by whoever does that.
    async fn is_gone(&self, message: &Message) -> Result<bool, Unavailable> {
        let now = self.ambient.now();
        let standing = self.ledger.message(message.app, message.id).await?;
        Ok(standing.is_none_or(|standing| standing.gone(now).is_some()))
    }

    async fn stored(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        for wait in WAITS {
            if let Some(message) = self.ledger.message(app, id).await? {
                return Ok(Some(message));
            }
            self.ambient.sleep(wait).await;
        }
        self.ledger.message(app, id).await
    }

    async fn start(&self, message: &Message) -> Result<Option<Progress>, Unavailable> {
        if message.gone(self.ambient.now()).is_some() || !message.fans_out {
            return Ok(None);
        }
        let last = self.ledger.last_page(message.app, message.id).await?;
        Ok(match last {
            Some((number, page)) => after(number, &page),
            None => Some(Progress { number: 0, after: None }),
        })
    }

    /// Queues and records one page; gives where the next one begins.
    async fn page(&self, message: &Message, at: Progress) -> Result<Option<Progress>, Unavailable> {
        let found = self.directory.endpoints_after(message.app, at.after, self.page).await?;
        // Without its application there is nobody to send to any more.
        let mut endpoints = found.unwrap_or_default();
        endpoints.retain(|endpoint| endpoint.id.ksuid().time() <= message.at);
        let cursor = endpoints.last().map(|endpoint| endpoint.id).filter(|_| endpoints.len() >= self.page);
        let found = matching(message, &endpoints);
        let parcels: Vec<_> = found.open.iter().filter_map(|endpoint| first_parcel(message, endpoint)).collect();
        self.queue.send(&parcels).await?;
        let arrivals: Vec<_> = Arrival::everywhere(message, &found.pollers, self.ambient.now()).collect();
        if !arrivals.is_empty() {
            self.ledger.announce(&arrivals).await?;
        }
        let open = found.open.iter().map(|endpoint| endpoint.id).collect();
        let page = FanPage { endpoints: open, held: found.held, cursor };
        let standing = self.ledger.record_page(message, at.number, &page).await?;
        Ok(after(at.number, &standing.unwrap_or(page)))
    }
}

fn after(number: u32, page: &FanPage) -> Option<Progress> {
    let cursor = page.cursor?;
    Some(Progress { number: number + 1, after: Some(cursor) })
}
