//! Messages of one request: a crash at any call leaves nothing that repeating the request does not complete, each
//! message once in effect.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::executor::block_on;
use postrider_core::{
    claim::{ClaimKey, LEASE, fingerprint},
    ids::{EndpointId, MessageId},
    problem::{Problem, from_json},
    publish::{Draft, Outcome, Publisher, Repeatable},
};
use proptest::prelude::*;

use crate::world::{World, app_id};

type Instance = Publisher<World, World, World, World>;

fn publish_by(instance: &Instance, key: Option<&str>, bodies: &[String]) -> Result<Vec<Outcome>, Problem> {
    let org = "org_a".parse().expect("an organization");
    let key = key.map(|key| ClaimKey::idempotency(&org, "/path", key));
    let parts: Vec<_> = bodies.iter().map(String::as_bytes).collect();
    let request = Repeatable { key, fingerprint: fingerprint(&parts) };
    let drafts = bodies.iter().map(|body| from_json::<Draft<'_>>(body.as_bytes())).collect();
    block_on(instance.publish_all(&org, &app_id().to_string(), drafts, &request))
}

fn publish(world: &World, key: Option<&str>, bodies: &[String]) -> Result<Vec<Outcome>, Problem> {
    publish_by(&world.publisher(), key, bodies)
}

/// The statuses of all, where 202 is a message.
fn statuses(outcomes: &[Outcome]) -> Vec<u16> {
    outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Problem::status, |_| 202)).collect()
}

