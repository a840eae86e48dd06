//! A sender's request is a message once, whatever crashes and however often it comes.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    claim::{KEY_LIFETIME, LEASE},
    ids::{Id as _, Ksuid, SourceId},
    keyring::Keyring,
    memory::Memory,
    ports::{Saved, Sources as _},
    problem::Problem,
    receive::{Headers, Receiver, Taken},
    source::Source,
};
use serde_json::json;

use crate::world::{START, World, app_id};

/// More calls than receiving makes.
const CALLS: usize = 16;
const SECRET: &str = "shown by the sender";
const OLD: &str = "shown before";

struct Gate {
    world: World,
    receiver: Receiver<World, Keyring, World>,
    id: SourceId,
}

fn ring() -> Keyring {
    Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("a keyring")
}

pub(crate) fn source(id: SourceId) -> Source {
    let seal = |text: &str| ring().seal_text(text, id, [7; 12]).expect("seals");
    let old = json!({"key": seal(OLD), "expires_at": START.plus(Duration::from_secs(200))});
    let json = json!({
        "id": id, "org": "org_a", "name": "A", "app": app_id(), "secrets": {"current": seal(SECRET), "old": [old]},
        "type": "api-key", "config": {"header": "x-key", "id": {"header": "x-id"}, "eventType": {"header": "x-type"}},
        "event_types": {"prefix": "acme"}, "created_at": START, "updated_at": START, "rev": 1,
    });
    serde_json::from_value(json).expect("a source")
}

impl Gate {
    fn new() -> Self {
        let (world, id) = (World::new(23), SourceId::from_ksuid(Ksuid::from_bytes([3; 20])));
        world.tables().sources.insert(id, source(id));
        let receiver = Receiver::new(world.clone(), ring(), world.clone());
        Self { world, receiver, id }
    }

