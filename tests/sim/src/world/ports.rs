//! The ports of delivering and waking.

use std::{collections::HashMap, time::Duration};

use postrider_core::{
    delivery::{Delivery, State},
    entity::Endpoint,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::{Content, Message},
    outbound::{Exchange, Outbound, Sender},
    ports::{DeadLetter, Deliveries, DeliveryKey, Due, Inbox, Known, Parking, Unavailable, Valve, Valves, Way},
    time::Time,
};

use super::{Dead, Inner, World, number};
use crate::{check, tables::Tables};

impl Inner {
    /// When the index will show what is written now.
    pub(super) fn index_time(&mut self) -> Time {
        let lag = if self.dice.chance(9_500) {
            self.dice.millis(5, 200)
        } else {
            self.dice.millis(200, u64::try_from(Tables::LONGEST_LAG.as_millis()).unwrap_or(0))
        };
        self.now.plus(lag)
    }

    /// A copy of a queue message was made by the queue itself.
    pub(super) fn duplicated(&mut self, body: &str) {
        self.injected += 1;
        if let Ok(Content::Delivery(envelope)) = Content::decode(body) {
            *self.excuses.entry((envelope.endpoint, envelope.message)).or_default() += 1;
        }
    }

    fn known(&mut self, deliveries: &[DeliveryKey], endpoints: &[(AppId, EndpointId)]) -> Known {
        self.look(deliveries);
        let tables = &self.tables;
        let record = |key: &DeliveryKey| Some((*key, tables.deliveries.get(key)?.clone()));
        let endpoint = |(_, id): &(AppId, EndpointId)| Some((*id, tables.endpoints.get(id)?.clone()));
        let application = &tables.application;
        Known {
            owners: HashMap::from([(application.id, application.clone().into())]),
            deliveries: deliveries.iter().filter_map(record).collect(),
            endpoints: endpoints.iter().filter_map(endpoint).collect(),
            ..Known::default()
        }
    }

    fn read_messages(&self, keys: &[(AppId, MessageId)]) -> HashMap<MessageId, Message> {
        keys.iter().filter_map(|key| Some((key.1, self.tables.messages.get(key)?.clone()))).collect()
    }

    /// Records whatever stands.
    pub fn overwrite(&mut self, delivery: &Delivery) {
        let seen = self.index_time();
        let before = self.tables.deliveries.get(&(delivery.endpoint, delivery.message)).cloned();
        self.tables.put(delivery, seen);
        check::on_record(self, delivery, before.as_ref());
    }

    fn write(&mut self, delivery: &Delivery) -> bool {
        let seen = self.index_time();
        let before = self.tables.deliveries.get(&(delivery.endpoint, delivery.message)).cloned();
        let written = self.tables.put_after(delivery, seen);
        if written && before.as_ref().is_none_or(|before| before.rev != delivery.rev) {
            check::on_record(self, delivery, before.as_ref());
        }
        self.note(|| {
            format!(
                "  {} {} rev {}: {:?}, {written}",
                delivery.endpoint, delivery.message, delivery.rev, delivery.state
            )
        });
        written
    }
}

impl Deliveries for World {
    async fn load(&self, keys: &[DeliveryKey], endpoints: &[(AppId, EndpointId)]) -> Result<Known, Unavailable> {
        self.call("load", |inner| inner.known(keys, endpoints)).await
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<DeliveryKey> {
        let mut lost: Vec<_> = done.iter().map(|delivery| (delivery.endpoint, delivery.message)).collect();
        let written = self.call("record successes", |inner| {
            let mut written = Vec::new();
            for delivery in done {
                if inner.is_stormy() {
                    inner.excuse("record a success");
                    continue;
                }
                inner.overwrite(delivery);
                written.push((delivery.endpoint, delivery.message));
            }
            written
        });
        let written = written.await.unwrap_or_default();
        lost.retain(|key| !written.contains(key));
        lost
    }

    async fn record(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        self.call("record", |inner| inner.write(delivery)).await
    }

    async fn save_health(&self, new: &Endpoint, old: &Endpoint) -> Result<bool, Unavailable> {
        self.call("save the health", |inner| {
            let standing = inner.tables.endpoints.get(&new.id);
            let same = standing == Some(new);
            let fits = standing.is_some_and(|standing| standing.rev == old.rev);
            if fits {
                inner.note(|| format!("  {}: {:?} disabled {}", new.id, new.health, new.disabled));
                inner.put_endpoint(new.clone());
            }
            fits || same
        })
        .await
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.call("read messages", |inner| inner.read_messages(keys)).await
    }

    async fn noted_confirmation(&self, key: DeliveryKey) -> Result<Option<AttemptId>, Unavailable> {
        self.call("look for a confirmation", |inner| inner.tables.notes.get(&key).copied()).await
    }

    async fn list_attempts(&self, _: &[(EndpointId, AttemptId, MessageId, Time)]) -> Result<(), Unavailable> {
        self.call("list attempts", |_| ()).await
    }
}

impl World {
    /// Records whatever stands: a bug.
    pub async fn record_anyway(&self, delivery: &Delivery) -> Result<(), Unavailable> {
        self.call("record anyway", |inner| inner.overwrite(delivery)).await
    }
}

impl Inner {
    /// Writes an endpoint.
    pub fn put_endpoint(&mut self, endpoint: Endpoint) {
        if endpoint.disabled {
            self.once_disabled.push(endpoint.id);
        }
        let now = self.now;
        if endpoint.health.open.is_none() {
            self.opened.remove(&endpoint.id);
        } else {
            self.opened.insert(endpoint.id, now);
        }
        if endpoint.disabled || endpoint.delivery.paused {
            self.closed.entry(endpoint.id).or_insert(now);
        } else {
            self.closed.remove(&endpoint.id);
        }
        self.tables.endpoints.insert(endpoint.id, endpoint);
    }
}

impl Valves for World {
    async fn touch(&self, endpoint: (AppId, EndpointId), count: u32, due: Time, now: Time) -> Result<u32, Unavailable> {
        self.call("touch a valve", |inner| {
            let seen = inner.index_time();
            inner.tables.touch(endpoint, count, (due, now), seen)
        })
        .await
    }