fn events(n: usize) -> Vec<String> {
    (0..n).map(|n| format!(r#"{{"eventType":"a","payload":{{"n":{n}}}}}"#)).collect()
}

fn with_ids(n: usize) -> Vec<String> {
    (0..n).map(|n| format!(r#"{{"eventType":"a","eventId":"e{n}","payload":{{"n":{n}}}}}"#)).collect()
}

/// Every stored message is queued for every endpoint, and nothing else is.
fn is_complete(world: &World, endpoints: usize, messages: usize) -> bool {
    let stored: HashSet<MessageId> = world.tables().messages.values().map(|message| message.id).collect();
    let mut queued: HashMap<MessageId, HashSet<EndpointId>> = HashMap::new();
    for envelope in world.queued() {
        queued.entry(envelope.message).or_default().insert(envelope.endpoint);
    }
    stored.len() == messages
        && queued.len() == messages
        && queued.iter().all(|(id, reached)| stored.contains(id) && reached.len() == endpoints)
}

/// Dies at every call in turn, then repeats the request with its key.
fn dies_everywhere(bodies: &[String], refused: usize) {
    const ENDPOINTS: usize = 3;
    let (mut died, mut call) = (0, 0);
    loop {
        let before = died;
        for effect in [false, true] {
            let world = World::new(ENDPOINTS);
            world.die_at(call, effect);
            let first = publish(&world, Some("k"), bodies);
            died += usize::from(world.revive());
            world.pass(LEASE + Duration::from_secs(1));
            let second = publish(&world, Some("k"), bodies).unwrap_or_else(|error| panic!("{call} {effect}: {error}"));
            let at = format!("call {call}, effect {effect}");
            let accepted = bodies.len() - refused;
            assert_eq!(statuses(&second).iter().filter(|status| **status == 202).count(), accepted, "{at}");
            assert!(is_complete(&world, ENDPOINTS, accepted), "{at}: {:?}", world.stored());
            if let Ok(first) = first {
                assert_eq!(ids(&first), ids(&second), "{at}");
            }
        }
        if died == before {
            break;
        }
        call += 1;
    }
    assert!(died > 2 * (bodies.len() * ENDPOINTS / 10), "the calls were counted wrong: {died}");
}

fn ids(outcomes: &[Outcome]) -> Vec<Option<MessageId>> {
    outcomes.iter().map(|outcome| outcome.as_ref().ok().map(|message| message.id)).collect()
}

#[test]
fn a_key_completes_exactly_what_a_crash_left_out() {
    dies_everywhere(&events(1), 0);
    dies_everywhere(&events(60), 0);
}

#[test]
fn event_ids_do_not_stand_in_its_way() {
    dies_everywhere(&with_ids(12), 0);
}

#[test]
fn neither_do_refused_messages() {
    let mut bodies = with_ids(6);
    bodies.extend(events(6));
    bodies.insert(3, r#"{"eventType":"","payload":{}}"#.to_owned());
    bodies.push("{".to_owned());
    bodies.push(bodies[0].clone());
    dies_everywhere(&bodies, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Any messages, any number of crashes: once it is told that all is well, it is.
    #[test]
    fn any_request_that_is_repeated_often_enough_is_complete_once(
        kinds in prop::collection::vec(0..4_u8, 1..40),
        crashes in prop::collection::vec((0..60_usize, any::<bool>()), 0..6),
    ) {
        let body = |(n, kind): (usize, &u8)| match kind {
            0 => format!(r#"{{"eventType":"a","eventId":"e{n}","payload":{{}}}}"#),
            1 => format!(r#"{{"eventType":"a b","payload":{{}},"n":{n}}}"#),
            _ => format!(r#"{{"eventType":"a","payload":{{"n":{n}}}}}"#),
        };
        let bodies: Vec<_> = kinds.iter().enumerate().map(body).collect();
        let world = World::new(2);
        for (call, effect) in crashes {
            world.die_at(call, effect);
            let _ = publish(&world, Some("k"), &bodies);
            world.revive();
            world.pass(LEASE);
        }
        let outcomes = publish(&world, Some("k"), &bodies).expect("an answer");
        let expected: Vec<u16> = kinds.iter().map(|kind| if *kind == 1 { 422 } else { 202 }).collect();
        let accepted = expected.iter().filter(|status| **status == 202).count();
        prop_assert_eq!(statuses(&outcomes), expected);
        prop_assert!(is_complete(&world, 2, accepted));
        prop_assert_eq!(ids(&publish(&world, Some("k"), &bodies).expect("again")), ids(&outcomes));
    }
}

#[test]
fn ids_are_in_the_order_of_the_request_and_it_takes_few_calls() {
    let world = World::new(1);
    world.die_at(usize::MAX, false);
    let outcomes = publish(&world, Some("k"), &events(100)).expect("published");
    let ids: Vec<_> = ids(&outcomes).into_iter().flatten().collect();
    assert!(ids.len() == 100 && ids.is_sorted());
    // One look at what is demanded, one query, one claim, ten requests to the queue, four to the store.
    assert_eq!(world.calls(), 17);
}

#[test]
fn a_key_is_for_one_request_and_waits_while_it_is_in_flight() {
    let world = World::new(1);
    world.die_at(3, false);
    publish(&world, Some("k"), &events(5)).expect_err("died");
    world.revive();
    let status = |bodies: &[String]| publish(&world, Some("k"), bodies).map(drop).map_err(|problem| problem.status());
    assert_eq!(status(&events(5)), Err(409));
    assert_eq!(status(&events(6)), Err(422));
    world.pass(LEASE);
    assert_eq!(status(&events(5)), Ok(()));
    assert_eq!(status(&events(6)), Err(422));
}

#[test]
fn what_was_refused_is_told_by_itself_and_repeated_at_once_it_is_told_again() {
    let world = World::new(1);
    publish(&world, None, &with_ids(1)).expect("published");
    let bodies = [with_ids(2), events(1), with_ids(2)].concat();
    for _ in 0..2 {
        let outcomes = publish(&world, Some("k"), &bodies).expect("an answer");
        assert_eq!(statuses(&outcomes), [409, 202, 202, 409, 409]);
        assert_eq!(world.tables().messages.len(), 3);
    }
    // Where nothing was accepted, the key is free for a mended request.
    let outcomes = publish(&world, Some("l"), &with_ids(1)).expect("an answer");
    assert_eq!(statuses(&outcomes), [409]);
    assert_eq!(statuses(&publish(&world, Some("l"), &events(1)).expect("an answer")), [202]);
}

#[test]
fn what_does_not_fit_the_time_of_a_request_is_left_to_jobs() {
    let world = World::new(500);
    let outcomes = publish(&world, None, &events(6)).expect("published");
    let fans_out: Vec<_> = outcomes.iter().flatten().map(|message| message.fans_out).collect();
    assert_eq!(fans_out, [false, false, false, false, true, true]);
    assert_eq!(world.waiting(), (2_000, 2));
}

#[test]
fn the_rate_counts_messages() {
    let world = World::new(0);
    let instance = world.publisher().with_rate(100);
    let batch = |n| {
        publish_by(&instance, None, &events(n)).map(drop).map_err(|problem| (problem.status(), problem.retry_after()))
    };
    assert_eq!(batch(60), Ok(()));
    assert_eq!(batch(60), Err((429, Some(Duration::from_secs(1)))));
    assert_eq!(batch(40), Ok(()));
    assert_eq!(batch(1), Err((429, Some(Duration::from_secs(1)))));
    // Ten seconds of batches take what ten seconds of single messages do.
    let mut taken = 0;
    for _ in 0..1_000 {
        world.pass(Duration::from_millis(10));
        taken += if batch(20).is_ok() { 20 } else { 0 };
    }
    assert!((900..=1_100).contains(&taken), "{taken}");
}

#[test]
fn more_than_a_second_s_worth_is_taken_when_the_line_is_free_and_uses_the_next_seconds_up() {
    let world = World::new(0);
    let instance = world.publisher().with_rate(10);
    let mut taken = 0;
    for _ in 0..100 {
        taken += publish_by(&instance, None, &events(100)).map_or(0, |outcomes| outcomes.len());
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(taken, 1_000);
}
