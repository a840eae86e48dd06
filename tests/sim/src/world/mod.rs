//! The simulated world: the clock, the queues, the tables, the receivers, and what goes wrong.

mod faults;
mod keep;
mod ports;
mod publishing;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use postrider_core::{
    delivery::Delivery,
    entity::Endpoint,
    ids::{EndpointId, MessageId},
    message::Message,
    ports::{DeliveryKey, Way},
    time::Time,
};

pub use keep::{app, endpoint_id, org, ring};

use crate::{
    check::Violation,
    dice::Dice,
    executor::{Role, Timers},
    queue::{Queue, Rules},
    receiver::Request,
    scenario::{START, Scenario},
    tables::Tables,
};

/// A delivery that is in the dead-letter queue.
#[derive(Debug, Clone)]
pub struct Dead {
    /// Which; unknown where the text is no delivery.
    pub key: Option<DeliveryKey>,
    /// Its text.
    pub body: String,
    /// The queue gave it up itself.
    pub given_up: bool,
}

/// What an instance knew of a delivery when it last read it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it read.
    pub at: Time,
    /// The record.
    pub record: Option<Delivery>,
    /// The endpoint as it stood then, whether the instance read it or not.
    pub endpoint: Option<Endpoint>,
}

/// What is known of a task.
#[derive(Debug, Default)]
pub struct Desk {
    /// When it took up its batch.
    pub begun: Option<Time>,
    /// The deliveries of its batch.
    pub batch: BTreeMap<DeliveryKey, Seen>,
}

/// Everything there is.
#[derive(Debug)]
pub struct Inner {
    /// The time.
    pub now: Time,
    /// Who waits for which time.
    pub timers: Timers,
    /// Draws what happens.
    pub dice: Dice,
    /// What was drawn at the beginning.
    pub scenario: Scenario,
    /// The queue of first attempts, and that of the others.
    pub queues: [Queue; 2],
    /// The dead-letter queue.
    pub dead: Vec<Dead>,
    /// The tables.
    pub tables: Tables,
    /// What the endpoints got.
    pub requests: Vec<Request>,
    /// Answered with 202: by publication.
    pub accepted: Vec<(u8, Message)>,
    /// Faults that may have led to another request for a delivery.
    pub excuses: HashMap<DeliveryKey, u32>,
    /// The same for every delivery of a publication, and of all.
    pub producer_faults: HashMap<u8, u32>,
    /// Faults of the scheduler.
    pub scheduler_faults: u32,
    /// When each success was recorded.
    pub successes: HashMap<DeliveryKey, Time>,
    /// Deliveries that were given up with their message, which came after all.
    pub revived: BTreeSet<DeliveryKey>,
    /// How often dead letters were sent back.
    pub redriven: HashMap<DeliveryKey, u32>,
    /// Endpoints that were ever disabled.
    pub once_disabled: Vec<EndpointId>,
    /// When the health of an endpoint was last written, while its circuit is open.
    pub opened: HashMap<EndpointId, Time>,
    /// Since when an endpoint has been disabled or paused.
    pub closed: HashMap<EndpointId, Time>,
    /// Tasks that handle a batch.
    pub busy: BTreeSet<usize>,
    /// Producers and operators that have not finished.
    pub actors: usize,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// Calls that were made, by what they do.
    pub calls: BTreeMap<&'static str, u64>,
    /// Faults that were injected.
    pub injected: u64,
    /// What happened, if it is kept.
    pub trace: Option<Vec<String>>,
    desks: HashMap<usize, Desk>,
    current: (usize, Option<Role>),
    died: bool,
}

/// All ports over one state.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Inner>>);

/// The function's timeouts and the queue's, as the template has them.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);
const VISIBILITY: Duration = Duration::from_mins(3);
/// In flight, as SQS limits it.
pub const IN_FLIGHT: usize = 120_000;

impl World {
    /// At the beginning of a run.
    pub fn new(scenario: Scenario, dice: Dice, trace: bool) -> Self {
        let rules = Rules { visibility: VISIBILITY, max_receives: scenario.max_receives, in_flight_limit: IN_FLIGHT };
        let tables = keep::tables(&scenario);
        Self(Arc::new(Mutex::new(Inner {
            now: START,
            timers: Timers::default(),
            dice,
            queues: [Queue::new(rules, 1_000), Queue::new(rules, 5_000)],
            dead: Vec::new(),
            tables,
            requests: Vec::new(),
            accepted: Vec::new(),
            excuses: HashMap::new(),
            producer_faults: HashMap::new(),
            scheduler_faults: 0,
            successes: HashMap::new(),
            revived: BTreeSet::new(),
            redriven: HashMap::new(),
            once_disabled: Vec::new(),
            opened: HashMap::new(),
            closed: HashMap::new(),
            busy: BTreeSet::new(),
            actors: 0,
            violations: Vec::new(),
            calls: BTreeMap::new(),
            injected: 0,
            trace: trace.then(Vec::new),
            desks: HashMap::new(),
            current: (0, None),
            died: false,
            scenario,
        })))
    }

