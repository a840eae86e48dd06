//! A crash at any call of publishing leaves nothing that repeating the request does not complete, once in effect.

use std::{collections::HashSet, time::Duration};

use futures::executor::block_on;
use postrider_core::{
    claim::{ClaimKey, LEASE, fingerprint},
    message::{Envelope, Message},
    problem::{Problem, from_json},
    publish::{Draft, Publisher, Repeatable},
};

use crate::world::World;

const ENDPOINTS: u8 = 3;
/// More calls than one publication makes.
const CALLS: usize = 16;

fn publish(world: &World, key: Option<&str>, body: &str) -> Result<Message, Problem> {
    let publisher = Publisher::new(world.clone(), world.clone(), world.clone(), world.clone());
    let org = world.lock().application.org.clone();
    let app = world.lock().application.id.to_string();
    let key = key.map(|key| ClaimKey::idempotency(&org, "/path", key));
    let repeatable = Repeatable { key, fingerprint: fingerprint(&[body.as_bytes()]) };
    let draft: Draft<'_> = from_json(body.as_bytes())?;
    block_on(publisher.publish(&org, &app, &draft, &repeatable))
}

fn queued(world: &World) -> Vec<Envelope> {
    world.lock().queue.iter().map(|queued| Envelope::decode(&queued.body).expect("an envelope")).collect()
}

/// Dies at every call in turn, then repeats the request; checks that the repetition completes it.
fn dies_everywhere(key: Option<&str>, body: &str) {
    let mut died = 0;
    for (call, effect) in (0..CALLS).flat_map(|call| [(call, false), (call, true)]) {
        let world = World::new(ENDPOINTS);
        world.die_at(call, effect);
        let first = publish(&world, key, body);
        died += usize::from(world.revive());
        world.pass(LEASE + Duration::from_secs(1));
        let second = publish(&world, key, body);
        let at = format!("call {call}, effect {effect}: {second:?}");
        let id = match (first, second) {
            // Said no, and the message is complete all the same: the answer of the store was lost.
            (Err(_), Err(problem)) if key.is_none() && problem.status() == 409 => {
                world.lock().messages.values().next().expect("stored").id
            }
            (Ok(first), Ok(second)) => {
                assert_eq!(first, second, "{at}");
                second.id
            }
            (Ok(first), Err(problem)) if key.is_none() && problem.status() == 409 => first.id,
            (Err(_), Ok(second)) => second.id,
            _ => panic!("{at}"),
        };
        assert_eq!(world.lock().messages.len(), 1, "{at}");
        assert!(queued(&world).iter().all(|envelope| envelope.message == id), "{at}");
        let reached: HashSet<_> = queued(&world).iter().map(|envelope| envelope.endpoint).collect();
        assert_eq!(reached.len(), usize::from(ENDPOINTS), "{at}");
    }
    assert!(died >= 8, "the calls were counted wrong: {died}");
}

#[test]
fn an_idempotency_key_completes_what_a_crash_left() {
    dies_everywhere(Some("k"), r#"{"eventType":"a","payload":{"n":1}}"#);
}

#[test]
fn an_event_id_completes_what_a_crash_left() {
    dies_everywhere(None, r#"{"eventType":"a","eventId":"e1","payload":{"n":1}}"#);
}

#[test]
fn both_together_do_too() {
    dies_everywhere(Some("k"), r#"{"eventType":"a","eventId":"e1","payload":{"n":1}}"#);
}

#[test]
fn a_key_is_for_one_request_and_waits_while_it_is_in_flight() {
    let world = World::new(1);
    world.die_at(2, true);
    publish(&world, Some("k"), r#"{"eventType":"a","payload":{}}"#).expect_err("died");
    world.revive();
    let again = publish(&world, Some("k"), r#"{"eventType":"a","payload":{}}"#);
    assert_eq!(again.map_err(|problem| problem.status()), Err(409));
    let other = publish(&world, Some("k"), r#"{"eventType":"b","payload":{}}"#);
    assert_eq!(other.map_err(|problem| problem.status()), Err(422));
    world.pass(LEASE + Duration::from_secs(1));
    publish(&world, Some("k"), r#"{"eventType":"a","payload":{}}"#).expect("resumes");
}

#[test]
fn rules_are_named_with_their_fields() {
    let world = World::new(1);
    for (body, field) in [
        (r#"{"eventType":"","payload":{}}"#, "eventType"),
        (r#"{"eventType":"a","payload":[]}"#, "payload"),
        (r#"{"eventType":"a","payload":{},"channels":[]}"#, "channels"),
        (r#"{"eventType":"a","payload":{},"eventId":"msg_1"}"#, "eventId"),
        (r#"{"eventType":"a","payload":{},"payloadRetentionPeriod":4}"#, "payloadRetentionPeriod"),
        (r#"{"eventType":7,"payload":{}}"#, "eventType"),
        (r#"{"payload":{}}"#, "body"),
    ] {
        let problem = publish(&world, None, body).expect_err("refused");
        assert_eq!(problem.status(), 422, "{body}");
        assert!(problem.body().contains(&format!("{field:?}")), "{body}: {}", problem.body());
    }
    assert_eq!(world.lock().queue.len(), 0);
}

#[test]
fn a_refused_request_leaves_its_key_to_the_mended_one() {
    let world = World::new(1);
    publish(&world, None, r#"{"eventType":"a","eventId":"e1","payload":{}}"#).expect("published");
    let taken = publish(&world, Some("k"), r#"{"eventType":"a","eventId":"e1","payload":{"n":2}}"#);
    assert_eq!(taken.map_err(|problem| problem.status()), Err(409));
    publish(&world, Some("k"), r#"{"eventType":"a","eventId":"e2","payload":{"n":2}}"#).expect("published");
}

#[test]
fn a_large_payload_to_many_endpoints_is_refused_before_anything_is_queued() {
    let world = World::new(255);
    let body = format!(r#"{{"eventType":"a","payload":{{"x":"{}"}}}}"#, "x".repeat(270_000));
    let problem = publish(&world, None, &body).expect_err("refused");
    assert_eq!((problem.status(), world.lock().queue.len()), (413, 0));
}
