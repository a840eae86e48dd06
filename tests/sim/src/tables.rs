//! The tables, as DynamoDB keeps them: conditions hold, and the index of what is due lags behind.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    task::Waker,
    time::Duration,
};

use postrider_core::{
    claim::{Claim, ClaimKey},
    delivery::{Delivery, State},
    entity::{Application, Endpoint},
    ids::{AppId, AttemptId, EndpointId, Id as _, MessageId},
    message::Message,
    ports::{DeliveryKey, Due, LANES, Paced, Reservation, Slots, Valve},
    time::Time,
};

/// An entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Parked, or a valve; by due time.
    Due(Due),
    /// Held behind a valve; by the time since.
    Held(DeliveryKey),
}

/// An endpoint's valve, as it is stored.
#[derive(Debug, Clone)]
pub struct Gate {
    /// As the domain sees it.
    pub valve: Valve,
    /// When the scheduler looks at it.
    pub due: Time,
    /// Held since the last flush.
    pub count: u32,
    /// Somebody has the right to flush until then.
    pub locked: Option<Time>,
}

/// Something that expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Expiring {
    Message(AppId, MessageId),
    Delivery(DeliveryKey),
}

/// Both tables.
#[derive(Debug)]
pub struct Tables {
    /// The only application.
    pub application: Application,
    /// Its endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Messages, expired ones too.
    pub messages: BTreeMap<(AppId, MessageId), Message>,
    /// Records of deliveries.
    pub deliveries: BTreeMap<DeliveryKey, Delivery>,
    /// Claims, expired ones too.
    pub claims: HashMap<ClaimKey, Claim>,
    /// Valves.
    pub valves: BTreeMap<EndpointId, Gate>,
    /// Confirmations that came before their attempt was recorded.
    pub notes: HashMap<DeliveryKey, AttemptId>,
    /// The next free slot of a rate.
    pub paces: HashMap<(Paced, Duration), Time>,
    /// Those who wait for something to be due.
    pub waiters: Vec<Waker>,
    index: BTreeMap<Entry, Time>,
    lagging: Vec<(Time, Entry, Option<Time>)>,
    /// When each is removed, if it has expired by then.
    expiring: BTreeSet<(Time, Expiring)>,
}

/// The table keeps whole milliseconds of due times, and whole seconds of expiries.
fn as_stored(delivery: &Delivery) -> Delivery {
    let millis = |time: Time| Time::from_millis(time.millis());
    let state = match delivery.state {
        State::Waiting { due, parked } => State::Waiting { due: millis(due), parked },
        State::Held { since } => State::Held { since: millis(since) },
        State::Unconfirmed { due, parked } => State::Unconfirmed { due: millis(due), parked },
        ended => ended,
    };
    Delivery { state, expires_at: Time::from_secs(delivery.expires_at.secs()), ..delivery.clone() }
}

const fn entry(key: DeliveryKey, state: State) -> Option<(Entry, Time)> {
    match state {
        State::Waiting { due, parked: true } | State::Unconfirmed { due, parked: true } => {
            Some((Entry::Due(Due::Delivery(key)), due))
        }
        State::Held { since } => Some((Entry::Held(key), since)),
        _ => None,
    }
}

/// When the table removes what expires then: within two days.
fn removal(message: MessageId, expires_at: Time) -> Time {
    let bytes = message.ksuid().bytes();
    let lag = u64::from(u32::from_be_bytes([bytes[16], bytes[17], bytes[18], bytes[19]])) % (48 * 3_600);
    expires_at.plus(Duration::from_secs(lag))
}

fn lane(endpoint: EndpointId) -> u8 {
    endpoint.ksuid().bytes()[19] % LANES
}

impl Tables {
    /// With that application and those endpoints.
    pub fn new(application: Application, endpoints: impl Iterator<Item = Endpoint>) -> Self {
        Self {
            application,
            endpoints: endpoints.map(|endpoint| (endpoint.id, endpoint)).collect(),
            messages: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            claims: HashMap::new(),
            valves: BTreeMap::new(),
            notes: HashMap::new(),
            paces: HashMap::new(),
            waiters: Vec::new(),
            index: BTreeMap::new(),
            lagging: Vec::new(),
            expiring: BTreeSet::new(),
        }
    }

    /// Stores a message.
    pub fn store(&mut self, message: &Message) {
        let key = (message.app, message.id);
        self.expiring.insert((removal(message.id, message.expires_at), Expiring::Message(key.0, key.1)));
        self.messages.insert(key, message.clone());
    }

    /// Removes what has been expired for so long that the table has come to it.
    pub fn expire(&mut self, now: Time) {
        while let Some((at, what)) = self.expiring.first().copied().filter(|(at, _)| *at <= now) {
            self.expiring.remove(&(at, what));
            let (message, expires_at) = match what {
                Expiring::Message(app, id) => (id, self.messages.get(&(app, id)).map(|message| message.expires_at)),
                Expiring::Delivery(key) => (key.1, self.deliveries.get(&key).map(|delivery| delivery.expires_at)),
            };
            match (expires_at.map(|at| removal(message, at)), what) {
                (None, _) => {}
                // It was made to last longer meanwhile.
                (Some(at), _) if at > now => drop(self.expiring.insert((at, what))),
                (Some(_), Expiring::Message(app, id)) => drop(self.messages.remove(&(app, id))),
                (Some(_), Expiring::Delivery(key)) => self.remove(key, now),
            }
        }
    }

