//! Deliveries that are taken up again, and the tasks that do it.

use std::future::Future;

use super::{Record, Scan, Unavailable, Valves};
use crate::{
    delivery::Delivery,
    ids::{AppId, EndpointId, MessageId, OrgId, TaskId},
    recovery::{DeadKey, Task},
    time::Time,
};

/// A part of an application's dead letters, in the order of their messages' publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSpan {
    /// Starts after this one in its direction, which need not exist any more.
    pub after: Option<DeadKey>,
    /// Messages published then or later.
    pub since: Time,
    /// Messages published then or earlier.
    pub until: Time,
    /// Direction.
    pub ascending: bool,
    /// At most so many; fewer than that means that there are no more.
    pub limit: usize,
}

/// The record, as recovery changes it.
pub trait Recovery: Record + Valves {
    /// Writes a record in place of revision `delivery.rev - 1` (0: none existed), unless a success stands. `Ok(false)`:
    /// somebody else wrote first.
    fn change(&self, delivery: &Delivery) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Notes on a stored message that it is for this endpoint, too, so that it is found among the message's. Nothing
    /// happens if there is no such message.
    fn note_endpoint(
        &self,
        app: AppId,
        message: MessageId,
        endpoint: EndpointId,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// Failed deliveries of an application. May lag behind.
    fn dead_letters(
        &self,
        app: AppId,
        span: &DeadSpan,
    ) -> impl Future<Output = Result<Vec<DeadKey>, Unavailable>> + Send;
}

/// Background tasks, as they are recorded. All reads are strongly consistent.
pub trait Tasks: Send + Sync {
    /// Records a task in place of revision `task.rev - 1` (0: none existed). `Ok(false)`: somebody else wrote first.
    fn save_task(&self, task: &Task) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// A task of an organization, even an expired one.
    fn task(&self, org: &OrgId, id: TaskId) -> impl Future<Output = Result<Option<Task>, Unavailable>> + Send;
    /// An organization's tasks by id, even expired ones.
    fn tasks(&self, org: &OrgId, scan: &Scan) -> impl Future<Output = Result<Vec<Task>, Unavailable>> + Send;
}
