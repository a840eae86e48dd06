//! The rate at which an application takes messages in.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    claim::ClaimKey,
    problem::{Problem, from_json},
    publish::{Draft, Publisher, Repeatable},
};

use crate::world::{World, app_id};

type Instance = Publisher<World, World, World, World>;

fn publish(instance: &Instance, key: Option<&str>) -> Result<(), Problem> {
    let org = "org_a".parse().expect("an organization");
    let draft: Draft<'_> = from_json(br#"{"eventType":"a","payload":{}}"#).expect("a draft");
    let key = key.map(|key| ClaimKey::idempotency(&org, "/path", key));
    let request = Repeatable { key, fingerprint: String::new() };
    block_on(instance.publish(&org, &app_id().to_string(), &draft, &request)).map(drop)
}

/// Messages that instances take in, each trying as often as told, in turn.
fn taken(world: &World, instances: &[Instance], tries: usize, pause: Duration) -> usize {
    let mut taken = 0;
    for _ in 0..tries {
        taken += instances.iter().filter(|instance| publish(instance, None).is_ok()).count();
        world.pass(pause);
    }
    taken
}

#[test]
fn a_second_s_worth_at_once_and_then_the_rate() {
    for (rate, instances) in [(1, 1), (10, 1), (10, 3), (100, 1), (100, 3), (1_000, 4)] {
        let world = World::new(0);
        let all: Vec<_> = (0..instances).map(|_| world.publisher().with_rate(rate)).collect();
        let burst = taken(&world, &all, 2 * rate as usize, Duration::ZERO);
        assert!(burst <= rate as usize && burst * 10 >= rate as usize * 9, "{rate}, {instances}: {burst}");
        // Ten seconds of twice the rate.
        let tries = 20 * rate as usize / instances;
        let steady = taken(&world, &all, tries, Duration::from_secs(10) / u32::try_from(tries).expect("few"));
        assert!(steady <= 11 * rate as usize && steady * 10 >= rate as usize * 85, "{rate}, {instances}: {steady}");
    }
}

#[test]
fn beyond_it_429_says_when_to_come_again_and_nothing_is_stored() {
    let world = World::new(1);
    let instance = world.publisher().with_rate(2);
    while publish(&instance, None).is_ok() {}
    let stored = world.stored();
    let problem = publish(&instance, Some("k")).expect_err("refused");
    assert_eq!((problem.status(), problem.retry_after()), (429, Some(Duration::from_secs(1))));
    assert!(problem.body().contains("rate_limited"));
    assert_eq!(world.stored(), stored);
    world.pass(Duration::from_secs(1));
    publish(&instance, Some("k")).expect("published");
}

#[test]
fn a_repeated_request_is_answered_beyond_the_rate() {
    let world = World::new(1);
    let instance = world.publisher().with_rate(3);
    publish(&instance, Some("k")).expect("published");
    while publish(&instance, None).is_ok() {}
    publish(&instance, Some("k")).expect("the first answer");
    publish(&instance, Some("l")).expect_err("refused");
    assert_eq!(world.tables().messages.len(), 3);
}

#[test]
fn the_application_s_own_rate_goes_before_the_deployment_s() {
    let world = World::new(1);
    world.tables().applications.values_mut().for_each(|app| app.publish_rate = Some(2));
    for rate in [0, 1_000] {
        world.pass(Duration::from_secs(10));
        assert_eq!(taken(&world, &[world.publisher().with_rate(rate)], 10, Duration::ZERO), 2);
    }
}

#[test]
fn it_costs_a_fraction_of_a_write_and_nothing_where_there_is_none() {
    let world = World::new(0);
    let instance = world.publisher().with_rate(1_000);
    assert_eq!(taken(&world, &[instance], 5_000, Duration::from_millis(2)), 5_000);
    assert!(world.side().reserved < 100, "{}", world.side().reserved);
    world.side().reserved = 0;
    assert_eq!(taken(&world, &[world.publisher()], 100, Duration::ZERO), 100);
    assert_eq!(world.side().reserved, 0);
}

#[test]
fn many_instances_with_little_to_do_waste_little() {
    let world = World::new(0);
    let all: Vec<_> = (0..40).map(|_| world.publisher().with_rate(100)).collect();
    // Each has a message a second: forty of a hundred.
    assert_eq!(taken(&world, &all, 20, Duration::from_secs(1)), 800);
}
