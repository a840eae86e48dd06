//! What is done apart from requests and deliveries: the scheduler function takes jobs from a queue of their own.
//!
//! A job may be handed out twice, and may die at any `.await`; each says how it is repeated.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    erase::Erasure,
    ids::{AppId, MessageId, OrgId, TaskId},
    time::Time,
};

/// A job, as the queue carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Queue a message for the endpoints that it matches, page by page. Pages that are recorded are not repeated.
    FanOut {
        /// Whose.
        app: AppId,
        /// What.
        message: MessageId,
        /// When it was asked for: the message is stored moments later, or never.
        since: Time,
    },
    /// Go on with a task ([`crate::recovery`]). What is recorded of it is not repeated.
    Task {
        /// Whose.
        org: OrgId,
        /// Which.
        task: TaskId,
    },
    /// Publish an operational webhook. Repeated, it is the same message: `id` is its `eventId`.
    Tell {
        /// Whose endpoint or message it is about.
        org: OrgId,
        /// Such as `endpoint.disabled`.
        event_type: String,
        /// Unique for what happened.
        id: String,
        /// The contract's `data`.
        data: Value,
    },
    /// Remove something for good. Repeated, it finds less to remove.
    Erase {
        /// What.
        what: Erasure,
        /// The queue keeps it to itself for so many seconds first, at most 900.
        #[serde(default, skip_serializing_if = "is_zero")]
        delay: u16,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}
