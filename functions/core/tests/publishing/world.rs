//! Ports in memory that die at a chosen call: from then on nothing works until they are revived, as for a function that
//! was killed at that `.await`. The fatal call itself may have had its effect, or not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use postrider_core::{
    claim::{Claim, ClaimKey},
    entity::{Application, Endpoint, EventType, Settings},
    ids::{AppId, EndpointId, Id as _, Ksuid, MessageId, OrgId, SourceId},
    job::Job,
    memory::Memory,
    message::{Content, Envelope, Message},
    poll::Arrival,
    ports::{
        Ambient, Audience, Claims, FanOuts, FanPage, Jobs, Messages, Outbox, Paces, Parcel, Reject, Rejects,
        Reservation, Saved, Scan, Slots, Sources, Subscribers, Unavailable,
    },
    publish::Publisher,
    source::Source,
    time::Time,
};

pub(crate) const START: Time = Time::from_secs(1_800_000_000);

/// All ports over one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: Memory,
    side: Mutex<Side>,
}

/// What is not in the tables.
#[derive(Debug, Default)]
pub(crate) struct Side {
    passed: Duration,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) rejects: Vec<Reject>,
    /// Reservations of rates.
    pub(crate) reserved: usize,
    /// Reads of what organizations demand, and of event types.
    pub(crate) looked: (usize, usize),
    calls: usize,
    fatal: Option<(usize, bool)>,
    is_dead: bool,
    dice: u64,
}

enum Fate {
    Works,
    Last { effect: bool },
    Dead,
}

pub(crate) fn app_id() -> AppId {
    AppId::from_ksuid(Ksuid::new(START, [9; 15]))
}

fn application() -> Application {
    let json = serde_json::json!({
        "id": app_id(), "org": "org_a", "name": "A", "created_at": START, "updated_at": START, "rev": 1,
    });
    serde_json::from_value(json).expect("an application")
}

pub(crate) fn endpoint(n: usize, at: Time) -> Endpoint {
    let mut random = [0; 15];
    random[7..].copy_from_slice(&(n as u64).to_be_bytes());
    let json = serde_json::json!({
        "id": EndpointId::from_ksuid(Ksuid::new(at, random)), "app": app_id(), "url": "https://example.com",
        "version": 1, "secrets": { "current": "k1:AAAA" }, "created_at": at, "updated_at": at, "rev": 1,
    });
    serde_json::from_value(json).expect("an endpoint")
}

impl World {
    pub(crate) fn new(endpoints: usize) -> Self {
        let world = Self::default();
        let mut tables = world.0.memory.state();
        tables.applications.insert(app_id(), application());
        let all = (0..endpoints).map(|n| endpoint(n, START));
        tables.endpoints.extend(all.map(|endpoint| ((app_id(), endpoint.id), endpoint)));
        drop(tables);
        world.pass(Duration::from_secs(100));
        world
    }

    pub(crate) fn publisher(&self) -> Publisher<Self, Self, Self, Self> {
        Publisher::new(self.clone(), self.clone(), self.clone(), self.clone())
    }

    pub(crate) fn operational_publisher(&self) -> Publisher<Self, Self, Self, Self> {
        Publisher::operational(self.clone(), self.clone(), self.clone(), self.clone())
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, postrider_core::memory::State> {
        self.0.memory.state()
    }

    pub(crate) fn side(&self) -> MutexGuard<'_, Side> {
        self.0.side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deliveries that were queued.
    pub(crate) fn queued(&self) -> Vec<Envelope> {
        let envelopes = self.side().parcels.clone().into_iter().map(|parcel| match parcel.content {
            Content::Delivery(envelope) => envelope,
            Content::Flush(_) => panic!("a flush"),
        });
        envelopes.collect()
    }

    /// How many messages and claims are stored.
    pub(crate) fn stored(&self) -> (usize, usize) {
        let tables = self.tables();
        (tables.messages.len(), tables.claims.len())
    }

    /// How many deliveries and jobs are queued.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let side = self.side();
        (side.parcels.len(), side.jobs.len())
    }

    /// The n-th call from now is the last one; `effect` tells whether it still happens.
    pub(crate) fn die_at(&self, call: usize, effect: bool) {
        let mut side = self.side();
        (side.calls, side.fatal) = (0, Some((call, effect)));
    }

    /// A new function instance. Tells whether the old one had died.
    pub(crate) fn revive(&self) -> bool {
        let mut side = self.side();
        side.fatal = None;
        std::mem::take(&mut side.is_dead)
    }

    /// Port calls since the last [`World::die_at`].
    pub(crate) fn calls(&self) -> usize {
        self.side().calls
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.side().passed += time;
    }

    fn fate(&self) -> Fate {
        let mut side = self.side();
        let number = side.calls;
        side.calls += 1;
        match side.fatal {
            _ if side.is_dead => Fate::Dead,
            Some((fatal, effect)) if fatal == number => {
                side.is_dead = true;
                Fate::Last { effect }
            }
            _ => Fate::Works,
        }
    }