    async fn lock(&self, endpoint: EndpointId, now: Time, until: Time) -> Result<bool, Unavailable> {
        self.call("lock a valve", |inner| match inner.tables.valves.get_mut(&endpoint) {
            Some(gate) if gate.locked.is_none_or(|locked| locked <= now) => {
                (gate.locked, gate.count) = (Some(until), 0);
                true
            }
            _ => false,
        })
        .await
    }

    async fn unlock(&self, endpoint: EndpointId, until: Time) {
        let done = self.call("unlock a valve", |inner| {
            if let Some(gate) = inner.tables.valves.get_mut(&endpoint).filter(|gate| gate.locked == Some(until)) {
                gate.locked = None;
            }
        });
        // It ends by itself.
        let _ = done.await;
    }

    async fn held(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<DeliveryKey>, Unavailable> {
        self.call("look for what is held", |inner| {
            let now = inner.now;
            inner.tables.held(endpoint, now, limit)
        })
        .await
    }
}

impl Inbox for World {
    async fn hold(&self, way: Way, receipts: &[(String, Duration)]) {
        let done = self.call("hold", |inner| {
            for (receipt, wait) in receipts {
                if inner.is_stormy() {
                    inner.excuse("hold");
                    continue;
                }
                let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let now = inner.now;
                inner.queues[number(way)].hold(receipt, now, Duration::from_secs(secs));
            }
        });
        // What fails comes back after the queue's own visibility timeout.
        let _ = done.await;
    }

    async fn bury(&self, dead: &[DeadLetter]) -> Result<(), Unavailable> {
        self.call("bury", |inner| {
            let key = |letter: &DeadLetter| letter.about.map(|(_, endpoint, message)| (endpoint, message));
            inner.dead.extend(dead.iter().map(|letter| Dead {
                key: key(letter),
                body: letter.body.clone(),
                given_up: false,
            }));
        })
        .await
    }
}

impl Parking for World {
    async fn due(&self, lane: u8, from: Time, now: Time, limit: usize) -> Result<Vec<(Due, Time)>, Unavailable> {
        self.call("look for what is due", |inner| {
            let at = inner.now;
            inner.tables.due(lane, from, now.min(at), limit)
        })
        .await
    }

    async fn lease(&self, key: DeliveryKey, from: Time, to: Time) -> Result<Option<Delivery>, Unavailable> {
        self.call("lease", |inner| {
            let mut delivery = inner.tables.deliveries.get(&key)?.clone();
            match &mut delivery.state {
                State::Waiting { due, parked: true } | State::Unconfirmed { due, parked: true }
                    if due.millis() == from.millis() =>
                {
                    *due = to;
                }
                _ => return None,
            }
            let seen = inner.index_time();
            inner.tables.put(&delivery, seen);
            inner.tables.deliveries.get(&key).cloned()
        })
        .await
    }

    async fn lease_valve(&self, endpoint: EndpointId, from: Time, to: Time) -> Result<Option<Valve>, Unavailable> {
        self.call("lease a valve", |inner| {
            let seen = inner.index_time();
            let gate = inner.tables.valves.get_mut(&endpoint).filter(|gate| gate.due.millis() == from.millis())?;
            gate.due = Time::from_millis(to.millis());
            let (valve, due) = (gate.valve.clone(), gate.due);
            inner.tables.see_valve(endpoint, Some(due), seen);
            Some(valve)
        })
        .await
    }

    async fn release(&self, key: DeliveryKey, due: Time) -> Result<Option<Delivery>, Unavailable> {
        self.call("release", |inner| {
            let mut delivery = inner.tables.deliveries.get(&key)?.clone();
            if !matches!(delivery.state, State::Held { .. }) {
                return None;
            }
            delivery.state = State::Waiting { due, parked: true };
            let seen = inner.index_time();
            inner.tables.put(&delivery, seen);
            inner.tables.deliveries.get(&key).cloned()
        })
        .await
    }

    async fn remove_valve(&self, valve: &Valve) -> Result<(), Unavailable> {
        self.call("remove a valve", |inner| {
            let seen = inner.index_time();
            if inner.tables.valves.get(&valve.endpoint).is_some_and(|gate| gate.valve.touched == valve.touched) {
                inner.tables.valves.remove(&valve.endpoint);
                inner.tables.see_valve(valve.endpoint, None, seen);
                check::on_removal(inner, valve.endpoint);
            }
        })
        .await
    }

    async fn endpoint(&self, _: AppId, endpoint: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        self.call("read an endpoint", |inner| inner.tables.endpoints.get(&endpoint).cloned()).await
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.call("read messages", |inner| inner.read_messages(keys)).await
    }

    async fn cancel(&self, delivery: &Delivery) -> Result<(), Unavailable> {
        self.call("cancel", |inner| inner.write(delivery)).await.map(drop)
    }
}

impl Sender for World {
    async fn send(&self, request: Outbound) -> Exchange {
        let (number, exchange) = {
            let mut inner = self.lock();
            check::on_request(&mut inner, &request)
        };
        self.pause(exchange.duration / 2).await;
        if self.fails("die during a request") {
            self.lock().note(|| "died during a request".to_owned());
            self.die().await;
        }
        self.pause(exchange.duration / 2).await;
        check::on_answer(&mut self.lock(), number, &exchange);
        exchange
    }
}
