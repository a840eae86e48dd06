//! Starting background tasks, and looking at them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Recoveries, TaskOut,
    task::{Progress, Task, What},
};
use crate::{
    find,
    ids::{Id as _, Ksuid, TaskId},
    job::Job,
    pacing,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, Directory, Jobs, Outbox, Paced, Paces, Recovery, Scan, Tasks},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// An application begins one task in this time, and [`AHEAD`] more at once.
const INTERVAL: Duration = Duration::from_secs(10);
const AHEAD: u32 = 10;

/// Which messages: published from `since` until `until`, which is now unless it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct RecoverIn {
    /// The earliest.
    since: Time,
    /// The latest; must not be before `since`.
    #[serde(default)]
    until: Option<Time>,
}

/// Which dead letters: all, or those of one endpoint, of messages published from `since` until `until`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedriveIn {
    /// Only of this endpoint, by id or uid.
    #[serde(default)]
    #[schemars(example = "acme-billing")]
    endpoint_id: Option<String>,
    /// The earliest.
    #[serde(default)]
    since: Option<Time>,
    /// The latest; must not be before `since`.
    #[serde(default)]
    until: Option<Time>,
}

/// Nothing is kept for longer than that.
const OLDEST: Duration = Duration::from_hours(24 * 400);

impl<D: Directory, R: Recovery + Tasks + Paces, Q: Outbox + Jobs, A: Ambient> Recoveries<'_, D, R, Q, A> {
    /// Begins to send an endpoint again what failed there, or what it was never sent, or to cancel what waits for it.
    /// 409 if the endpoint is disabled and something would be sent.
    pub async fn begin(
        &self,
        caller: &Caller,
        id: Ksuid,
        (app, endpoint): (&str, &str),
        what: What,
        wanted: RecoverIn,
    ) -> Result<TaskOut, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        let endpoint = find::receiver(self.directory, app.id, endpoint).await?;
        if endpoint.disabled && what != What::CancelPending {
            return Err(find::endpoint_disabled());
        }
        let (since, until) = self.window(Some(wanted.since), wanted.until)?;
        let mut task = self.task_of(caller, id, app.id, what, (since, until));
        task.endpoint = Some(endpoint.id);
        self.submit(task).await
    }

    /// Begins to send an application's dead letters again.
    pub async fn redrive(&self, caller: &Caller, id: Ksuid, app: &str, wanted: &RedriveIn) -> Result<TaskOut, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        let mut endpoint = None;
        if let Some(segment) = &wanted.endpoint_id {
            let unknown = || Problem::invalid(&["body", "endpointId"], "there is no such endpoint");
            let found = find::endpoint_if_any(self.directory, app.id, segment).await?.ok_or_else(unknown)?;
            if found.disabled {
                return Err(find::endpoint_disabled());
            }
            endpoint = Some(found.id);
        }
        let window = self.window(wanted.since, wanted.until)?;
        let task = Task { endpoint, ..self.task_of(caller, id, app.id, What::Redrive, window) };
        self.submit(task).await
    }

    /// A task of the caller's.
    pub async fn task(&self, caller: &Caller, segment: &str) -> Result<TaskOut, Problem> {
        let unknown = || Problem::not_found("Task");
        let id: TaskId = segment.parse().map_err(|_| unknown())?;
        let found = self.record.task(&caller.org, id).await?;
        found.filter(|task| self.is_shown(caller, task)).as_ref().map(TaskOut::from).ok_or_else(unknown)
    }

    /// The caller's tasks, newest first.
    pub async fn tasks(&self, caller: &Caller, ask: Ask<TaskId>) -> Result<Page<TaskOut>, Problem> {
        page::page(&Listed { recoveries: self, caller }, ask, false).await
    }

    fn is_shown(&self, caller: &Caller, task: &Task) -> bool {
        caller.app.is_none_or(|own| own == task.app) && task.expires_at() > self.ambient.now()
    }

    fn window(&self, since: Option<Time>, until: Option<Time>) -> Result<(Time, Time), Problem> {
        let now = self.ambient.now();
        let (since, until) = (since.unwrap_or_else(|| now.minus(OLDEST)), until.unwrap_or(now));
        if since > until {
            return Err(Problem::invalid(&["body", "since"], "must not be later than until, which is now by default"));
        }
        Ok((since, until.min(now)))
    }

    fn task_of(
        &self,
        caller: &Caller,
        id: Ksuid,
        app: crate::ids::AppId,
        what: What,
        (since, until): (Time, Time),
    ) -> Task {
        Task {
            id: TaskId::from_ksuid(id),
            org: caller.org.clone(),
            app,
            endpoint: None,
            what,
            since,
            until,
            progress: Progress::Running,
            cursor: None,
            examined: 0,
            changed: 0,
            updated_at: self.ambient.now(),
            rev: 1,
        }
    }

    /// Recorded, then queued: a repeated call finds the record, and queues the job again.
    async fn submit(&self, task: Task) -> Result<TaskOut, Problem> {
        pacing::pass(self.record, Paced::Tasks(task.app), self.ambient.now(), INTERVAL, AHEAD).await?;
        let mut standing = task;
        if !self.record.save_task(&standing).await? {
            let found = self.record.task(&standing.org, standing.id).await?;
            standing =
                found.ok_or_else(|| Problem::conflict("The task is being changed at the same time; try again"))?;
        }
        if standing.progress == Progress::Running {
            self.queues.submit(&[Job::Task { org: standing.org.clone(), task: standing.id }]).await?;
        }
        tracing::info!(task = %standing.id, app = %standing.app, what = ?standing.what, "task begun");
        Ok(TaskOut::from(&standing))
    }
}

struct Listed<'a, 'p, D, R, Q, A> {
    recoveries: &'a Recoveries<'p, D, R, Q, A>,
    caller: &'a Caller,
}

impl<D: Directory, R: Recovery + Tasks + Paces, Q: Outbox + Jobs, A: Ambient> List for Listed<'_, '_, D, R, Q, A> {
    type Key = TaskId;
    type Row = TaskOut;

    async fn read(&self, part: Part<TaskId>) -> Result<Batch<TaskId, TaskOut>, Problem> {
        let after = part.after.map(|id| id.to_string());
        let scan = Scan { after, ascending: part.ascending, limit: part.limit };
        let found = self.recoveries.record.tasks(&self.caller.org, &scan).await?;
        let row = |task: &Task| (task.id, self.recoveries.is_shown(self.caller, task).then(|| TaskOut::from(task)));
        Ok(Batch::of(found.iter().map(row).collect(), part.limit))
    }
}
