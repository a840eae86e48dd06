//! Erasing: the content of a message or of an attempt, and an application with everything in it.
//!
//! Actors: whoever asks for it; deliveries of the message that are on their way, whose queue messages carry the payload
//! themselves; fan-outs that are queueing more of them; functions that began before and write afterwards what they had
//! read; and this, which may die at any `.await`.
//!
//! - **Content of a message** ([`content`]): the payload is removed from the message, and then every delivery of it that
//!   has not succeeded is recorded as canceled, whether it had a record or not. A queue message finds that record before
//!   anything is sent, so no copy of it, a redriven dead letter included, sends it afterwards. A fan-out looks at the
//!   message again before each page.
//! - **Content of an attempt**: its response is replaced in the record.
//! - **An application** ([`application`]): hidden at once; a job removes the rest.
//!
//! Each is submitted as a job *before* it is done, to be done once more later: so nothing is left half done by a crash,
//! and what a function that was at work meanwhile has written is removed as well.
//!
//! What is not removed, and ends by itself: copies in the queues (encrypted, unsent, 14 days at most, dead letters
//! included), answers that are kept for idempotency keys (24 hours; never a payload), and backups of the tables.

mod application;
pub mod content;

pub use application::{Done, Eraser};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AppId, AttemptId, EndpointId, MessageId},
    job::Job,
    time::Time,
};

/// What a job removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Erasure {
    /// An application that was deleted, or is about to be.
    Application {
        /// Which.
        app: AppId,
        /// When it was asked for: the application is deleted moments later, or not at all.
        since: Time,
        /// Nothing that could write to it is at work any more: its ids are removed as well.
        last: bool,
        /// Endpoints up to this one are done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<EndpointId>,
    },
    /// The content of a message.
    Message {
        /// Whose.
        app: AppId,
        /// Which.
        message: MessageId,
        /// Its deliveries to endpoints up to this one are done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<EndpointId>,
    },
    /// The content of an attempt.
    Attempt {
        /// Whose.
        app: AppId,
        /// Where to.
        endpoint: EndpointId,
        /// What.
        message: MessageId,
        /// Which.
        attempt: AttemptId,
    },
}

impl Erasure {
    /// Whose.
    pub const fn app(&self) -> AppId {
        match self {
            Self::Application { app, .. } | Self::Message { app, .. } | Self::Attempt { app, .. } => *app,
        }
    }

    /// A job, at once.
    pub(crate) const fn now(self) -> Job {
        Job::Erase { what: self, delay: 0 }
    }

    /// A job for when what it waits for should have come.
    pub(crate) const fn soon(self) -> Job {
        Job::Erase { what: self, delay: SOON_SECONDS }
    }

    /// A job for when every function that is at work now has ended.
    pub(crate) const fn later(self) -> Job {
        Job::Erase { what: self, delay: LONGEST_RUN_SECONDS }
    }
}

/// A call takes less than this between its job and what it does itself.
const SOON_SECONDS: u16 = 5;
/// No Lambda function runs longer (AWS Lambda quotas: 900 s), and no queue message is delayed longer.
const LONGEST_RUN_SECONDS: u16 = 900;
