//! The background: a task's pages, one after the other.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures::{StreamExt as _, stream};

use super::{
    DeadKey, Task,
    cancel::canceled,
    task::{Page, Progress, What},
};
use crate::{
    delivery::{Delivery, Reason, State},
    entity::Endpoint,
    find::{self, Meant},
    ids::{EndpointId, Id as _, Ksuid, MessageId, OrgId, TaskId},
    job::Job,
    message::Message,
    page::Key as _,
    ports::{Ambient, DeadSpan, DeliveryKey, Directory, Jobs, Recovery, Span, Tasks, Unavailable},
    time::Time,
};

/// Records of a page: full ones must fit the function's memory.
const PAGE: usize = 100;
/// Records changed at once.
const AT_ONCE: usize = 20;
/// What is held is kept at least this long.
const KEPT_HELD: Duration = Duration::from_hours(7 * 24);

/// The use case.
#[derive(Debug)]
pub struct Recoverer<D, R, J, A> {
    directory: D,
    record: R,
    jobs: J,
    ambient: A,
}

/// What a task works on is there no more.
struct Gone;

impl<D: Directory, R: Recovery + Tasks, J: Jobs, A: Ambient> Recoverer<D, R, J, A> {
    /// Over these ports.
    pub const fn new(directory: D, record: R, jobs: J, ambient: A) -> Self {
        Self { directory, record, jobs, ambient }
    }

    /// Works on a task until it is done or the deadline has come. It may be called again and again.
    pub async fn run(&self, org: &OrgId, id: TaskId, deadline: Time) -> Result<(), Unavailable> {
        while let Some(task) = self.record.task(org, id).await?.filter(|task| task.progress == Progress::Running) {
            if self.ambient.now() >= deadline {
                return self.jobs.submit(&[Job::Task { org: org.clone(), task: id }]).await;
            }
            let new = match self.page(&task).await? {
                Ok(page) => task.after(page, self.ambient.now()),
                Err(Gone) => task.failed(self.ambient.now()),
            };
            // Another worker has it, and goes on.
            if !self.record.save_task(&new).await? {
                return Ok(());
            }
            tracing::info!(
                task = %id, app = %task.app, what = ?task.what, examined = new.examined, changed = new.changed,
                progress = ?new.progress, "a page of a task is done"
            );
        }
        Ok(())
    }

    async fn page(&self, task: &Task) -> Result<Result<Page, Gone>, Unavailable> {
        // Without its application there is nobody to send to any more.
        if self.directory.application(task.app).await?.is_none() {
            return Ok(Err(Gone));
        }
        let Some(id) = task.endpoint else { return self.redrive(task).await.map(Ok) };
        let Some(endpoint) = self.directory.endpoint(task.app, id).await? else { return Ok(Err(Gone)) };
        let page = match task.what {
            What::Redrive => self.redrive(task).await?,
            What::Recover => self.recover(task, &endpoint).await?,
            What::ReplayMissing => self.replay(task, &endpoint).await?,
            What::CancelPending => self.cancel(task, &endpoint).await?,
        };
        Ok(Ok(page))
    }

    async fn recover(&self, task: &Task, endpoint: &Endpoint) -> Result<Page, Unavailable> {
        let found = self.record.deliveries(endpoint.id, &span(task)).await?;
        let next = next(found.last().map(|last| last.message), found.len());
        let examined = found.len();
        let failed = found.into_iter().filter(|delivery| may_be_recovered(delivery) || is_retried(delivery));
        let changed = self.hold(endpoint, failed.map(revived).collect()).await?;
        Ok(Page { next, examined, changed })
    }

    async fn replay(&self, task: &Task, endpoint: &Endpoint) -> Result<Page, Unavailable> {
        let found = self.record.messages(task.app, &span(task)).await?;
        let next = next(found.last().map(|last| last.id), found.len());
        let (examined, now) = (found.len(), self.ambient.now());
        let meant = found.into_iter().filter(|message| message.gone(now).is_none() && message.is_for(endpoint));
        let meant: Vec<_> = meant.collect();
        let mut records = self.records(endpoint.id, &meant).await?;
        let mut missing = Vec::new();
        for message in meant {
            match records.remove(&(endpoint.id, message.id)) {
                Some(record) if was_never_attempted(&record) => missing.push(revived(record)),
                Some(_) => {}
                None => missing.extend(self.missing(&message, endpoint).await?),
            }
        }
        let changed = self.hold(endpoint, missing).await?;
        Ok(Page { next, examined, changed })
    }

    /// The record of a delivery that was never thought of, once the message names its endpoint.
    async fn missing(&self, message: &Message, endpoint: &Endpoint) -> Result<Option<Delivery>, Unavailable> {
        let known = find::meant(&self.record, message).await?;
        if known.queued.contains(&endpoint.id) {
            return Ok(None);
        }
        if !known.has(endpoint.id) {
            self.record.note_endpoint(message.app, message.id, endpoint.id).await?;
        }
        let delivery = Delivery::new(message.app, endpoint.id, message.id, message.expires_at);
        Ok(Some(Delivery { rev: 1, ..delivery }))
    }

