//! In-memory ports that die at a chosen call: from then on nothing works until they are revived, as for a function
//! that was killed at that `.await`. The fatal call itself may have had its effect, or not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use postrider_core::{
    claim::{Claim, ClaimKey},
    delivery::{Delivery, State},
    entity::{Application, Endpoint, EventType, Secrets, Settings},
    ids::{AppId, AttemptId, EndpointId, Id as _, Ksuid, MessageId, OrgId},
    job::Job,
    keyring::Keyring,
    message::Message,
    outbound::{Answer, Exchange, Outbound, Sender},
    poll::Arrival,
    ports::{
        Ambient, Audience, Claims, DeadLetter, Deliveries, DeliveryKey, Due, Inbox, Jobs, Keys, Known, LANES, Messages,
        Outbox, Paces, Parcel, Parking, Reservation, Saved, Slots, Subscribers, Unavailable, Valve, Valves, Way,
    },
    secret::SigningSecret,
    time::Time,
};

/// A queue message.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) id: u64,
    pub(crate) way: Way,
    pub(crate) body: String,
    pub(crate) visible: Time,
    pub(crate) receives: u32,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that goes wrong by itself")]
pub(crate) struct Inner {
    pub(crate) now: Time,
    pub(crate) queue: Vec<Queued>,
    pub(crate) dead: Vec<DeadLetter>,
    pub(crate) claims: HashMap<ClaimKey, Claim>,
    pub(crate) messages: HashMap<(AppId, MessageId), Message>,
    pub(crate) deliveries: HashMap<DeliveryKey, Delivery>,
    pub(crate) sent: Vec<Outbound>,
    /// Statuses that the endpoint answers, then 200 for ever.
    pub(crate) script: Vec<u16>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) application: Application,
    /// With their due times and what they counted.
    pub(crate) valves: HashMap<EndpointId, (Valve, Time, u32)>,
    pub(crate) jobs: Vec<Job>,
    /// How far ahead slots are; `None`: there are none.
    pub(crate) ahead: Option<Duration>,
    /// The index shows what is held no more.
    pub(crate) index_lags: bool,
    /// Successes cannot be recorded; and a request takes a second.
    pub(crate) throttled: bool,
    /// Somebody gives the endpoint another URL while a request is made.
    pub(crate) mended: bool,
    /// How long the next reservations take, the last first; then none does.
    pub(crate) reserving: Vec<Duration>,
    calls: usize,
    fatal: Option<(usize, bool)>,
    is_dead: bool,
    dice: u64,
    queued: u64,
}

/// All ports over one state.
#[derive(Debug, Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

pub(crate) const START: Time = Time::from_secs(1_800_000_000);

pub(crate) fn ring() -> Keyring {
    Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("a keyring")
}

fn endpoint(app: AppId, n: u8) -> Endpoint {
    let id = EndpointId::from_ksuid(Ksuid::new(START, [n; 15]));
    let key = ring().seal(&SigningSecret::generate([n; 24]), id, [n; 12]).expect("seals");
    let json = serde_json::json!({
        "id": id, "app": app, "url": format!("https://example.com/{n}"), "version": 1,
        "secrets": Secrets { current: key, old: vec![] }, "created_at": START, "updated_at": START, "rev": 1,
    });
    serde_json::from_value(json).expect("an endpoint")
}

