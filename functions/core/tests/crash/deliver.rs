//! A crash at any call of delivering or waking: every delivery still ends, is seen to end, and is sent again only when
//! its outcome was unknown.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    claim::ClaimKey,
    compose,
    deliver::{Courier, Received, Settings},
    delivery::{Reason, State},
    memory::counting,
    message::Envelope,
    metric::Metric,
    ports::{Ambient as _, Way},
    publish::{Draft, Publisher, Repeatable},
    wake::Waker,
};

use crate::world::{Queued, World};

const VISIBILITY: Duration = Duration::from_mins(3);
/// Longer than any wait of the tests, its jitter included.
const LONG: Duration = Duration::from_secs(4_000);

pub(crate) fn published(script: &[u16]) -> World {
    published_to(World::new(1), script)
}

pub(crate) fn published_to(world: World, script: &[u16]) -> World {
    let publisher = Publisher::new(world.clone(), world.clone(), world.clone(), world.clone());
    let org = world.lock().application.org.clone();
    let app = world.lock().application.id.to_string();
    let draft: Draft<'_> = serde_json::from_str(r#"{"eventType":"a","payload":{"n":1}}"#).expect("a draft");
    let repeatable = Repeatable { key: None, fingerprint: String::new() };
    block_on(publisher.publish(&org, &app, &draft, &repeatable)).expect("published");
    world.lock().script = script.to_vec();
    world
}

/// One function instance takes every visible message of a queue, as SQS would hand them out.
pub(crate) fn receive(world: &World, schedule: &str) {
    for way in [Way::Prompt, Way::Retry] {
        receive_from(world, schedule, way);
    }
}

pub(crate) fn receive_from(world: &World, schedule: &str, way: Way) {
    let batch: Vec<Queued> = {
        let mut inner = world.lock();
        let now = inner.now;
        let visible = inner.queue.iter_mut().filter(|queued| queued.way == way && queued.visible <= now);
        visible
            .map(|queued| {
                queued.visible = now.plus(VISIBILITY);
                queued.receives += 1;
                queued.clone()
            })
            .collect()
    };
    let settings = Settings {
        schedule: schedule.parse().expect("a schedule"),
        attempt_timeout: Duration::from_secs(15),
        park_after: Duration::from_mins(15),
        max_receives: 100,
        disable_after: Duration::from_hours(120),
        compose: compose::Settings {
            user_agent: "test".to_owned(),
            event_type_header: "webhook-event-type".to_owned(),
            source: String::new(),
        },
        api_url: "https://api.example".to_owned(),
    };
    let courier = Courier::new(world.clone(), world.clone(), world.clone(), world.clone(), world.clone(), settings);
    let received = batch.iter().map(|queued| Received {
        id: queued.id.to_string(),
        receipt: queued.id.to_string(),
        receives: queued.receives,
        body: queued.body.clone(),
    });
    let deadline = world.now().plus(Duration::from_secs(30));
    let back = block_on(courier.handle(received.collect(), way, deadline));
    // A function that died acknowledges nothing.
    if !world.revive() {
        let gone = |queued: &Queued| batch.iter().any(|b| b.id == queued.id) && !back.contains(&queued.id.to_string());
        world.lock().queue.retain(|queued| !gone(queued));
    }
}

pub(crate) fn wake(world: &World) {
    let waker = Waker::new(world.clone(), world.clone(), world.clone(), 10);
    let _ = block_on(waker.run(world.now().plus(Duration::from_secs(45))));
    world.revive();
}

/// Runs until nothing is queued or parked.
pub(crate) fn drain(world: &World, schedule: &str) {
    for _ in 0..60 {
        receive(world, schedule);
        wake(world);
        let inner = world.lock();
        let waiting = inner.deliveries.values().any(|delivery| !delivery.has_ended());
        if inner.queue.is_empty() && !waiting {
            return;
        }
        drop(inner);
        world.pass(LONG);
    }
    panic!("never ends: {:?}", world.lock());
}

fn every_crash(script: &[u16], schedule: &str, crash_in_wake: bool, check: impl Fn(&World, &str)) {
    for (call, effect) in (0..20).flat_map(|call| [(call, false), (call, true)]) {
        let world = published(script);
        if crash_in_wake {
            receive(&world, schedule);
            world.pass(LONG);
            world.die_at(call, effect);
            wake(&world);
        } else {
            world.die_at(call, effect);
            receive(&world, schedule);
        }
        world.pass(LONG);
        drain(&world, schedule);
        check(&world, &format!("call {call}, effect {effect}: {:?}", world.lock()));
    }
}

pub(crate) fn only_state(world: &World) -> State {
    world.lock().deliveries.values().next().expect("one record").state
}

#[test]
fn a_success_is_recorded_and_sent_twice_at_most() {
    every_crash(&[], "5s", false, |world, at| {
        assert_eq!(only_state(world), State::Succeeded, "{at}");
        assert!((1..=2).contains(&world.lock().sent.len()), "{at}");
    });
}

#[test]
fn a_short_wait_survives() {
    every_crash(&[500, 500], "5s,5s,5s", false, |world, at| {
        assert_eq!(only_state(world), State::Succeeded, "{at}");
        assert!((3..=4).contains(&world.lock().sent.len()), "{at}");
    });
}

#[test]
fn a_parked_wait_survives_crashes_of_both_functions() {
    for crash_in_wake in [false, true] {
        every_crash(&[500, 500], "1h,1h,1h", crash_in_wake, |world, at| {
            assert_eq!(only_state(world), State::Succeeded, "{at}");
            assert!((3..=4).contains(&world.lock().sent.len()), "{at}");
        });
    }
}

