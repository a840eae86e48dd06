//! A crash at any call of publishing leaves nothing that repeating the request does not complete, once in effect.

use std::{collections::HashSet, time::Duration};

use crate::world::{World, app_id, endpoint};
use futures::executor::block_on;
use postrider_core::{
    claim::{ClaimKey, LEASE, fingerprint},
    filter::Filter,
    ids::EndpointId,
    job::Job,
    manner::Kind,
    message::{Envelope, Message},
    ports::Ambient as _,
    problem::{Problem, from_json},
    publish::{Draft, INLINE, Repeatable},
};
use serde_json::json;

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
    world.die_at(3, true);
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

#[test]
fn a_filter_chooses_by_the_payload_and_what_is_no_object_passes_none() {
    let world = World::new(3);
    let ids: Vec<_> = world.tables().endpoints.keys().map(|(_, id)| *id).collect();
    for (id, filter) in ids.iter().zip([json!({"total": [{"numeric": [">", 100]}]}), json!({"x": [{"exists": false}]})])
    {
        let filter = Filter::parse(&filter).expect("a filter");
        world.tables().endpoints.get_mut(&(app_id(), *id)).expect("an endpoint").delivery.filter = Some(filter);
    }
    let body = |payload: &str| format!(r#"{{"eventType":"a","payload":{payload}}}"#);
    let raw =
        |text: &str| format!(r#"{{"eventType":"a","payload":{{}},"transformationsParams":{{"rawPayload":{text}}}}}"#);
    let deep = format!(r#"{{"y":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for (body, expected) in [
        (body(r#"{"total":101}"#), &ids[..]),
        (body(r#"{"total":1,"x":1}"#), &ids[2..]),
        (body(r#"{"total":1}"#), &ids[1..]),
        (body(r#"{"total":1e999}"#), &ids[2..]),
        (body(&deep), &ids[2..]),
        (raw(r#""<total/>""#), &ids[2..]),
        (raw(r#""[1]""#), &ids[2..]),
        (raw(r#""{\"total\":101}""#), &ids[..]),
    ] {
        let message = publish(&world, None, &body).expect("published");
        assert_eq!(message.endpoints, expected, "{body}");
    }
}

/// Makes the first endpoint a poller.
pub(crate) fn with_poller(world: &World) -> EndpointId {
    let mut tables = world.tables();
    let poller = tables.endpoints.values_mut().next().expect("an endpoint");
    poller.delivery.kind = Kind::Poller;
    poller.id
}

#[test]
fn pollers_are_announced_what_others_are_queued_before_it_is_stored() {
    let body = r#"{"eventType":"a","payload":{"n":1}}"#;
    for (call, effect) in (0..8).flat_map(|call| [(call, false), (call, true)]) {
        let world = World::new(2);
        let poller = with_poller(&world);
        world.die_at(call, effect);
        let first = publish(&world, Some("k"), body);
        let arrivals = |world: &World| {
            let tables = world.tables();
            tables.logs.get(&poller).map_or(Vec::new(), |log| log.arrivals.keys().copied().collect())
        };
        if let Some(stored) = world.tables().messages.values().next() {
            assert!(!world.side().parcels.is_empty(), "call {call}, effect {effect}: {first:?}, {stored:?}");
        }
        if world.stored().0 > 0 {
            assert_eq!(arrivals(&world).len(), 1, "call {call}, effect {effect}: {first:?}");
        }
        world.revive();
        world.pass(LEASE + Duration::from_secs(1));
        let message = publish(&world, Some("k"), body).expect("published");
        assert_eq!(arrivals(&world), [message.id], "call {call}, effect {effect}");
        assert_eq!(message.endpoints.len(), 1);
        assert!(!message.endpoints.contains(&poller) && world.queued().iter().all(|sent| sent.endpoint != poller));
    }
}

#[test]
fn a_disabled_poller_is_announced_everything_too() {
    let world = World::new(1);
    let poller = with_poller(&world);
    world.tables().endpoints.values_mut().for_each(|endpoint| endpoint.disabled = true);
    let message = publish(&world, None, r#"{"eventType":"a","payload":{}}"#).expect("published");
    assert!(message.endpoints.is_empty() && message.held.is_empty() && world.queued().is_empty());
    assert!(world.tables().logs[&poller].arrivals.contains_key(&message.id));
}
