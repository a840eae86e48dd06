//! The queues, seen from those who fill them and from those who work on them.

use std::{future::Future, time::Duration};

use super::Unavailable;
use crate::{
    delivery::Reason,
    ids::{AppId, EndpointId, MessageId},
    job::Job,
    message::{Content, sqs_allows},
    problem::Problem,
};

/// Which of the two delivery queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// First attempts at endpoints that nothing is known against.
    Prompt,
    /// Everything that may take long or fail: slow endpoints, probes, what was parked. It has invocations of its own, so
    /// that it delays nothing else.
    Retry,
}

/// Something for a delivery queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What.
    pub content: Content,
    /// Into which.
    pub way: Way,
    /// Invisible for so long: whole seconds, at most [`LONGEST_DELAY`].
    pub delay: Duration,
}

/// SQS delays a message by at most this.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The delivery queues, seen from those who fill them.
pub trait Outbox: Send + Sync {
    /// Queues all of them durably, or fails: then some may have been queued.
    fn send(&self, parcels: &[Parcel]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The queue of jobs, seen from those who fill it.
pub trait Jobs: Send + Sync {
    /// Queues all of them durably, or fails: then some may have been queued.
    fn submit(&self, jobs: &[Job]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The delivery queues, seen from the one who empties them.
pub trait Inbox: Send + Sync {
    /// Makes messages invisible for that long from now, best effort: what fails comes back after the queue's own
    /// visibility timeout.
    fn hold(&self, way: Way, receipts: &[(String, Duration)]) -> impl Future<Output = ()> + Send;
    /// Sends to the dead-letter queue. `Ok` only if all are in it.
    fn bury(&self, dead: &[DeadLetter]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Something that came by a queue or a bus and cannot be published, for the dead-letter queue of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// As it came, to send again.
    pub body: String,
    /// The idempotency key that its producer gave it.
    pub key: Option<String>,
    /// What an HTTP caller would have been told.
    pub status: u16,
    /// The same in one word.
    pub reason: &'static str,
    /// The same for people, at most 1,024 bytes; never empty.
    pub detail: String,
}

/// Bytes of [`Reject::detail`].
const DETAIL_LIMIT: usize = 1_024;

impl Reject {
    /// What came, and what was wrong with it; in characters that a queue takes.
    pub fn new(body: &str, key: Option<&str>, problem: &Problem) -> Self {
        let mut detail: String = problem.body().chars().filter(|c| sqs_allows(*c)).collect();
        detail.truncate(detail.floor_char_boundary(DETAIL_LIMIT));
        // In a JSON text they stand in strings only, where an escape is the same.
        let body = body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
        Self { body, key: key.map(str::to_owned), status: problem.status(), reason: problem.code(), detail }
    }
}

/// The dead-letter queue of inputs.
pub trait Rejects: Send + Sync {
    /// Sets something aside, durably.
    fn set_aside(&self, reject: &Reject) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// A delivery that ended without success, for the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue message to send again when it is redriven.
    pub body: String,
    /// Why it is there.
    pub reason: Reason,
    /// Which, for people: application, endpoint and message.
    pub about: Option<(AppId, EndpointId, MessageId)>,
}
