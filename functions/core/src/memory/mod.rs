//! The ports in memory, with the conditions of the real ones: for unit tests and simulations.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    access::{Revocation, Revoked},
    claim::{Claim, ClaimKey},
    confirm::Confirmation,
    delivery::{self, Delivery},
    entity::{Application, Endpoint, EventType, Settings},
    ids::{AppId, AttemptId, EndpointId, Id as _, Ksuid, MessageId, OrgId, SourceId, TaskId},
    job::Job,
    keyring::Keyring,
    message::Message,
    outbound::{Fault, Fetcher, Unfetched},
    poll::Arrival,
    ports::{
        Ambient, Claims, Confirming, DeadSpan, DeliveryKey, FanPage, Jobs, Keys, Messages, Outbox, Paced, Parcel,
        Record, Recovery, Revocations, Saved, Scan, Span, Tasks, Unavailable, Valves,
    },
    recovery::{DeadKey, Task},
    source::Source,
    time::Time,
};

mod counting;
mod directory;
mod erasing;
mod polling;
mod publishing;
mod sources;
mod tallying;

pub use counting::counting;
pub use polling::Log;

/// Both tables, and the queues. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

/// What the tables hold.
#[derive(Debug, Default)]
pub struct State {
    /// Applications.
    pub applications: BTreeMap<AppId, Application>,
    /// Endpoints.
    pub endpoints: BTreeMap<(AppId, EndpointId), Endpoint>,
    /// Endpoints that were deleted.
    pub deleted: BTreeMap<(AppId, EndpointId), Endpoint>,
    /// Applications that were deleted and still hold something.
    pub marks: BTreeSet<AppId>,
    /// Endpoints of deleted applications of which only the id is left.
    pub stripped: BTreeSet<(AppId, EndpointId)>,
    /// Event types by organization and name.
    pub event_types: BTreeMap<(OrgId, String), EventType>,
    /// What organizations have settled.
    pub settings: BTreeMap<OrgId, Settings>,
    /// Sources.
    pub sources: BTreeMap<SourceId, Source>,
    /// Claims, expired ones too.
    pub claims: HashMap<ClaimKey, Claim>,
    /// Messages, expired ones too.
    pub messages: BTreeMap<(AppId, MessageId), Message>,
    /// Records of deliveries.
    pub deliveries: BTreeMap<DeliveryKey, Delivery>,
    /// Attempts that were confirmed before they were recorded.
    pub confirmed: BTreeMap<DeliveryKey, AttemptId>,
    /// Attempts with an entry of their own.
    pub listed: BTreeMap<(EndpointId, AttemptId), MessageId>,
    /// Recorded pages of large fan-outs.
    pub pages: BTreeMap<(AppId, MessageId, u32), FanPage>,
    /// The next free slot of each rate.
    pub paces: HashMap<(Paced, Duration), Time>,
    /// Background tasks.
    pub tasks: BTreeMap<TaskId, Task>,
    /// What was counted at each valve.
    pub valves: BTreeMap<EndpointId, u32>,
    /// Logs of pollers.
    pub logs: BTreeMap<EndpointId, Log>,
    /// Jobs that were submitted.
    pub jobs: Vec<Job>,
    /// Deliveries that were queued.
    pub parcels: Vec<Parcel>,
    /// What was revoked in each organization.
    pub revoked: BTreeMap<(OrgId, Revoked), Revocation>,
}

impl Memory {
    /// The tables, to look into and to fill.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that stands until it is moved, and numbers that never repeat. Clones share them.
#[derive(Debug, Clone)]
pub struct Bench {
    micros: Arc<AtomicI64>,
    drawn: Arc<AtomicU64>,
}

impl Bench {
    /// At that time.
    pub fn at(time: Time) -> Self {
        Self { micros: Arc::new(AtomicI64::new(time.micros())), drawn: Arc::default() }
    }