    async fn cancel(&self, task: &Task, endpoint: &Endpoint) -> Result<Page, Unavailable> {
        let found = self.record.messages(task.app, &span(task)).await?;
        let next = next(found.last().map(|last| last.id), found.len());
        let examined = found.len();
        let mut records = self.records(endpoint.id, &found).await?;
        let mut open = Vec::new();
        for message in found {
            match records.remove(&(endpoint.id, message.id)) {
                Some(record) => open.extend(Some(record).filter(|record| !record.has_ended())),
                None if self.is_queued(&message, endpoint.id).await? => {
                    open.push(Delivery::new(message.app, endpoint.id, message.id, message.expires_at));
                }
                None => {}
            }
        }
        let changed = self.change_all(open.into_iter().map(canceled).collect()).await?;
        Ok(Page { next, examined, changed })
    }

    async fn is_queued(&self, message: &Message, endpoint: EndpointId) -> Result<bool, Unavailable> {
        let Meant { queued, .. } = find::meant(&self.record, message).await?;
        Ok(queued.contains(&endpoint))
    }

    async fn redrive(&self, task: &Task) -> Result<Page, Unavailable> {
        let after = task.cursor.as_deref().and_then(DeadKey::read);
        let span = DeadSpan { after, since: task.since, until: task.until, ascending: true, limit: PAGE };
        let found = self.record.dead_letters(task.app, &span).await?;
        let next = found.last().filter(|_| found.len() >= PAGE).map(DeadKey::text);
        let meant = found.iter().filter(|dead| task.endpoint.is_none_or(|only| only == dead.endpoint));
        let keys: Vec<_> = meant.map(|dead| (dead.endpoint, dead.message)).collect();
        let mut groups = BTreeMap::<EndpointId, Vec<Delivery>>::new();
        for delivery in self.record.deliveries_by_key(&keys).await?.into_values().filter(may_be_recovered) {
            groups.entry(delivery.endpoint).or_default().push(revived(delivery));
        }
        let mut changed = 0;
        for (id, group) in groups {
            // What is for nobody, or for somebody who takes nothing, is better off where it is.
            let endpoint = self.directory.endpoint(task.app, id).await?.filter(|endpoint| !endpoint.disabled);
            if let Some(endpoint) = endpoint {
                changed += self.hold(&endpoint, group).await?;
            }
        }
        Ok(Page { next, examined: found.len(), changed })
    }

    async fn records(
        &self,
        endpoint: EndpointId,
        messages: &[Message],
    ) -> Result<HashMap<DeliveryKey, Delivery>, Unavailable> {
        let keys: Vec<_> = messages.iter().map(|message| (endpoint, message.id)).collect();
        if keys.is_empty() { Ok(HashMap::new()) } else { self.record.deliveries_by_key(&keys).await }
    }

    /// Puts deliveries behind their endpoint's valve; gives how many got there.
    async fn hold(&self, endpoint: &Endpoint, mut deliveries: Vec<Delivery>) -> Result<usize, Unavailable> {
        if deliveries.is_empty() {
            return Ok(0);
        }
        let now = self.ambient.now();
        let count = u32::try_from(deliveries.len()).unwrap_or(u32::MAX);
        self.record.touch((endpoint.app, endpoint.id), count, now, now).await?;
        for delivery in &mut deliveries {
            delivery.state = State::Held { since: now };
            delivery.expires_at = delivery.expires_at.max(now.plus(KEPT_HELD));
        }
        self.change_all(deliveries).await
    }

    /// What somebody else has changed meanwhile is left to them.
    async fn change_all(&self, deliveries: Vec<Delivery>) -> Result<usize, Unavailable> {
        let changes = deliveries.iter().map(|delivery| self.record.change(delivery));
        let mut changes = stream::iter(changes.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut count = 0;
        while let Some(done) = changes.next().await {
            count += usize::from(done?);
        }
        Ok(count)
    }
}

/// The ids of the messages that a page begins with, in either list.
fn span(task: &Task) -> Span {
    let after = task.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).map(MessageId::ksuid);
    let above = Some(after.unwrap_or_else(|| Ksuid::floor(task.since)));
    let below = Some(Ksuid::floor(task.until.plus(Duration::from_millis(4))));
    Span { above, below, ascending: true, limit: PAGE }
}

fn next(last: Option<MessageId>, found: usize) -> Option<String> {
    last.filter(|_| found >= PAGE).map(|last| last.to_string())
}

/// Deliveries that failed for a reason that may have passed.
fn may_be_recovered(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Failed(Reason::Exhausted | Reason::EndpointDisabled | Reason::Refused))
}

/// It has failed, and its next attempt may be many hours away.
fn is_retried(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Waiting { .. }) && delivery.tries > 0
}

/// It came when the endpoint was disabled.
fn was_never_attempted(delivery: &Delivery) -> bool {
    delivery.state == State::Failed(Reason::EndpointDisabled) && delivery.attempts.is_empty()
}

/// The whole schedule again, from the next round on.
fn revived(delivery: Delivery) -> Delivery {
    Delivery { round: delivery.round + 1, tries: 0, slot: None, rev: delivery.rev + 1, ..delivery }
}