    /// The state.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits on the simulated clock.
    pub fn pause(&self, time: Duration) -> Sleep {
        let at = self.lock().now.plus(time);
        Sleep { world: self.clone(), at, set: false }
    }

    /// Waits until then.
    pub fn until(&self, at: Time) -> Sleep {
        Sleep { world: self.clone(), at, set: false }
    }
}

/// See [`World::pause`].
#[derive(Debug)]
pub struct Sleep {
    world: World,
    at: Time,
    set: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut inner = this.world.lock();
        if inner.now >= this.at {
            return Poll::Ready(());
        }
        if !this.set {
            inner.set_timer(this.at, context);
            this.set = true;
        }
        Poll::Pending
    }
}

/// The number of a queue.
pub const fn number(way: Way) -> usize {
    match way {
        Way::Prompt => 0,
        Way::Retry => 1,
    }
}

impl Inner {
    /// Wakes the one who polls at that time.
    pub fn set_timer(&mut self, at: Time, context: &Context<'_>) {
        self.timers.set(at, &mut self.dice, context.waker().clone());
    }

    /// A task is polled.
    pub fn enter(&mut self, task: usize, role: Role) {
        self.current = (task, Some(role));
        self.died = false;
    }

    /// It was; tells whether it died meanwhile.
    pub fn leave(&mut self) -> bool {
        let died = std::mem::take(&mut self.died);
        if died {
            let (task, now) = (self.current.0, self.now);
            self.note(|| "died".to_owned());
            self.desks.remove(&task);
            self.busy.remove(&task);
            let open = self.requests.iter_mut().filter(|request| request.task == task && request.ended.is_none());
            open.for_each(|request| request.ended = Some(now));
        }
        self.current = (0, None);
        died
    }

    /// Writes a line of the trace.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        let (now, role) = (self.now, self.current.1);
        if let Some(trace) = &mut self.trace {
            let who = role.map_or_else(|| "world".to_owned(), |role| format!("{role:?}"));
            let micros = START.until(now).as_micros();
            trace.push(format!("{:>10}.{:06} {who:<18} {}", micros / 1_000_000, micros % 1_000_000, what()));
        }
    }

    /// Something must not have happened.
    pub fn violate(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("VIOLATION {what}"));
        self.violations.push(Violation { at: self.now, what });
    }

    /// What the current task last read of a delivery.
    pub fn seen(&self, key: DeliveryKey) -> Option<&Seen> {
        self.desks.get(&self.current.0)?.batch.get(&key)
    }

    /// The current task begins with a batch.
    pub fn begin(&mut self) {
        self.busy.insert(self.current.0);
        let desk = Desk { begun: Some(self.now), ..Desk::default() };
        self.desks.insert(self.current.0, desk);
    }

    /// When the current task took up its batch: what it knows of endpoints may be older still.
    pub fn begun(&self) -> Time {
        self.desks.get(&self.current.0).and_then(|desk| desk.begun).unwrap_or(self.now)
    }

    /// The current task has done its batch.
    pub fn end(&mut self) {
        self.busy.remove(&self.current.0);
    }

    /// The task that runs.
    pub const fn task(&self) -> usize {
        self.current.0
    }

    /// The current task read what stands.
    pub fn look(&mut self, keys: &[DeliveryKey]) {
        let at = self.now;
        let desk = self.desks.entry(self.current.0).or_default();
        for key in keys {
            let record = self.tables.deliveries.get(key).cloned();
            let endpoint = self.tables.endpoints.get(&key.0).cloned();
            desk.batch.insert(*key, Seen { at, record, endpoint });
        }
    }

    /// The publication that made a message.
    pub fn publication(&self, message: MessageId) -> Option<u8> {
        let accepted = self.accepted.iter().map(|(_, message)| message);
        let stored = self.tables.messages.values().chain(accepted).find(|stored| stored.id == message)?;
        stored.payload.as_ref()?.trim_start_matches("{\"n\":").trim_end_matches('}').parse().ok()
    }

    /// Faults that may have led to another request for a delivery.
    pub fn excuses(&self, key: DeliveryKey) -> u32 {
        let own = self.excuses.get(&key).copied().unwrap_or(0);
        let producer = self.publication(key.1).and_then(|n| self.producer_faults.get(&n).copied()).unwrap_or(0);
        own + producer + self.scheduler_faults
    }
}
