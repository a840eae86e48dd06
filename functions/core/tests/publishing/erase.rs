//! A crash at any call of what erases: in the end nothing is left of it, and nothing else is touched.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    delivery::{Attempt, Delivery, Reason, State},
    erase::{Done, Eraser, Erasure, content::EXPUNGED},
    fan_out::FanOut,
    ids::{AttemptId, EndpointId, Id as _, Ksuid, SourceId},
    job::Job,
    message::Message,
    ports::{Ambient as _, Unavailable},
    time::Time,
};

use crate::{
    publish::publish,
    receive::source,
    world::{World, app_id},
};

const BODY: &str = r#"{"eventType":"a","payload":{"n":1}}"#;

fn run(world: &World, what: &Erasure, deadline: Time) -> Result<Done, Unavailable> {
    block_on(Eraser::new(world.clone(), world.clone(), world.clone()).run(what, deadline))
}

/// Runs jobs until none is left, as the queue would hand them out: again after some minutes, where a run has failed.
fn run_all(world: &World, first: Erasure, time: Duration) {
    world.side().jobs = vec![Job::Erase { what: first, delay: 0 }];
    for _ in 0..200 {
        let Some(Job::Erase { what, .. }) = world.side().jobs.first().cloned() else { return };
        let done = run(world, &what, world.now().plus(time));
        // A run that died acknowledges nothing.
        if !world.revive() && matches!(done, Ok(Done::Finished | Done::Continued)) {
            world.side().jobs.remove(0);
        }
        world.pass(Duration::from_mins(6));
    }
    panic!("it does not end");
}

fn record(world: &World, message: &Message, endpoint: EndpointId, state: State) -> AttemptId {
    let attempt = AttemptId::new(world.now(), [7; 11], endpoint);
    let mut delivery = Delivery::new(message.app, endpoint, message.id, message.expires_at);
    (delivery.state, delivery.rev) = (state, 1);
    let (at, response, url) = (world.now(), "secret".to_owned(), String::new());
    delivery.attempts =
        vec![Attempt { id: attempt, at, millis: 1, status: 500, fault: None, response, url, manual: false }];
    world.tables().listed.insert((endpoint, attempt), message.id);
    world.tables().deliveries.insert((endpoint, message.id), delivery);
    attempt
}