    fn remove(&mut self, key: DeliveryKey, now: Time) {
        let state = self.deliveries.remove(&key).map(|delivery| delivery.state);
        if let Some((gone, _)) = state.and_then(|state| entry(key, state)) {
            self.lagging.push((now, gone, None));
        }
    }

    /// Writes a record; the index follows at that time.
    pub fn put(&mut self, delivery: &Delivery, seen: Time) {
        let key = (delivery.endpoint, delivery.message);
        let delivery = as_stored(delivery);
        let after = entry(key, delivery.state);
        if !self.deliveries.contains_key(&key) {
            self.expiring.insert((removal(key.1, delivery.expires_at), Expiring::Delivery(key)));
        }
        let before = self.deliveries.insert(key, delivery).and_then(|old| entry(key, old.state));
        if before == after {
            return;
        }
        if let Some((gone, _)) = before.filter(|(old, _)| after.is_none_or(|(new, _)| new != *old)) {
            self.lagging.push((seen, gone, None));
        }
        if let Some((entry, time)) = after {
            self.lagging.push((seen, entry, Some(time)));
        }
        self.waiters.drain(..).for_each(Waker::wake);
    }

    /// Writes a record unless somebody else has written since the revision before it, or a success stands.
    pub fn put_after(&mut self, delivery: &Delivery, seen: Time) -> bool {
        let standing = self.deliveries.get(&(delivery.endpoint, delivery.message));
        let fits = match (delivery.rev, standing) {
            (0 | 1, standing) => standing.is_none(),
            (_, None) => false,
            (rev, Some(standing)) => standing.rev == rev - 1 && standing.state != State::Succeeded,
        };
        if fits {
            self.put(delivery, seen);
            return true;
        }
        // The very same record: it was written, and the answer was lost.
        standing.is_some_and(|standing| *standing == as_stored(delivery))
    }

    /// Moves a valve's due time, or removes it; the index follows at that time.
    pub fn see_valve(&mut self, endpoint: EndpointId, due: Option<Time>, seen: Time) {
        self.lagging.push((seen, Entry::Due(Due::Valve(endpoint)), due));
        self.waiters.drain(..).for_each(Waker::wake);
    }

    /// Counts what is about to be held, and makes the valve if there is none.
    pub fn touch(&mut self, (app, endpoint): (AppId, EndpointId), count: u32, times: (Time, Time), seen: Time) -> u32 {
        let (due, now) = (Time::from_millis(times.0.millis()), Time::from_millis(times.1.millis()));
        if !self.valves.contains_key(&endpoint) {
            self.see_valve(endpoint, Some(due), seen);
        }
        let valve = Valve { app, endpoint, touched: now };
        let gate = self.valves.entry(endpoint).or_insert(Gate { valve, due, count: 0, locked: None });
        gate.valve.touched = now;
        gate.count += count;
        gate.count
    }

    /// The next free slots of a rate.
    pub fn reserve(&mut self, wanted: &Reservation) -> Slots {
        let next = self.paces.get(&(wanted.of, wanted.interval)).map_or(wanted.from, |next| wanted.from.max(*next));
        if wanted.from.until(next) > wanted.horizon {
            return Slots::Full(next);
        }
        self.paces.insert((wanted.of, wanted.interval), next.plus(wanted.interval * wanted.count));
        Slots::From(next)
    }

    fn catch_up(&mut self, now: Time) {
        let mut later = Vec::new();
        for (seen, entry, time) in std::mem::take(&mut self.lagging) {
            // Changes of one entry are seen in their order.
            if seen > now || later.iter().any(|(_, other, _)| *other == entry) {
                later.push((seen, entry, time));
            } else if let Some(time) = time {
                self.index.insert(entry, time);
            } else {
                self.index.remove(&entry);
            }
        }
        self.lagging = later;
    }

    /// What the index shows of a lane.
    pub fn due(&mut self, of: u8, from: Time, now: Time, limit: usize) -> Vec<(Due, Time)> {
        self.catch_up(now);
        let mine = self.index.iter().filter_map(|(entry, at)| match entry {
            Entry::Due(due @ (Due::Delivery((endpoint, _)) | Due::Valve(endpoint))) if lane(*endpoint) == of => {
                Some((*due, *at))
            }
            _ => None,
        });
        let mut due: Vec<_> = mine.filter(|(_, at)| from <= *at && *at <= now).collect();
        due.sort_by_key(|(due, at)| (*at, *due));
        due.truncate(limit);
        due
    }

    /// What the index shows as held for an endpoint.
    pub fn held(&mut self, endpoint: EndpointId, now: Time, limit: usize) -> Vec<DeliveryKey> {
        self.catch_up(now);
        let mine = self.index.iter().filter_map(|(entry, since)| match entry {
            Entry::Held(key) if key.0 == endpoint => Some((*since, *key)),
            _ => None,
        });
        let mut held: Vec<_> = mine.collect();
        held.sort_unstable();
        held.into_iter().take(limit).map(|(_, key)| key).collect()
    }

    /// When something is due next, whether the index shows it or not.
    pub fn next_due(&self) -> Option<Time> {
        let parked = self.deliveries.iter().filter_map(|(key, delivery)| match entry(*key, delivery.state) {
            Some((Entry::Due(_), due)) => Some(due),
            _ => None,
        });
        parked.chain(self.valves.values().map(|gate| gate.due)).min()
    }

    /// How far behind the index may be.
    pub const LONGEST_LAG: Duration = Duration::from_mins(1);
}