#[test]
fn the_exhausted_are_in_the_dead_letter_queue_and_come_back_by_redrive() {
    every_crash(&[500, 500, 500], "5s", false, |world, at| {
        assert_eq!(only_state(world), State::Failed(Reason::Exhausted), "{at}");
        assert!(!world.lock().dead.is_empty(), "{at}");
        world.lock().script.clear();
        let letters = std::mem::take(&mut world.lock().dead);
        for (n, letter) in letters.into_iter().enumerate() {
            let visible = world.now();
            world.lock().queue.push(Queued { id: n as u64, way: Way::Prompt, body: letter.body, visible, receives: 0 });
        }
        let before = world.lock().sent.len();
        drain(world, "5s");
        assert_eq!(only_state(world), State::Succeeded, "{at}");
        assert_eq!(world.lock().sent.len(), before + 1, "{at}");
    });
}

#[test]
fn copies_in_one_batch_or_after_a_success_are_sent_once() {
    let world = published(&[]);
    let copy = world.lock().queue[0].clone();
    world.lock().queue.push(Queued { id: 1, ..copy.clone() });
    receive(&world, "5s");
    world.lock().queue.push(Queued { id: 2, ..copy });
    receive(&world, "5s");
    let inner = world.lock();
    assert_eq!((inner.sent.len(), inner.queue.len()), (1, 0));
}

#[test]
fn what_is_not_a_delivery_is_buried_and_a_deleted_endpoint_cancels() {
    let world = published(&[]);
    world.lock().queue[0].body = "nonsense".to_owned();
    receive(&world, "5s");
    assert_eq!(world.lock().dead[0].reason, Reason::Malformed);
    let world = published(&[]);
    world.lock().endpoints.clear();
    receive(&world, "5s");
    assert_eq!(only_state(&world), State::Canceled(Reason::EndpointDeleted));
    let inner = world.lock();
    assert_eq!((inner.queue.len(), inner.sent.len()), (0, 0));
}

#[test]
fn deliveries_that_come_again_because_of_a_failure_here_are_counted() {
    let undone = |world: &World| counting(Metric::Undone, || receive(world, "5s")).1;
    let world = published(&[]);
    world.lock().queue[0].body = "nonsense".to_owned();
    // It cannot be buried.
    world.die_at(0, false);
    assert_eq!(undone(&world), 1);
    // A failure of the receiver is none of ours.
    assert_eq!(undone(&published(&[500])), 0);
}

#[test]
fn a_disabled_endpoint_leaves_its_deliveries_recoverable() {
    let world = published(&[]);
    world.lock().endpoints[0].disabled = true;
    receive(&world, "5s");
    assert_eq!(only_state(&world), State::Failed(Reason::EndpointDisabled));
    assert_eq!(world.lock().dead[0].reason, Reason::EndpointDisabled);
    assert!(Envelope::decode(&world.lock().dead[0].body).is_ok_and(|envelope| envelope.round == 1));
}

#[test]
fn a_message_stored_only_by_a_late_repetition_is_delivered_after_all() {
    let world = World::new(1);
    // The claim, the queue, and dead before the store.
    world.die_at(3, false);
    let publish = |world: &World| {
        let publisher = Publisher::new(world.clone(), world.clone(), world.clone(), world.clone());
        let inner = world.lock();
        let (org, app) = (inner.application.org.clone(), inner.application.id.to_string());
        drop(inner);
        let draft: Draft<'_> = serde_json::from_str(r#"{"eventType":"a","payload":{"n":1}}"#).expect("a draft");
        let key = Some(ClaimKey::idempotency(&org, "/path", "k"));
        let repeatable = Repeatable { key, fingerprint: String::new() };
        block_on(publisher.publish(&org, &app, &draft, &repeatable))
    };
    publish(&world).expect_err("died");
    assert!(world.revive() && world.lock().queue.len() == 1, "{:?}", world.lock());
    world.lock().script = vec![500];
    receive(&world, "1h,1h");
    world.pass(LONG);
    wake(&world);
    assert!(matches!(only_state(&world), State::Waiting { parked: true, .. }), "nothing ends it");
    publish(&world).expect("completes");
    receive(&world, "1h,1h");
    assert!(matches!(only_state(&world), State::Waiting { parked: true, .. }), "only the scheduler lets it go on");
    // The message may be as old again.
    world.pass(LONG + LONG);
    wake(&world);
    drain(&world, "1h,1h");
    assert_eq!(only_state(&world), State::Succeeded);
}

#[test]
fn a_time_that_is_over_when_another_endpoint_has_got_its_own_is_not_used() {
    let world = World::new(2);
    world.lock().endpoints.iter_mut().for_each(|endpoint| endpoint.throttle_rate = Some(1));
    let world = published_to(published_to(world, &[]), &[]);
    // The first one's times are reserved at once; the second one's reservation goes on for so long.
    world.lock().reserving = vec![Duration::from_secs(4), Duration::ZERO];
    receive_from(&world, "5s", Way::Prompt);
    let sent = |world: &World, nth| world.lock().sent.iter().filter(|request| request.url.ends_with(nth)).count();
    assert_eq!((sent(&world, "/1"), world.lock().queue.len() > 1), (0, true), "they would come at once");
    drain(&world, "5s");
    assert_eq!((sent(&world, "/1"), sent(&world, "/2")), (2, 2));
}

#[test]
fn what_is_parked_of_a_message_whose_content_is_gone_is_canceled_when_its_turn_comes() {
    let world = published(&[500]);
    receive(&world, "1h");
    world.lock().messages.values_mut().for_each(|message| message.payload = None);
    world.pass(LONG);
    wake(&world);
    assert_eq!(only_state(&world), State::Canceled(Reason::ContentExpunged));
    receive(&world, "1h");
    assert_eq!(world.lock().sent.len(), 1);
}
