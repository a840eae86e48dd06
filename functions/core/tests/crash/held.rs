//! Deliveries that wait: held for a flush, for a probe, or for their time under a rate.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    delivery::{Reason, State},
    health::{Disabled, Health, Open},
    manner::Batching,
    memory::counting,
    message::{Content, Flush},
    metric::Metric,
    ports::{Ambient as _, Outbox as _, Parcel, Way},
    time::Time,
};

use crate::{
    deliver::{drain, only_state, published, published_to, receive_from, wake},
    world::World,
};

const DAY: Duration = Duration::from_hours(24);

fn states(world: &World, state: impl Fn(&State) -> bool) -> usize {
    world.lock().deliveries.values().filter(|delivery| state(&delivery.state)).count()
}

fn sent(world: &World) -> usize {
    world.lock().sent.len()
}

fn flush(world: &World) {
    let (app, endpoint) = {
        let inner = world.lock();
        (inner.application.id, inner.endpoints[0].id)
    };
    let content = Content::Flush(Flush { app, endpoint, slot: None });
    block_on(world.send(&[Parcel { content, way: Way::Retry, delay: Duration::ZERO }])).expect("queued");
    receive_from(world, "5s", Way::Retry);
}

fn batching(max_events: u16) -> World {
    let world = World::new(1);
    world.lock().endpoints[0].delivery.batch = Some(Batching { max_events, max_seconds: 900 });
    world
}

#[test]
fn a_flush_goes_on_until_nothing_is_held_although_the_index_lags() {
    for index_lags in [false, true] {
        let world = (0..7).fold(batching(2), |world, _| published_to(world, &[]));
        receive_from(&world, "5s", Way::Prompt);
        world.lock().queue.clear();
        assert_eq!(states(&world, |state| matches!(state, State::Held { .. })), 7);
        world.lock().index_lags = index_lags;
        flush(&world);
        assert_eq!((states(&world, |state| *state == State::Succeeded), sent(&world)), (7, 4));
    }
}

#[test]
fn a_request_holds_half_a_megabyte_of_events_at_most() {
    let world = (0..5).fold(batching(100), |world, _| published_to(world, &[]));
    receive_from(&world, "5s", Way::Prompt);
    let payload = format!("\"{}\"", "x".repeat(200 * 1024));
    world.lock().messages.values_mut().for_each(|message| message.payload = Some(payload.as_str().into()));
    world.lock().queue.clear();
    flush(&world);
    assert_eq!((states(&world, |state| *state == State::Succeeded), sent(&world)), (5, 3));
}

#[test]
fn of_a_batch_one_delivery_is_the_probe() {
    let world = (0..4).fold(World::new(1), |world, _| published_to(world, &[]));
    let until = world.now();
    world.lock().endpoints[0].health = Health { open: Some(Open { until, pause: 30 }), ..Health::default() };
    world.lock().queue.iter_mut().for_each(|queued| queued.way = Way::Retry);
    receive_from(&world, "5s", Way::Retry);
    assert_eq!((sent(&world), states(&world, |state| matches!(state, State::Held { .. }))), (1, 3));
}

#[test]
fn a_delivery_that_is_parked_for_its_time_outlives_it() {
    for (ahead, wait) in [(Some(6 * DAY), 6 * DAY), (None, Duration::from_hours(1))] {
        let world = published(&[]);
        world.lock().endpoints[0].throttle_rate = Some(1);
        world.lock().ahead = ahead;
        let now = world.now();
        receive_from(&world, "5s", Way::Prompt);
        let inner = world.lock();
        let delivery = inner.deliveries.values().next().expect("a record");
        let State::Waiting { due, parked: true } = delivery.state else { panic!("{:?}", delivery.state) };
        assert!(now.plus(wait) <= due.plus(Duration::from_mins(2)) && due < delivery.expires_at, "{delivery:?}");
        assert_eq!((inner.sent.len(), inner.queue.len()), (0, 0));
    }
}