impl World {
    pub(crate) fn new(endpoints: u8) -> Self {
        let app = AppId::from_ksuid(Ksuid::new(START, [9; 15]));
        let application = serde_json::json!({
            "id": app, "org": "org_a", "name": "A", "created_at": START, "updated_at": START, "rev": 1,
        });
        Self(Arc::new(Mutex::new(Inner {
            now: START.plus(Duration::from_secs(100)),
            queue: vec![],
            dead: vec![],
            claims: HashMap::new(),
            messages: HashMap::new(),
            deliveries: HashMap::new(),
            sent: vec![],
            script: vec![],
            endpoints: (1..=endpoints).map(|n| endpoint(app, n)).collect(),
            application: serde_json::from_value(application).expect("an application"),
            valves: HashMap::new(),
            jobs: vec![],
            ahead: Some(Duration::ZERO),
            index_lags: false,
            throttled: false,
            mended: false,
            reserving: vec![],
            calls: 0,
            fatal: None,
            is_dead: false,
            dice: 1,
            queued: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The n-th call from now is the last one; `effect` tells whether it still happens.
    pub(crate) fn die_at(&self, call: usize, effect: bool) {
        let mut inner = self.lock();
        inner.calls = 0;
        inner.fatal = Some((call, effect));
    }

    /// A new function instance. Tells whether the old one had died.
    pub(crate) fn revive(&self) -> bool {
        let mut inner = self.lock();
        inner.fatal = None;
        std::mem::take(&mut inner.is_dead)
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut inner = self.lock();
        inner.now = inner.now.plus(time);
    }

    /// Runs one port call, unless it is the fatal one or a later one.
    fn call<T>(&self, effect: impl FnOnce(&mut Inner) -> T) -> Result<T, Unavailable> {
        let mut inner = self.lock();
        let number = inner.calls;
        inner.calls += 1;
        let gone = || Unavailable::new("a call", "killed");
        match inner.fatal {
            _ if inner.is_dead => Err(gone()),
            Some((fatal, happens)) if fatal == number => {
                inner.is_dead = true;
                if happens {
                    effect(&mut inner);
                }
                Err(gone())
            }
            _ => Ok(effect(&mut inner)),
        }
    }
}

impl Ambient for World {
    fn now(&self) -> Time {
        self.lock().now
    }

    async fn sleep(&self, time: Duration) {
        self.pass(time);
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut inner = self.lock();
        for byte in bytes {
            inner.dice = inner.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = inner.dice.to_be_bytes()[0];
        }
    }
}

impl Keys for World {
    async fn keyring(&self, _: Option<&str>) -> Result<Keyring, Unavailable> {
        Ok(ring())
    }
}

impl Subscribers for World {
    async fn subscribers(&self, _: AppId) -> Result<Option<Audience>, Unavailable> {
        self.call(|inner| {
            let (application, endpoints) = (inner.application.clone(), inner.endpoints.clone());
            Some(Audience { application, endpoints, complete: true })
        })
    }

    async fn create_application(&self, _: &Application) -> Result<Saved, Unavailable> {
        Ok(Saved::Stale)
    }

    async fn endpoints_after(
        &self,
        _: AppId,
        _: Option<EndpointId>,
        _: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        Ok(None)
    }

    async fn application_id(&self, _: &OrgId, _: &str) -> Result<Option<AppId>, Unavailable> {
        Ok(None)
    }

    async fn demands(&self, _: &OrgId) -> Result<Option<Settings>, Unavailable> {
        Ok(None)
    }

    async fn definition(&self, _: &OrgId, _: &str) -> Result<Option<EventType>, Unavailable> {
        Ok(None)
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
        self.call(|inner| match inner.claims.get(key) {
            Some(standing) if Some(standing) != over && standing.expires_at > now => Some(standing.clone()),
            _ => {
                inner.claims.insert(key.clone(), claim.clone());
                None
            }
        })
    }

    async fn standing(&self, key: &ClaimKey) -> Result<Option<Claim>, Unavailable> {
        self.call(|inner| inner.claims.get(key).cloned())
    }
}

impl Messages for World {
    async fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        assert!(arrivals.is_empty(), "there are no pollers here");
        Ok(())
    }

    async fn store(&self, messages: &[Message]) -> Result<(), Unavailable> {
        let new = messages.iter().map(|message| ((message.app, message.id), message.clone()));
        self.call(|inner| inner.messages.extend(new))
    }

    async fn stored(&self, app: AppId, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.call(|inner| ids.iter().filter_map(|id| Some((*id, inner.messages.get(&(app, *id))?.clone()))).collect())
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        self.call(|inner| inner.messages.get(&(app, id)).cloned())
    }
}

impl Outbox for World {
    async fn send(&self, parcels: &[Parcel]) -> Result<(), Unavailable> {
        // One call each: dying in the middle leaves some of them queued.
        for parcel in parcels {
            self.call(|inner| {
                inner.queued += 1;
                let (id, visible) = (1_000 + inner.queued, inner.now.plus(parcel.delay));
                inner.queue.push(Queued { id, way: parcel.way, body: parcel.content.encode(), visible, receives: 0 });
            })?;
        }
        Ok(())
    }
}

impl Jobs for World {
    async fn submit(&self, jobs: &[Job]) -> Result<(), Unavailable> {
        self.call(|inner| inner.jobs.extend_from_slice(jobs))
    }
}

impl Paces for World {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        self.call(|inner| {
            let takes = inner.reserving.pop().unwrap_or_default();
            inner.now = inner.now.plus(takes);
            let full = Slots::Full(wanted.from.plus(wanted.horizon));
            inner.ahead.map_or(full, |ahead| Slots::From(wanted.from.plus(ahead)))
        })
    }
}

impl Valves for World {
    async fn touch(
        &self,
        (app, endpoint): (AppId, EndpointId),
        count: u32,
        due: Time,
        now: Time,
    ) -> Result<u32, Unavailable> {
        self.call(|inner| {
            let valve = Valve { app, endpoint, touched: now };
            let standing = inner.valves.entry(endpoint).or_insert((valve, due, 0));
            standing.0.touched = now;
            standing.2 += count;
            standing.2
        })
    }

    async fn lock(&self, endpoint: EndpointId, _: Time, _: Time) -> Result<bool, Unavailable> {
        self.call(|inner| inner.valves.contains_key(&endpoint))
    }

    async fn unlock(&self, _: EndpointId, _: Time) {}

    async fn held(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<DeliveryKey>, Unavailable> {
        self.call(|inner| {
            let since = |delivery: &Delivery| match delivery.state {
                State::Held { since } => Some(since),
                State::Succeeded if inner.index_lags => Some(Time::from_secs(0)),
                _ => None,
            };
            let mine = inner.deliveries.iter().filter(|((of, _), _)| *of == endpoint);
            let mut held: Vec<_> = mine.filter_map(|(key, delivery)| Some((since(delivery)?, *key))).collect();
            held.sort_unstable();
            held.into_iter().map(|(_, key)| key).take(limit).collect()
        })
    }
}

impl Sender for World {
    async fn send(&self, request: Outbound) -> Exchange {
        let status = self.call(|inner| {
            inner.sent.push(request);
            inner.now = inner.now.plus(Duration::from_secs(inner.throttled.into()));
            if inner.mended {
                "https://elsewhere.example/".clone_into(&mut inner.endpoints[0].url);
                inner.endpoints[0].rev += 1;
            }
            if inner.script.is_empty() { 200 } else { inner.script.remove(0) }
        });
        let result = status.map(|status| Answer { status, body: String::new(), headers: vec![] });
        Exchange { duration: Duration::ZERO, result: result.map_err(|_| postrider_core::outbound::Fault::Connect) }
    }
}

impl Deliveries for World {
    async fn load(&self, keys: &[DeliveryKey], endpoints: &[(AppId, EndpointId)]) -> Result<Known, Unavailable> {
        self.call(|inner| Known {
            deliveries: keys.iter().filter_map(|key| Some((*key, inner.deliveries.get(key)?.clone()))).collect(),
            endpoints: inner
                .endpoints
                .iter()
                .filter(|endpoint| endpoints.contains(&(endpoint.app, endpoint.id)))
                .map(|endpoint| (endpoint.id, endpoint.clone()))
                .collect(),
            ..Known::default()
        })
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<DeliveryKey> {
        let keys = done.iter().map(|delivery| (delivery.endpoint, delivery.message));
        let write = |inner: &mut Inner| {
            if !inner.throttled {
                inner.deliveries.extend(keys.clone().zip(done.iter().cloned()));
            }
            !inner.throttled
        };
        if self.call(write).unwrap_or(false) { vec![] } else { keys.collect() }
    }

    async fn record(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        self.call(|inner| {
            let key = (delivery.endpoint, delivery.message);
            let stands = inner.deliveries.get(&key);
            let succeeded = stands.is_some_and(|standing| standing.state == State::Succeeded);
            let fits = stands.map_or(0, |standing| standing.rev) + 1 == delivery.rev && !succeeded;
            if fits {
                inner.deliveries.insert(key, delivery.clone());
            }
            fits
        })
    }

    async fn save_health(&self, new: &Endpoint, old: &Endpoint) -> Result<bool, Unavailable> {
        self.call(|inner| match inner.endpoints.iter_mut().find(|endpoint| endpoint.id == old.id) {
            Some(standing) if standing.rev == old.rev => {
                *standing = new.clone();
                true
            }
            _ => false,
        })
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        Parking::messages(self, keys).await
    }

    async fn noted_confirmation(&self, _: DeliveryKey) -> Result<Option<AttemptId>, Unavailable> {
        self.call(|_| None)
    }

    async fn list_attempts(&self, _: &[(EndpointId, AttemptId, MessageId, Time)]) -> Result<(), Unavailable> {
        self.call(|_| ())
    }
}

impl Inbox for World {
    async fn hold(&self, _: Way, receipts: &[(String, Duration)]) {
        let _ = self.call(|inner| {
            for (receipt, wait) in receipts {
                let until = inner.now.plus(*wait);
                inner.queue.iter_mut().filter(|queued| queued.id.to_string() == *receipt).for_each(|queued| {
                    queued.visible = until;
                });
            }
        });
    }

    async fn bury(&self, dead: &[DeadLetter]) -> Result<(), Unavailable> {
        self.call(|inner| inner.dead.extend(dead.iter().cloned()))
    }
}

impl Parking for World {
    async fn due(&self, lane: u8, from: Time, now: Time, limit: usize) -> Result<Vec<(Due, Time)>, Unavailable> {
        self.call(|inner| {
            let parked = |delivery: &Delivery| match delivery.state {
                State::Waiting { due, parked: true } | State::Unconfirmed { due, parked: true } => Some(due),
                _ => None,
            };
            let is_mine = |endpoint: &EndpointId| endpoint.ksuid().bytes()[19] % LANES == lane;
            let deliveries = inner.deliveries.iter().filter(|((endpoint, _), _)| is_mine(endpoint));
            let deliveries = deliveries.filter_map(|(key, delivery)| Some((Due::Delivery(*key), parked(delivery)?)));
            let valves = inner.valves.iter().filter(|(endpoint, _)| is_mine(endpoint));
            let all = deliveries.chain(valves.map(|(endpoint, (_, due, _))| (Due::Valve(*endpoint), *due)));
            let mut due: Vec<_> = all.filter(|(_, due)| (from..=now).contains(due)).collect();
            due.sort_by_key(|(what, at)| (*at, *what));
            due.truncate(limit);
            due
        })
    }

    async fn lease(&self, key: DeliveryKey, from: Time, to: Time) -> Result<Option<Delivery>, Unavailable> {
        self.call(|inner| {
            let delivery = inner.deliveries.get_mut(&key)?;
            match &mut delivery.state {
                State::Waiting { due, parked: true } | State::Unconfirmed { due, parked: true } if *due == from => {
                    *due = to;
                }
                _ => return None,
            }
            Some(delivery.clone())
        })
    }

    async fn lease_valve(&self, endpoint: EndpointId, from: Time, to: Time) -> Result<Option<Valve>, Unavailable> {
        self.call(|inner| {
            let (valve, due, _) = inner.valves.get_mut(&endpoint).filter(|(_, due, _)| *due == from)?;
            *due = to;
            Some(valve.clone())
        })
    }

    async fn release(&self, key: DeliveryKey, due: Time) -> Result<Option<Delivery>, Unavailable> {
        self.call(|inner| {
            let delivery = inner.deliveries.get_mut(&key).filter(|is| matches!(is.state, State::Held { .. }))?;
            delivery.state = State::Waiting { due, parked: true };
            Some(delivery.clone())
        })
    }

    async fn remove_valve(&self, valve: &Valve) -> Result<(), Unavailable> {
        self.call(|inner| {
            inner
                .valves
                .retain(|endpoint, (standing, ..)| *endpoint != valve.endpoint || standing.touched != valve.touched);
        })
    }

    async fn endpoint(&self, _: AppId, endpoint: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        self.call(|inner| inner.endpoints.iter().find(|standing| standing.id == endpoint).cloned())
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.call(|inner| {
            keys.iter().filter_map(|key| Some((key.1, inner.messages.get(key)?.clone()))).collect::<HashMap<_, _>>()
        })
    }

    async fn cancel(&self, delivery: &Delivery) -> Result<(), Unavailable> {
        self.record(delivery).await.map(drop)
    }
}
