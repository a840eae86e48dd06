//! Background tasks: what they are to do, and how far they are.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AppId, EndpointId, OrgId, TaskId},
    time::Time,
};

/// A task can be looked at for this long after it was last worked on.
pub const TASK_KEPT: Duration = Duration::from_hours(24 * 30);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BackgroundTaskType")]
pub enum What {
    /// Send again what failed at an endpoint, or waits to be tried again there.
    #[serde(rename = "endpoint.recover")]
    Recover,
    /// Send what an endpoint was never sent, although it matches.
    #[serde(rename = "endpoint.replay")]
    ReplayMissing,
    /// End what waits to be sent to an endpoint.
    #[serde(rename = "endpoint.cancel")]
    CancelPending,
    /// Send again an application's dead letters.
    #[serde(rename = "dead-letter.redrive")]
    Redrive,
}

/// Whether it is still worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "BackgroundTaskStatus")]
pub enum Progress {
    /// A job is at it, or will be.
    Running,
    /// It has come to its end.
    Finished,
    /// It could not come to its end: the endpoint or the application was deleted.
    Failed,
}

/// Something that is done in the background, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its identifier.
    pub id: TaskId,
    /// Whose.
    pub org: OrgId,
    /// Whose deliveries.
    pub app: AppId,
    /// At this endpoint only; always set but for [`What::Redrive`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    /// What is to be done.
    pub what: What,
    /// Of messages published then or later.
    pub since: Time,
    /// Of messages published then or earlier.
    pub until: Time,
    /// How far it is.
    pub progress: Progress,
    /// The key of the last record that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Records that were looked at.
    pub examined: u64,
    /// Deliveries that were taken up, or canceled.
    pub changed: u64,
    /// When it was last worked on.
    pub updated_at: Time,
    /// Grows by one with every write.
    pub rev: u64,
}

/// One page of work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Page {
    /// Where to go on; unset at the end.
    pub(super) next: Option<String>,
    pub(super) examined: usize,
    pub(super) changed: usize,
}

impl Task {
    /// When its record expires.
    pub fn expires_at(&self) -> Time {
        self.updated_at.plus(TASK_KEPT)
    }

    /// After a page.
    pub(super) fn after(&self, page: Page, now: Time) -> Self {
        let progress = if page.next.is_some() { Progress::Running } else { Progress::Finished };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            progress,
            cursor: page.next,
            examined: self.examined + count(page.examined),
            changed: self.changed + count(page.changed),
            ..self.touched(now)
        }
    }

    /// Without what it works on.
    pub(super) fn failed(&self, now: Time) -> Self {
        Self { progress: Progress::Failed, cursor: None, ..self.touched(now) }
    }

    fn touched(&self, now: Time) -> Self {
        Self { updated_at: now, rev: self.rev + 1, ..self.clone() }
    }
}