    /// Moves the clock.
    pub fn pass(&self, while_: std::time::Duration) {
        self.micros.fetch_add(i64::try_from(while_.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Ambient for Bench {
    fn now(&self) -> Time {
        Time::from_micros(self.micros.load(Ordering::Relaxed))
    }

    async fn sleep(&self, time: std::time::Duration) {
        self.pass(time);
    }

    fn fill(&self, bytes: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0x5a);
        for (to, from) in bytes.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
    }
}

/// One keyring, for ever.
impl Keys for Keyring {
    async fn keyring(&self, _wanted: Option<&str>) -> Result<Keyring, Unavailable> {
        Ok(self.clone())
    }
}

impl Jobs for Memory {
    async fn submit(&self, jobs: &[Job]) -> Result<(), Unavailable> {
        self.state().jobs.extend_from_slice(jobs);
        Ok(())
    }
}

impl Outbox for Memory {
    async fn send(&self, parcels: &[Parcel]) -> Result<(), Unavailable> {
        self.state().parcels.extend_from_slice(parcels);
        Ok(())
    }
}

/// Fetches nothing.
#[derive(Debug)]
pub struct Offline;

impl Fetcher for Offline {
    async fn fetch(&self, _url: &str, _limit: usize, _timeout: Duration) -> Result<String, Unfetched> {
        Err(Unfetched::Fault(Fault::Connect))
    }
}

impl Revocations for Memory {
    async fn revocation(&self, org: &OrgId, of: &Revoked) -> Result<Option<Revocation>, Unavailable> {
        Ok(self.state().revoked.get(&(org.clone(), of.clone())).cloned())
    }

    async fn save_revocation(
        &self,
        org: &OrgId,
        of: &Revoked,
        new: &Revocation,
        old: Option<&Revocation>,
    ) -> Result<bool, Unavailable> {
        let revoked = &mut self.state().revoked;
        let key = (org.clone(), of.clone());
        let is_meant = revoked.get(&key).map(|standing| standing.rev) == old.map(|old| old.rev);
        if is_meant {
            revoked.insert(key, new.clone());
        }
        Ok(is_meant)
    }
}

impl Claims for Memory {
    async fn claim(
        &self,
        key: &ClaimKey,
        claim: &Claim,
        over: Option<&Claim>,
        now: Time,
    ) -> Result<Option<Claim>, Unavailable> {
        let claims = &mut self.state().claims;
        match claims.get(key) {
            Some(standing) if standing.expires_at > now && Some(standing) != over => Ok(Some(standing.clone())),
            _ => {
                claims.insert(key.clone(), claim.clone());
                Ok(None)
            }
        }
    }

    async fn standing(&self, key: &ClaimKey) -> Result<Option<Claim>, Unavailable> {
        Ok(self.state().claims.get(key).cloned())
    }
}

impl Messages for Memory {
    async fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        self.arrive(arrivals);
        Ok(())
    }

    async fn store(&self, messages: &[Message]) -> Result<(), Unavailable> {
        let new = messages.iter().map(|message| ((message.app, message.id), message.clone()));
        self.state().messages.extend(new);
        Ok(())
    }

    async fn stored(&self, app: AppId, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        let state = self.state();
        Ok(ids.iter().filter_map(|id| Some((*id, state.messages.get(&(app, *id))?.clone()))).collect())
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        Ok(self.state().messages.get(&(app, id)).cloned())
    }
}

impl Record for Memory {
    async fn messages(&self, app: AppId, span: &Span) -> Result<Vec<Message>, Unavailable> {
        let state = self.state();
        let all = state.messages.iter().filter(|((of, _), _)| *of == app);
        Ok(select(all.map(|((_, id), message)| (id.ksuid(), message.clone())), span))
    }

    async fn deliveries(&self, endpoint: EndpointId, span: &Span) -> Result<Vec<Delivery>, Unavailable> {
        let state = self.state();
        let all = state.deliveries.iter().filter(|((of, _), _)| *of == endpoint);
        Ok(select(all.map(|((_, id), delivery)| (id.ksuid(), delivery.clone())), span))
    }

    async fn deliveries_by_key(&self, keys: &[DeliveryKey]) -> Result<HashMap<DeliveryKey, Delivery>, Unavailable> {
        let state = self.state();
        Ok(keys.iter().filter_map(|key| Some((*key, state.deliveries.get(key)?.clone()))).collect())
    }

    async fn listed_attempts(
        &self,
        endpoint: EndpointId,
        span: &Span,
    ) -> Result<Vec<(AttemptId, MessageId)>, Unavailable> {
        let state = self.state();
        let all = state.listed.iter().filter(|((of, _), _)| *of == endpoint);
        Ok(select(all.map(|((_, id), message)| (id.ksuid(), (*id, *message))), span))
    }
}

impl Confirming for Memory {
    async fn confirm(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let standing = state.deliveries.get_mut(&(delivery.endpoint, delivery.message));
        let Some(standing) = standing.filter(|standing| standing.rev + 1 == delivery.rev) else { return Ok(false) };
        standing.clone_from(delivery);
        Ok(true)
    }

    async fn note_confirmation(&self, confirmation: &Confirmation) -> Result<(), Unavailable> {
        self.state().confirmed.insert((confirmation.endpoint, confirmation.message), confirmation.attempt);
        Ok(())
    }
}

impl Recovery for Memory {
    async fn change(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let key = (delivery.endpoint, delivery.message);
        let standing = state.deliveries.get(&key);
        let succeeded = standing.is_some_and(|standing| standing.state == delivery::State::Succeeded);
        let stands = standing.map_or(0, |standing| standing.rev) + 1 == delivery.rev && !succeeded;
        if stands {
            state.deliveries.insert(key, delivery.clone());
        }
        Ok(stands)
    }

    async fn note_endpoint(&self, app: AppId, message: MessageId, endpoint: EndpointId) -> Result<(), Unavailable> {
        if let Some(message) = self.state().messages.get_mut(&(app, message))
            && !message.also.contains(&endpoint)
        {
            message.also.push(endpoint);
        }
        Ok(())
    }

    async fn dead_letters(&self, app: AppId, span: &DeadSpan) -> Result<Vec<DeadKey>, Unavailable> {
        let outside = |key: DeadKey| key.at() < span.since || key.at() > span.until;
        if span.since > span.until || span.after.is_some_and(outside) {
            // As DynamoDB does.
            return Err(Unavailable::new("reading dead letters", "a place outside of the span"));
        }
        let state = self.state();
        let dead = state
            .deliveries
            .values()
            .filter(|delivery| delivery.app == app && matches!(delivery.state, delivery::State::Failed(_)));
        let key = |delivery: &Delivery| DeadKey { message: delivery.message, endpoint: delivery.endpoint };
        let mut keys: Vec<_> = dead.map(key).filter(|key| key.at() >= span.since && key.at() <= span.until).collect();
        keys.sort_unstable_by(|a, b| if span.ascending { a.cmp(b) } else { b.cmp(a) });
        let follows = |key: &DeadKey| span.after.is_none_or(|after| (*key > after) == span.ascending && *key != after);
        Ok(keys.into_iter().filter(follows).take(span.limit).collect())
    }
}

impl Tasks for Memory {
    async fn save_task(&self, task: &Task) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let stands = state.tasks.get(&task.id).map_or(0, |standing| standing.rev) + 1 == task.rev;
        if stands {
            state.tasks.insert(task.id, task.clone());
        }
        Ok(stands)
    }

    async fn task(&self, org: &OrgId, id: TaskId) -> Result<Option<Task>, Unavailable> {
        Ok(self.state().tasks.get(&id).filter(|task| task.org == *org).cloned())
    }

    async fn tasks(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Task>, Unavailable> {
        let state = self.state();
        let after = scan.after.as_deref().and_then(|after| after.parse().ok());
        let follows = |id: TaskId| after.is_none_or(|after| (id > after) == scan.ascending && id != after);
        let mut all: Vec<_> =
            state.tasks.values().filter(|task| task.org == *org && follows(task.id)).cloned().collect();
        if !scan.ascending {
            all.reverse();
        }
        all.truncate(scan.limit);
        Ok(all)
    }
}

impl Valves for Memory {
    async fn touch(
        &self,
        (_, endpoint): (AppId, EndpointId),
        count: u32,
        _due: Time,
        _now: Time,
    ) -> Result<u32, Unavailable> {
        let mut state = self.state();
        let counted = state.valves.entry(endpoint).or_default();
        *counted += count;
        Ok(*counted)
    }

    async fn lock(&self, _endpoint: EndpointId, _now: Time, _until: Time) -> Result<bool, Unavailable> {
        Ok(false)
    }

    async fn unlock(&self, _endpoint: EndpointId, _until: Time) {}

    async fn held(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<DeliveryKey>, Unavailable> {
        let state = self.state();
        let held = state
            .deliveries
            .values()
            .filter(|delivery| delivery.endpoint == endpoint && matches!(delivery.state, delivery::State::Held { .. }));
        Ok(held.map(|delivery| (delivery.endpoint, delivery.message)).take(limit).collect())
    }
}

/// Of rows in ascending order.
fn select<T>(rows: impl DoubleEndedIterator<Item = (Ksuid, T)>, span: &Span) -> Vec<T> {
    let within = |id: Ksuid| span.below.is_none_or(|end| id < end) && span.above.is_none_or(|end| id > end);
    let rows = rows.filter(|(id, _)| within(*id)).map(|(_, row)| row);
    if span.ascending { rows.take(span.limit).collect() } else { rows.rev().take(span.limit).collect() }
}

/// Whether `new` may be written in place of what stands: only of exactly what the writer has read, or again.
fn verdict(standing: Option<u64>, new: u64, old: Option<u64>, uid_taken: bool) -> Saved {
    if old.is_none() && standing == Some(new) {
        return Saved::Done;
    }
    match (standing == old, uid_taken) {
        (false, _) => Saved::Stale,
        (true, true) => Saved::UidTaken,
        (true, false) => Saved::Done,
    }
}