    fn send(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Taken, Problem> {
        let headers: Headers = headers.iter().copied().collect();
        block_on(self.receiver.receive(&self.world.publisher(), &self.id.to_string(), &headers, body))
    }

    fn status(&self, key: &str, id: &str) -> u16 {
        self.send(&[("X-Key", key), ("x-id", id)], b"{}").map_or_else(|problem| problem.status(), |_| 200)
    }
}

#[test]
fn whatever_call_is_the_last_one_the_sender_that_comes_again_is_received_once() {
    let mut died = 0;
    for (call, effect) in (0..CALLS).flat_map(|call| [(call, false), (call, true)]) {
        let gate = Gate::new();
        gate.world.die_at(call, effect);
        let first = gate.status(SECRET, "evt-1");
        died += usize::from(gate.world.revive());
        gate.world.pass(LEASE + Duration::from_secs(1));
        let second = gate.status(SECRET, "evt-1");
        let at = format!("call {call}, effect {effect}: {first} {second}");
        assert!(matches!((first, second), (200 | 503, 200)), "{at}");
        assert_eq!(gate.world.tables().messages.len(), 1, "{at}");
    }
    assert!(died >= 8, "the calls were counted wrong: {died}");
}

#[test]
fn the_senders_id_tells_what_is_the_same_and_without_one_nothing_is() {
    let gate = Gate::new();
    let shown = ("x-key", SECRET);
    for body in [r#"{"try":1}"#, r#"{"try":2}"#] {
        gate.send(&[shown, ("x-id", "evt-1"), ("x-type", "a/b")], body.as_bytes()).expect("taken");
    }
    let messages: Vec<_> = gate.world.tables().messages.values().cloned().collect();
    assert_eq!(
        (messages.len(), messages[0].payload.as_deref().unwrap_or_default(), messages[0].event_type.as_str()),
        (1, r#"{"try":1}"#, "acme.a.b")
    );
    for n in 2..5 {
        gate.send(&[shown], b"{}").expect("taken");
        assert_eq!(gate.world.stored(), (n, 1));
    }
    gate.world.pass(KEY_LIFETIME);
    gate.send(&[shown, ("x-id", "evt-1")], b"{}").expect("taken");
    assert_eq!(gate.world.tables().messages.len(), 5);
}

#[test]
fn what_is_no_json_object_is_delivered_as_it_came() {
    for (content_type, body, stored) in [
        ("application/x-www-form-urlencoded", "a=1&b=%20", Some("application/x-www-form-urlencoded")),
        ("application/xml; charset=utf-8", "<a/>", Some("application/xml; charset=utf-8")),
        ("no media type", "plain", Some("text/plain; charset=utf-8")),
        ("application/json", "[1,  2]", Some("application/json")),
        ("", "", Some("text/plain; charset=utf-8")),
        ("text/plain", r#"{"a":  1}"#, None),
    ] {
        let gate = Gate::new();
        gate.send(&[("x-key", SECRET), ("content-type", content_type)], body.as_bytes()).expect("taken");
        let message = gate.world.tables().messages.values().next().expect("a message").clone();
        assert_eq!(
            (message.payload.as_deref().unwrap_or_default(), message.content_type.as_deref()),
            (body, stored),
            "{content_type}"
        );
    }
}

#[test]
fn what_is_refused_leaves_nothing_and_asks_for_nothing() {
    let gate = Gate::new();
    assert_eq!(gate.status("guessed", "evt-1"), 401);
    assert_eq!(gate.send(&[], b"{}").map_err(|problem| problem.status()).err(), Some(401));
    let problem = gate.send(&[("x-key", SECRET)], b"\xff").expect_err("not text");
    assert!(problem.status() == 400 && problem.body().contains("UTF-8"), "{}", problem.body());
    assert_eq!((gate.world.stored(), gate.world.waiting()), ((0, 0), (0, 0)));
}

#[test]
fn an_old_secret_counts_until_its_grace_ends_and_a_change_within_ten_seconds() {
    let gate = Gate::new();
    assert_eq!(gate.status(OLD, "evt-1"), 200);
    gate.world.pass(Duration::from_secs(100));
    assert_eq!((gate.status(OLD, "evt-2"), gate.status(SECRET, "evt-2")), (401, 200));
    gate.world.tables().sources.clear();
    assert_eq!(gate.status(SECRET, "evt-3"), 200);
    gate.world.pass(Duration::from_secs(10));
    assert_eq!(gate.status(SECRET, "evt-4"), 404);
    gate.world.tables().sources.insert(gate.id, Source { disabled: true, ..source(gate.id) });
    gate.world.pass(Duration::from_secs(10));
    assert_eq!(gate.status(SECRET, "evt-4"), 404);
}

#[test]
fn a_source_is_read_once_in_ten_seconds_and_so_is_that_there_is_none() {
    let gate = Gate::new();
    assert_eq!(gate.status("guessed", "evt-1"), 401);
    gate.world.die_at(0, false);
    assert_eq!(gate.status("guessed", "evt-1"), 401, "without a call");
    gate.world.revive();
    gate.world.tables().sources.clear();
    gate.world.pass(Duration::from_secs(10));
    assert_eq!(gate.status("guessed", "evt-1"), 404);
    gate.world.die_at(0, false);
    assert_eq!(gate.status("guessed", "evt-1"), 404, "without a call");
}

#[test]
fn secrets_that_do_not_open_are_the_deployments_fault_and_the_sender_comes_again() {
    let gate = Gate::new();
    let other = SourceId::from_ksuid(Ksuid::from_bytes([4; 20]));
    let copied = Source { id: gate.id, ..source(other) };
    gate.world.tables().sources.insert(gate.id, copied);
    assert_eq!(gate.status(SECRET, "evt-1"), 503);
}

#[test]
fn the_memory_of_sources_keeps_the_conditions_of_the_table() {
    let (memory, id) = (Memory::default(), SourceId::from_ksuid(Ksuid::from_bytes([3; 20])));
    let first = Source { uid: Some("u".to_owned()), ..source(id) };
    let other = Source { id: SourceId::from_ksuid(Ksuid::from_bytes([4; 20])), ..first.clone() };
    let save = |new: &Source, old: Option<&Source>| block_on(memory.save_source(new, old)).expect("memory");
    assert_eq!(save(&first, None), Saved::Done);
    assert_eq!(save(&other, None), Saved::UidTaken);
    assert_eq!(save(&Source { rev: 2, ..first.clone() }, Some(&first)), Saved::Done);
    assert_eq!(save(&Source { rev: 2, ..other }, Some(&first)), Saved::Stale);
    assert_eq!(block_on(memory.delete_source(&first)).expect("memory"), Saved::Stale);
}
