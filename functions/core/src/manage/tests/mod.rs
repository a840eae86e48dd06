//! The use cases over ports in memory.

use std::{collections::VecDeque, sync::Mutex};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::*;
use crate::{
    entity::Endpoint,
    ids::Ksuid,
    keyring::Keyring,
    memory::{Bench, Memory},
    outbound::{Answer, Exchange, Fault, Outbound},
    problem::from_json,
    token::Caller,
};

mod applications;
mod consent;
mod endpoints;
mod event_types;
mod headers;
mod import;
mod manner;
mod secrets;
mod settings;
mod sources;
mod telling;
mod trying_anew;

/// An organization, and what its use cases run on.
struct World {
    memory: Memory,
    ring: Keyring,
    bench: Bench,
    receiver: Receiver,
    caller: Caller,
}

/// Is asked for its consent.
#[derive(Default)]
struct Receiver {
    answers: Mutex<VecDeque<Result<Answer, Fault>>>,
    asked: Mutex<Vec<Outbound>>,
}

impl Sender for Receiver {
    async fn send(&self, outbound: Outbound) -> Exchange {
        self.asked.lock().expect("lock").push(outbound);
        let answer = self.answers.lock().expect("lock").pop_front();
        Exchange { duration: Duration::ZERO, result: answer.unwrap_or(Err(Fault::Connect)) }
    }
}

impl World {
    fn new() -> Self {
        let ring = Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#);
        Self {
            memory: Memory::default(),
            ring: ring.expect("keyring"),
            receiver: Receiver::default(),
            bench: Bench::at(Time::from_secs(1_800_000_000)),
            caller: Caller::organization("org_a".parse().expect("org")),
        }
    }

    fn manager(&self) -> Manager<'_, Memory, Keyring, Bench, Receiver, Memory> {
        Manager {
            directory: &self.memory,
            keys: &self.ring,
            ambient: &self.bench,
            sender: &self.receiver,
            jobs: &self.memory,
            plain_http: false,
            origin: "postrider.example",
        }
    }

    /// Of an instant of its own.
    fn id(&self) -> Ksuid {
        self.bench.pass(Duration::from_millis(4));
        self.bench.ksuid()
    }

    async fn application(&self, body: &str) -> Result<Value, Problem> {
        let made = self.manager().create_application(&self.caller, self.id(), &read(body), false).await;
        made.map(|made| shown(&made.into_inner()))
    }

    /// Creates an endpoint of the application with uid `app`, which is there afterwards.
    async fn endpoint(&self, body: &str) -> Result<Value, Problem> {
        let _ = self.application(r#"{"name":"A","uid":"app"}"#).await;
        let made = self.manager().create_endpoint(&self.caller, self.id(), "app", read(body)).await;
        made.map(|endpoint| shown(&endpoint))
    }

    async fn patched(&self, segment: &str, patch: &str) -> Result<Value, Problem> {
        let patched = self.manager().patch_endpoint(&self.caller, "app", segment, read(patch)).await;
        patched.map(|endpoint| shown(&endpoint))
    }

    async fn replaced(&self, segment: &str, body: &str) -> Result<Value, Problem> {
        let put = self.manager().put_endpoint(&self.caller, self.id(), "app", segment, read(body)).await;
        put.map(|made| shown(&made.into_inner()))
    }

    /// The only endpoint as it is stored.
    fn stored(&self) -> Endpoint {
        self.memory.state().endpoints.values().next().expect("an endpoint").clone()
    }

    /// Changes it behind the API.
    fn alter(&self, change: impl FnOnce(&mut Endpoint)) {
        change(self.memory.state().endpoints.values_mut().next().expect("an endpoint"));
    }

    async fn event_type(&self, body: &str) -> Result<Value, Problem> {
        let made = self.manager().create_event_type(&self.caller, self.id(), &read(body)).await;
        made.map(|kind| shown(&kind))
    }
}

fn read<T: DeserializeOwned>(body: &str) -> T {
    from_json(body.as_bytes()).unwrap_or_else(|problem| panic!("{body}: {}", problem.body()))
}

fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("JSON")
}

/// The paths of the fields that a 422 names.
fn fields<T: std::fmt::Debug>(result: Result<T, Problem>) -> Vec<String> {
    match result {
        Err(Problem::Invalid(items)) => items.iter().map(|item| item.loc.join(".")).collect(),
        other => panic!("not a 422: {other:?}"),
    }
}

fn status<T>(result: &Result<T, Problem>) -> u16 {
    result.as_ref().map_or_else(Problem::status, |_| 200)
}