/// An application with some messages, deliveries and event ids, deleted.
fn deleted() -> World {
    let world = World::new(5);
    for n in 0..5 {
        let body = format!(r#"{{"eventType":"a","payload":{{}},"eventId":"e{n}"}}"#);
        let message = publish(&world, None, &body).expect("published");
        for endpoint in message.endpoints.clone() {
            record(&world, &message, endpoint, State::Succeeded);
        }
    }
    let of_its_own = source(SourceId::from_ksuid(Ksuid::from_bytes([4; 20])));
    world.tables().sources.insert(of_its_own.id, of_its_own);
    world.tables().applications.remove(&app_id());
    world.tables().marks.insert(app_id());
    world
}

fn application(world: &World) -> Erasure {
    Erasure::Application { app: app_id(), since: world.now(), last: false, after: None }
}

fn is_empty(world: &World) -> bool {
    let tables = world.tables();
    let config = tables.endpoints.is_empty() && tables.stripped.is_empty() && tables.sources.is_empty();
    let messages = tables.messages.is_empty() && tables.claims.is_empty() && tables.pages.is_empty();
    config && tables.marks.is_empty() && messages && tables.deliveries.is_empty() && tables.listed.is_empty()
}

#[test]
fn nothing_is_left_of_a_deleted_application_wherever_the_job_dies() {
    for time in [Duration::from_secs(40), Duration::ZERO] {
        for (call, effect) in (0..40).flat_map(|call| [(call, true), (call, false)]) {
            let world = deleted();
            assert!(!is_empty(&world));
            world.die_at(call, effect);
            run_all(&world, application(&world), time);
            assert!(is_empty(&world), "{call} {effect}");
        }
    }
}

#[test]
fn until_the_last_pass_the_ids_of_endpoints_stay_so_that_what_is_written_late_is_found() {
    let world = deleted();
    let job = application(&world);
    assert_eq!(run(&world, &job, world.now().plus(Duration::from_secs(40))).ok(), Some(Done::Finished));
    let (ids, left) = {
        let tables = world.tables();
        (tables.stripped.clone(), (tables.endpoints.len(), tables.messages.len(), tables.deliveries.len()))
    };
    assert_eq!((ids.len(), left), (5, (0, 0, 0)));
    let Some(Job::Erase { what, delay: 900 }) = world.side().jobs.first().cloned() else { panic!("no last pass") };
    // A delivery function records what it had begun before.
    let (_, endpoint) = *ids.first().expect("an endpoint");
    let message = deleted().tables().messages.values().next().cloned().expect("a message");
    record(&world, &message, endpoint, State::Succeeded);
    assert_eq!(run(&world, &what, world.now().plus(Duration::from_secs(40))).ok(), Some(Done::Finished));
    assert!(is_empty(&world));
}

#[test]
fn an_application_that_is_not_deleted_is_left_alone() {
    let world = World::new(3);
    publish(&world, None, BODY).expect("published");
    let job = application(&world);
    assert_eq!(run(&world, &job, world.now().plus(Duration::from_secs(40))).ok(), Some(Done::Continued));
    assert_eq!(std::mem::take(&mut world.side().jobs), [Job::Erase { what: job.clone(), delay: 5 }]);
    world.pass(Duration::from_mins(10));
    assert_eq!(run(&world, &job, world.now().plus(Duration::from_secs(40))).ok(), Some(Done::Finished));
    let left = {
        let tables = world.tables();
        (tables.endpoints.len(), tables.messages.len())
    };
    assert_eq!(left, (3, 1));
    assert!(world.side().jobs.is_empty());
}

/// A message for five endpoints: one without a record, and one in each of these states.
fn sent() -> (World, Message) {
    let world = World::new(5);
    let message = publish(&world, None, BODY).expect("published");
    let (due, since) = (world.now(), world.now());
    let states = [
        State::Waiting { due, parked: true },
        State::Held { since },
        State::Failed(Reason::Exhausted),
        State::Succeeded,
    ];
    for (endpoint, state) in message.endpoints.clone().into_iter().zip(states) {
        record(&world, &message, endpoint, state);
    }
    (world, message)
}

#[test]
fn of_an_expunged_message_nothing_can_be_sent_wherever_the_job_dies() {
    for (call, effect) in (0..12).flat_map(|call| [(call, true), (call, false)]) {
        let (world, message) = sent();
        world.die_at(call, effect);
        let what = Erasure::Message { app: message.app, message: message.id, after: None };
        run_all(&world, what, Duration::from_secs(40));
        let tables = world.tables();
        let stored = tables.messages.values().next().expect("it stays");
        assert_eq!((stored.payload.as_deref(), stored.id), (None, message.id));
        let states: Vec<_> = message.endpoints.iter().map(|to| tables.deliveries[&(*to, message.id)].state).collect();
        let gone = State::Canceled(Reason::ContentExpunged);
        assert_eq!(states, [gone, gone, gone, State::Succeeded, gone], "{call} {effect}");
    }
}

#[test]
fn an_expunged_response_stays_so_and_nothing_else_of_the_record_changes() {
    let (world, message) = sent();
    for (endpoint, n) in [(message.endpoints[3], 3), (message.endpoints[0], 0)] {
        let key = (endpoint, message.id);
        let before = world.tables().deliveries[&key].clone();
        let attempt = before.attempts[0].id;
        let what = Erasure::Attempt { app: message.app, endpoint, message: message.id, attempt };
        for _ in 0..2 {
            run(&world, &what, world.now()).expect("done");
            let mut after = world.tables().deliveries[&key].clone();
            assert_eq!((after.attempts[0].response.as_str(), after.rev), (EXPUNGED, before.rev + 1), "{n}");
            after.attempts[0].response.clone_from(&before.attempts[0].response);
            assert_eq!(Delivery { rev: before.rev, ..after }, before);
        }
    }
}

#[test]
fn a_fan_out_stops_after_the_page_during_which_its_message_is_expunged_and_that_page_is_canceled_later() {
    let world = World::new(600);
    let message = publish(&world, None, BODY).expect("published");
    assert!(message.fans_out);
    let fan_out = FanOut::new(world.clone(), world.clone(), world.clone(), world.clone()).with_page(100);
    let what = Erasure::Message { app: message.app, message: message.id, after: None };
    let eraser = Eraser::new(world.clone(), world.clone(), world.clone());
    let deadline = world.now().plus(Duration::from_secs(40));
    let both = async {
        let (queued, done) =
            futures::join!(fan_out.run(app_id(), message.id, world.now(), deadline), eraser.run(&what, deadline));
        (queued.expect("queued"), done.expect("done"))
    };
    block_on(both);
    assert_eq!((world.side().parcels.len(), world.tables().deliveries.len()), (100, 0));
    run(&world, &what, deadline).expect("done");
    let tables = world.tables();
    let canceled = tables.deliveries.values().filter(|d| d.state == State::Canceled(Reason::ContentExpunged));
    assert_eq!(canceled.count(), 100);
}
