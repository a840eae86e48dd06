//! A crash at any call of publishing leaves nothing that repeating the request does not complete, once in effect.

use std::{collections::HashSet, time::Duration};

use futures::executor::block_on;
use postrider_core::{
    claim::{ClaimKey, LEASE, fingerprint},
    job::Job,
    message::{Envelope, Message},
    ports::Ambient as _,
    problem::{Problem, from_json},
    publish::{Draft, INLINE, Repeatable},
};

use crate::world::{World, app_id, endpoint};

/// More than one request to the queue takes.
const ENDPOINTS: usize = 23;
/// More calls than one publication makes.
const CALLS: usize = 16;

pub(crate) fn publish(world: &World, key: Option<&str>, body: &str) -> Result<Message, Problem> {
    let org = "org_a".parse().expect("an organization");
    let key = key.map(|key| ClaimKey::idempotency(&org, "/path", key));
    let repeatable = Repeatable { key, fingerprint: fingerprint(&[body.as_bytes()]) };
    let draft: Draft<'_> = from_json(body.as_bytes())?;
    block_on(world.publisher().publish(&org, &app_id().to_string(), &draft, &repeatable))
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
                world.tables().messages.values().next().expect("stored").id
            }
            (Ok(first), Ok(second)) => {
                assert_eq!(first, second, "{at}");
                second.id
            }
            (Ok(first), Err(problem)) if key.is_none() && problem.status() == 409 => first.id,
            (Err(_), Ok(second)) => second.id,
            _ => panic!("{at}"),
        };
        assert_eq!(world.tables().messages.len(), 1, "{at}");
        assert!(world.queued().iter().all(|envelope| envelope.message == id), "{at}");
        let reached: HashSet<_> = world.queued().iter().map(|envelope| envelope.endpoint).collect();
        assert_eq!(reached.len(), ENDPOINTS, "{at}");
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
    assert_eq!(world.side().parcels.len(), 0);
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
fn a_raw_payload_is_queued_and_stored_as_it_is() {
    let world = World::new(1);
    let raw = r#"{"rawPayload":"<a b=\"c\"/>","headers":{"content-type":"application/xml"}}"#;
    let body = format!(r#"{{"eventType":"a","payload":{{}},"transformationsParams":{raw}}}"#);
    let message = publish(&world, None, &body).expect("published");
    assert_eq!(
        (message.payload.as_deref(), message.content_type.as_deref()),
        (Some("<a b=\"c\"/>"), Some("application/xml"))
    );
    let queued = Envelope::decode(&world.queued()[0].encode()).expect("an envelope");
    assert_eq!((Some(queued.payload), queued.content_type), (message.payload, message.content_type));
}

#[test]
fn what_goes_to_many_endpoints_is_left_to_a_job() {
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(270_000));
    for (endpoints, payload, fans_out) in
        [(INLINE, "{}", false), (INLINE + 1, "{}", true), (248, &large, false), (249, &large, true)]
    {
        let world = World::new(endpoints);
        let body = format!(r#"{{"eventType":"a","payload":{payload}}}"#);
        let message = publish(&world, None, &body).expect("published");
        let named = message.endpoints.len();
        assert_eq!((message.fans_out, named), (fans_out, if fans_out { 0 } else { endpoints }), "{endpoints}");
        let job = Job::FanOut { app: message.app, message: message.id, since: world.now() };
        assert_eq!(world.side().jobs, if fans_out { vec![job] } else { vec![] }, "{endpoints}");
        assert_eq!(world.side().parcels.len(), named, "{endpoints}");
    }
}

#[test]
fn those_that_do_not_match_do_not_make_it_many_unless_they_are_more_than_a_query_gives() {
    for (others, fans_out) in [(INLINE, false), (1_000, true)] {
        let world = World::new(2);
        for n in 0..others {
            let mut other = endpoint(100 + n, world.now());
            other.event_types = Some(vec!["b".to_owned()]);
            world.tables().endpoints.insert((app_id(), other.id), other);
        }
        let message = publish(&world, None, r#"{"eventType":"a","payload":{}}"#).expect("published");
        assert_eq!(message.fans_out, fans_out, "{others}");
    }
}
