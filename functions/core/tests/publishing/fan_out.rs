//! A crash at any call of the worker that fans out: every endpoint is queued, and a page at most is queued twice.

use std::{collections::HashMap, time::Duration};

use futures::executor::block_on;
use postrider_core::{
    claim::LEASE,
    fan_out::{Done, FanOut, PAGE},
    ids::EndpointId,
    job::Job,
    manner::Kind,
    message::Message,
    ports::{Ambient as _, Unavailable},
    time::Time,
};

use crate::{
    publish::publish,
    world::{World, app_id, endpoint, turn},
};

const BODY: &str = r#"{"eventType":"a","payload":{"n":1}}"#;
const LONG: Duration = Duration::from_secs(40);

/// One message for so many endpoints, published and not yet fanned out.
fn published(endpoints: usize) -> (World, Message) {
    let world = World::new(endpoints);
    let message = publish(&world, None, BODY).expect("published");
    assert!(message.fans_out && world.side().parcels.is_empty());
    (world, message)
}

fn worker(world: &World, page: usize) -> FanOut<World, World, World, World> {
    let clone = || world.clone();
    FanOut::new(clone(), clone(), clone(), clone()).with_page(page)
}

fn work(world: &World, page: usize, deadline: Time) -> Result<Done, Unavailable> {
    let Some(Job::FanOut { app, message, since }) = world.side().jobs.first().cloned() else { panic!("no job") };
    let done = block_on(worker(world, page).run(app, message, since, deadline));
    // A worker that died, or that was too early, acknowledges nothing.
    if !world.revive() && matches!(done, Ok(Done::Finished | Done::Continued)) {
        world.side().jobs.remove(0);
    }
    done
}

fn work_all(world: &World, page: usize) {
    while !world.side().jobs.is_empty() {
        let _ = work(world, page, world.now().plus(LONG));
        world.pass(Duration::from_mins(6));
    }
}

/// How often each endpoint was queued.
fn counts(world: &World) -> HashMap<EndpointId, usize> {
    world.queued().iter().fold(HashMap::new(), |mut counts, envelope| {
        *counts.entry(envelope.endpoint).or_default() += 1;
        counts
    })
}

/// Every endpoint that the pages name, which no two of them do.
fn named(world: &World) -> Vec<EndpointId> {
    let tables = world.tables();
    let mut named: Vec<_> =
        tables.pages.values().flat_map(|page| page.endpoints.iter().chain(&page.held)).copied().collect();
    named.sort_unstable();
    assert!(named.windows(2).all(|two| two[0] != two[1]));
    named
}

#[test]
fn ten_thousand_endpoints_are_queued_once_each_a_page_at_a_time() {
    let (world, _) = published(10_000);
    assert_eq!(work(&world, PAGE, world.now().plus(LONG)).ok(), Some(Done::Finished));
    let counts = counts(&world);
    assert!(counts.len() == 10_000 && counts.values().all(|count| *count == 1));
    assert_eq!(named(&world).len(), 10_000);
    assert_eq!(world.tables().pages.len(), 10_000 / PAGE + 1);
}

#[test]
fn a_crash_at_any_call_repeats_one_page_at_most() {
    const ENDPOINTS: usize = 503;
    const SMALL: usize = 100;
    let mut died = 0;
    for (call, effect) in (0..100).flat_map(|call| [(call, false), (call, true)]) {
        let (world, _) = published(ENDPOINTS);
        world.die_at(call, effect);
        died += usize::from(work(&world, SMALL, world.now().plus(LONG)).is_err());
        world.pass(Duration::from_mins(6));
        work_all(&world, SMALL);
        let counts = counts(&world);
        let twice = counts.values().filter(|count| **count > 1).count();
        assert_eq!((counts.len(), named(&world).len()), (ENDPOINTS, ENDPOINTS), "call {call}, effect {effect}");
        assert!(twice <= SMALL && counts.values().all(|count| *count <= 2), "call {call}, effect {effect}: {twice}");
    }
    assert!(died > 100, "the calls were counted wrong: {died}");
}

#[test]
fn what_does_not_fit_one_invocation_is_left_to_the_next() {
    let (world, _) = published(1_000);
    let now = world.now();
    assert_eq!(work(&world, 100, now).ok(), Some(Done::Continued));
    assert_eq!(world.waiting(), (0, 1));
    work_all(&world, 100);
    assert_eq!(world.side().parcels.len(), 1_000);
}