    /// Lets others run first. Runs one port call, unless it is the fatal one or a later one.
    pub(crate) async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, Unavailable>> + Send,
    ) -> Result<T, Unavailable> {
        turn().await;
        match self.fate() {
            Fate::Works => return work.await,
            Fate::Last { effect: true } => drop(work.await),
            Fate::Last { effect: false } | Fate::Dead => {}
        }
        Err(Unavailable::new("a call", "killed"))
    }
}

/// Lets the other futures of a test go on.
pub(crate) async fn turn() {
    let mut is_mine = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_mine, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Ambient for World {
    fn now(&self) -> Time {
        START.plus(self.side().passed)
    }

    async fn sleep(&self, time: Duration) {
        self.pass(time);
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut side = self.side();
        for byte in bytes {
            side.dice = side.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = side.dice.to_be_bytes()[0];
        }
    }
}

impl Subscribers for World {
    async fn subscribers(&self, app: AppId) -> Result<Option<Audience>, Unavailable> {
        self.call(self.0.memory.subscribers(app)).await
    }

    async fn create_application(&self, new: &Application) -> Result<Saved, Unavailable> {
        self.call(self.0.memory.create_application(new)).await
    }

    async fn endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        self.call(self.0.memory.endpoints_after(app, after, limit)).await
    }

    async fn application_id(&self, org: &OrgId, uid: &str) -> Result<Option<AppId>, Unavailable> {
        self.call(Subscribers::application_id(&self.0.memory, org, uid)).await
    }

    async fn demands(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        self.side().looked.0 += 1;
        self.call(self.0.memory.demands(org)).await
    }

    async fn definition(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        self.side().looked.1 += 1;
        self.call(self.0.memory.definition(org, name)).await
    }
}

impl Sources for World {
    async fn source(&self, id: SourceId) -> Result<Option<Source>, Unavailable> {
        self.call(self.0.memory.source(id)).await
    }

    async fn source_id(&self, org: &OrgId, uid: &str) -> Result<Option<SourceId>, Unavailable> {
        self.call(self.0.memory.source_id(org, uid)).await
    }

    async fn sources(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Source>, Unavailable> {
        self.call(self.0.memory.sources(org, scan)).await
    }

    async fn save_source(&self, new: &Source, old: Option<&Source>) -> Result<Saved, Unavailable> {
        self.call(self.0.memory.save_source(new, old)).await
    }

    async fn delete_source(&self, old: &Source) -> Result<Saved, Unavailable> {
        self.call(self.0.memory.delete_source(old)).await
    }
}

impl Claims for World {
    async fn claim(
        &self,
        key: &ClaimKey,
        claim: &Claim,
        over: Option<&Claim>,
        now: Time,
    ) -> Result<Option<Claim>, Unavailable> {
        self.call(self.0.memory.claim(key, claim, over, now)).await
    }

    async fn standing(&self, key: &ClaimKey) -> Result<Option<Claim>, Unavailable> {
        self.call(self.0.memory.standing(key)).await
    }
}

impl Messages for World {
    async fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        self.call(self.0.memory.announce(arrivals)).await
    }

    async fn store(&self, messages: &[Message]) -> Result<(), Unavailable> {
        // A call for each request of 25: dying in the middle leaves some of them stored.
        for request in messages.chunks(25) {
            self.call(self.0.memory.store(request)).await?;
        }
        Ok(())
    }

    async fn stored(&self, app: AppId, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.call(self.0.memory.stored(app, ids)).await
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        self.call(self.0.memory.message(app, id)).await
    }
}

impl FanOuts for World {
    async fn pages(&self, app: AppId, message: MessageId) -> Result<Vec<FanPage>, Unavailable> {
        self.call(self.0.memory.pages(app, message)).await
    }

    async fn last_page(&self, app: AppId, message: MessageId) -> Result<Option<(u32, FanPage)>, Unavailable> {
        self.call(self.0.memory.last_page(app, message)).await
    }

    async fn record_page(
        &self,
        message: &Message,
        number: u32,
        page: &FanPage,
    ) -> Result<Option<FanPage>, Unavailable> {
        self.call(self.0.memory.record_page(message, number, page)).await
    }
}

impl Paces for World {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        self.side().reserved += 1;
        self.call(self.0.memory.reserve(wanted)).await
    }
}

impl Outbox for World {
    async fn send(&self, parcels: &[Parcel]) -> Result<(), Unavailable> {
        // A call for each request of ten: dying in the middle leaves some of them queued.
        for request in parcels.chunks(10) {
            let work = async {
                self.side().parcels.extend_from_slice(request);
                Ok(())
            };
            self.call(work).await?;
        }
        Ok(())
    }
}

impl Jobs for World {
    async fn submit(&self, jobs: &[Job]) -> Result<(), Unavailable> {
        let work = async {
            self.side().jobs.extend_from_slice(jobs);
            Ok(())
        };
        self.call(work).await
    }
}

impl Rejects for World {
    async fn set_aside(&self, reject: &Reject) -> Result<(), Unavailable> {
        let work = async {
            self.side().rejects.push(reject.clone());
            Ok(())
        };
        self.call(work).await
    }
}