#[test]
fn a_wait_of_minutes_is_not_spent_in_flight() {
    let world = published(&[500]);
    let now = world.now();
    receive_from(&world, "5m", Way::Prompt);
    assert!(matches!(only_state(&world), State::Waiting { parked: false, .. }));
    let queued = world.lock().queue.clone();
    assert_eq!((queued.len(), queued[0].way, queued[0].receives), (1, Way::Retry, 0));
    assert!(queued[0].visible > now.plus(Duration::from_mins(4)));
    drain(&world, "5m");
    assert_eq!(only_state(&world), State::Succeeded);
}

fn failing_for(failing: Duration, script: &[u16]) -> World {
    let world = published(script);
    let since = Time::from_micros(
        world.now().micros().saturating_sub_unsigned(u64::try_from(failing.as_micros()).unwrap_or(0)),
    );
    world.lock().endpoints[0].health.failing_since = Some(since);
    world
}

#[test]
fn an_endpoint_is_disabled_by_a_repeated_failure_after_days_and_not_for_months_of_silence() {
    for (days, script, disabled) in [(6, &[500][..], false), (6, &[500, 500], true), (60, &[500, 500], false)] {
        let world = failing_for(days * DAY, script);
        drain(&world, "5s,5s");
        assert_eq!(world.lock().endpoints[0].disabled, disabled, "{days} days, {script:?}");
    }
}

#[test]
fn what_an_endpoint_said_at_its_old_url_is_not_held_against_the_new_one() {
    for (mended, disabled) in [(false, Some(Disabled::Gone)), (true, None)] {
        let world = published(&[410]);
        world.lock().mended = mended;
        receive_from(&world, "5s", Way::Prompt);
        assert_eq!(world.lock().endpoints[0].health.disabled, disabled);
    }
}

#[test]
fn a_flush_that_could_not_record_goes_no_further() {
    let world = (0..4).fold(batching(2), |world, _| published_to(world, &[]));
    receive_from(&world, "5s", Way::Prompt);
    world.lock().queue.clear();
    world.lock().throttled = true;
    flush(&world);
    assert_eq!((sent(&world), states(&world, |state| matches!(state, State::Held { .. }))), (1, 4));
}

#[test]
fn a_flush_that_comes_again_because_of_a_failure_here_is_counted() {
    let world = published_to(batching(2), &[]);
    receive_from(&world, "5s", Way::Prompt);
    world.lock().queue.clear();
    // Queued, and then its endpoint cannot be read.
    world.die_at(1, false);
    assert_eq!(counting(Metric::Undone, || flush(&world)).1, 1);
    assert_eq!((counting(Metric::Undone, || flush(&world)).1, sent(&world)), (0, 1));
}

#[test]
fn a_woken_delivery_that_gets_a_far_time_is_parked_again_before_its_lease_ends() {
    let world = published(&[500]);
    receive_from(&world, "1h,1h", Way::Prompt);
    world.pass(Duration::from_mins(75));
    wake(&world);
    world.lock().endpoints[0].throttle_rate = Some(1);
    world.lock().ahead = Some(Duration::from_mins(10));
    receive_from(&world, "1h,1h", Way::Retry);
    assert!(matches!(only_state(&world), State::Waiting { parked: true, .. }));
    assert_eq!((sent(&world), world.lock().queue.len()), (1, 0), "no copy is left that another one would join");
}

#[test]
fn a_flush_leaves_out_what_has_no_content_any_more() {
    let world = (0..3).fold(batching(10), |world, _| published_to(world, &[]));
    receive_from(&world, "5s", Way::Prompt);
    world.lock().messages.values_mut().take(1).for_each(|message| message.payload = None);
    world.lock().queue.clear();
    flush(&world);
    assert_eq!(states(&world, |state| *state == State::Succeeded), 2);
    assert_eq!(states(&world, |state| *state == State::Canceled(Reason::ContentExpunged)), 1);
}