#[test]
fn a_job_waits_for_its_message_and_gives_up_on_one_that_was_never_accepted() {
    let world = World::new(600);
    // The queries, the claim, the job, and dead before the store.
    world.die_at(3, false);
    publish(&world, Some("k"), BODY).expect_err("died");
    world.revive();
    assert!(world.side().jobs.is_empty());
    world.pass(LEASE);
    world.die_at(6, false);
    publish(&world, Some("k"), BODY).expect_err("died");
    assert!(world.revive() && world.side().jobs.len() == 1 && world.tables().messages.is_empty());
    assert_eq!(work(&world, PAGE, world.now().plus(LONG)).ok(), Some(Done::TooEarly));
    world.pass(Duration::from_mins(2));
    assert_eq!(work(&world, PAGE, world.now().plus(LONG)).ok(), Some(Done::Finished));
    assert_eq!((world.side().parcels.len(), world.tables().pages.len()), (0, 0));
    // A repeated request makes the same message, long after its id was made, and a job that waits for it anew.
    world.pass(LEASE);
    world.die_at(6, false);
    publish(&world, Some("k"), BODY).expect_err("died");
    world.revive();
    assert_eq!(work(&world, PAGE, world.now().plus(LONG)).ok(), Some(Done::TooEarly));
    world.pass(LEASE);
    publish(&world, Some("k"), BODY).expect("published");
    work_all(&world, PAGE);
    assert_eq!(counts(&world).len(), 600);
}

#[test]
fn newer_endpoints_are_not_reached_and_disabled_ones_are_named() {
    let (world, message) = published(600);
    let newer = endpoint(7_000, message.at.plus(Duration::from_millis(4)));
    world.tables().endpoints.insert((app_id(), newer.id), newer);
    world.tables().endpoints.values_mut().take(10).for_each(|endpoint| endpoint.disabled = true);
    work_all(&world, 100);
    assert_eq!((world.queued().len(), named(&world).len()), (590, 600));
}

#[test]
fn pollers_are_announced_and_in_no_page() {
    let world = World::new(600);
    world.tables().endpoints.values_mut().step_by(2).for_each(|endpoint| endpoint.delivery.kind = Kind::Poller);
    let message = publish(&world, None, BODY).expect("published");
    assert!(message.fans_out && world.tables().logs.is_empty());
    work_all(&world, 100);
    assert_eq!((world.queued().len(), named(&world).len()), (300, 300));
    let tables = world.tables();
    assert_eq!(tables.logs.len(), 300);
    assert!(tables.logs.values().all(|log| log.arrivals.contains_key(&message.id)));
}

#[test]
fn nothing_more_is_queued_once_the_application_is_deleted() {
    let (world, _) = published(600);
    world.tables().applications.clear();
    work_all(&world, 100);
    assert!(world.queued().is_empty() && world.tables().pages.len() == 1);
}

#[test]
fn of_two_workers_one_records_a_page_and_the_other_goes_on_from_it() {
    for (behind, deletion) in
        (0..30).step_by(3).flat_map(|behind| (0..30).step_by(2).map(move |deletion| (behind, deletion)))
    {
        let (world, message) = published(550);
        let (since, deadline) = (message.at, world.now().plus(LONG));
        let (first, second) = (worker(&world, 100), worker(&world, 100));
        let deleted = *world.tables().endpoints.keys().nth(50).expect("one");
        let late = async {
            wait(behind).await;
            second.run(message.app, message.id, since, deadline).await
        };
        let operator = async {
            wait(deletion).await;
            world.tables().endpoints.remove(&deleted);
        };
        let run = first.run(message.app, message.id, since, deadline);
        let (first, second, ()) = block_on(async { futures::join!(run, late, operator) });
        assert_eq!((first.ok(), second.ok()), (Some(Done::Finished), Some(Done::Finished)));
        let named = named(&world);
        let counts = counts(&world);
        for (_, id) in world.tables().endpoints.keys() {
            assert!(named.contains(id) && counts.contains_key(id), "{behind}, {deletion}: {id}");
        }
    }
}

async fn wait(turns: usize) {
    for _ in 0..turns {
        turn().await;
    }
}
