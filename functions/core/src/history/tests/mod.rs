//! The record as it is shown, over ports in memory.

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::{
    delivery::{Attempt, Delivery, State},
    entity::{Application, Metadata},
    ids::{AppId, AttemptId, EndpointId, Id as _, Ksuid, MessageId},
    memory::Memory,
    message::Message,
    page::{Ask, Key, Page},
    token::Caller,
};

mod attempts;
mod lists;
mod stats;

const NOW: Time = Time::from_secs(1_800_000_000);
const LATER: Time = Time::from_secs(1_800_900_000);

fn ksuid(secs: u32, n: u8) -> Ksuid {
    let mut random = [n; 15];
    random[14] = 1;
    Ksuid::new(Time::from_secs(NOW.secs() - 100_000 + i64::from(secs)), random)
}

fn app() -> AppId {
    AppId::from_ksuid(Ksuid::from_bytes([1; 20]))
}

fn endpoint(n: u8) -> EndpointId {
    EndpointId::from_ksuid(Ksuid::from_bytes([n; 20]))
}

fn message(secs: u32, n: u8) -> Message {
    Message {
        id: MessageId::from_ksuid(ksuid(secs, n)),
        app: app(),
        event_type: format!("type.{}", n % 2),
        event_id: Some(format!("event-{secs}-{n}")),
        channels: n.is_multiple_of(3).then(|| vec!["c".to_owned()]),
        payload: Some("{ \"b\":1,\"a\" : 1.0 }".into()),
        content_type: None,
        at: ksuid(secs, n).time(),
        expires_at: LATER,
        endpoints: vec![endpoint(7)],
        held: Vec::new(),
        also: Vec::new(),
        trace: None,
        fans_out: false,
    }
}

fn attempt(id: AttemptId, status: u16) -> Attempt {
    let (response, url) = ("yes".to_owned(), "https://example.com/".to_owned());
    Attempt { id, at: id.ksuid().time(), millis: 5, status, fault: None, response, url, manual: false }
}

/// A store with the application `app`.
struct World {
    memory: Memory,
    caller: Caller,
}

impl World {
    fn new() -> Self {
        let caller = Caller::organization("org_a".parse().expect("org"));
        let memory = Memory::default();
        let application = Application {
            id: app(),
            org: caller.org.clone(),
            uid: Some("app".to_owned()),
            name: "A".to_owned(),
            throttle_rate: None,
            publish_rate: None,
            metadata: Metadata::new(),
            created_at: NOW,
            updated_at: NOW,
            rev: 1,
        };
        memory.state().applications.insert(app(), application);
        Self { memory, caller }
    }

    fn history(&self) -> History<'_, Memory, Memory> {
        History { directory: &self.memory, record: &self.memory, now: NOW }
    }

    fn store(&self, message: Message) {
        self.memory.state().messages.insert((message.app, message.id), message);
    }

    /// Records a delivery as the delivery function does: what is not in place gets an entry of its own.
    fn record(&self, message: MessageId, to: EndpointId, state: State, attempts: Vec<Attempt>) {
        let mut delivery = Delivery::new(app(), to, message, LATER);
        (delivery.state, delivery.attempts) = (state, attempts);
        let mut stored = self.memory.state();
        for attempt in delivery.attempts.iter().filter(|attempt| !delivery.is_in_place(attempt.id)) {
            stored.listed.insert((to, attempt.id), message);
        }
        stored.deliveries.insert((to, message), delivery);
    }
}

fn ask<K: Key>(limit: u64, iterator: Option<&str>) -> Ask<K> {
    Ask::new(Some(limit), iterator).expect("valid")
}

fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("JSON")
}

fn ids<T: Serialize>(page: &Page<T>) -> Vec<String> {
    let rows = shown(page)["data"].as_array().expect("rows").clone();
    rows.iter().map(|row| row["id"].as_str().expect("id").to_owned()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}
