//! Tasks as they are answered.

use schemars::JsonSchema;
use serde::Serialize;

use super::task::{Progress, Task, What};
use crate::{
    ids::{AppId, EndpointId, TaskId},
    time::Time,
};

/// A background task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BackgroundTaskOut")]
pub struct TaskOut {
    /// Its identifier.
    id: TaskId,
    status: Progress,
    task: What,
    /// When it was last worked on.
    updated_at: Time,
    data: TaskData,
}

/// What a task works on, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BackgroundTaskData")]
struct TaskData {
    /// Whose deliveries.
    app_id: AppId,
    /// At this endpoint only.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<EndpointId>,
    /// Of messages published then or later.
    since: Time,
    /// Of messages published then or earlier.
    until: Time,
    /// Records that were looked at.
    examined: u64,
    /// Deliveries that were taken up, or canceled. A function that died may leave some uncounted.
    changed: u64,
}

impl From<&Task> for TaskOut {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            status: task.progress,
            task: task.what,
            updated_at: task.updated_at,
            data: TaskData {
                app_id: task.app,
                endpoint_id: task.endpoint,
                since: task.since,
                until: task.until,
                examined: task.examined,
                changed: task.changed,
            },
        }
    }
}
