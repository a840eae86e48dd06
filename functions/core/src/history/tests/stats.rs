use std::time::Duration;

use super::*;
use crate::{delivery::Reason, history::EndpointStats, problem::Problem};

const DAY: Duration = Duration::from_hours(24);

fn counted(world: &World, since: Option<Time>, until: Option<Time>) -> Result<EndpointStats, Problem> {
    let to = endpoint(7).to_string();
    let memory = &world.memory;
    let endpoint = serde_json::json!({
        "id": to, "app": app(), "url": "https://example.com", "version": 1, "secrets": { "current": "k1:AAAA" },
        "created_at": NOW, "updated_at": NOW, "rev": 1,
    });
    let endpoint: crate::entity::Endpoint = serde_json::from_value(endpoint).expect("an endpoint");
    memory.state().endpoints.insert((app(), endpoint.id), endpoint);
    run(world.history().stats(&world.caller, "app", &to, since, until))
}

fn code(problem: &Problem) -> &'static str {
    if let Problem::Refused { code, .. } = problem { code } else { "another" }
}

/// A delivery of a message of that second; attempted or not.
fn delivered(world: &World, secs: u32, state: State, attempted: bool) {
    let (id, to) = (MessageId::from_ksuid(ksuid(secs, 1)), endpoint(7));
    let attempts = attempted.then(|| attempt(AttemptId::new(NOW, [1; 11], to), 500));
    world.record(id, to, state, attempts.into_iter().collect());
}

#[test]
fn every_delivery_of_the_time_is_counted_once_by_how_far_it_is() {
    let world = World::new();
    let (waiting, held) = (State::Waiting { due: LATER, parked: true }, State::Held { since: NOW });
    let all = [
        (State::Succeeded, true, 40),
        (waiting, false, 2),
        (held, false, 1),
        (waiting, true, 2),
        (held, true, 1),
        (State::Unconfirmed { due: LATER, parked: false }, true, 1),
        (State::Failed(Reason::Exhausted), true, 5),
        (State::Failed(Reason::EndpointDisabled), false, 1),
        (State::Canceled(Reason::EndpointDeleted), false, 7),
    ];
    let mut secs = 0;
    for (state, attempted, count) in all {
        for _ in 0..count {
            delivered(&world, secs, state, attempted);
            secs += 1_000;
        }
    }
    let whole = counted(&world, None, None).expect("counted");
    assert_eq!(whole, EndpointStats { success: 40, pending: 3, sending: 4, fail: 6, canceled: 7 });
    // From the eleventh on, and before the twenty-first.
    let at = |secs| Some(ksuid(secs, 0).time());
    assert_eq!(counted(&world, at(10_000), at(20_000)).expect("counted").success, 10);
    assert_eq!(counted(&world, at(10_000), at(10_000)).expect("counted"), EndpointStats::default());
    let shown = shown(&whole);
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(5), "{shown}");
}

#[test]
fn what_has_expired_is_not_counted() {
    let world = World::new();
    delivered(&world, 1, State::Succeeded, true);
    world.memory.state().deliveries.values_mut().for_each(|delivery| delivery.expires_at = NOW);
    assert_eq!(counted(&world, None, None).expect("counted"), EndpointStats::default());
}

#[test]
fn a_time_that_cannot_be_counted_is_refused() {
    let world = World::new();
    let (later, before) = (NOW.plus(Duration::from_micros(1)), |days| Some(NOW.minus(DAY * days)));
    for (since, until) in [(None, Some(later)), (before(29), None), (before(1), before(2)), (before(40), before(10))] {
        assert_eq!(counted(&world, since, until).map_err(|problem| code(&problem)), Err("invalid_range"));
    }
    assert!(counted(&world, before(28), None).is_ok() && counted(&world, before(38), before(10)).is_ok());
    // In memory a read gives three.
    (0..320).for_each(|n| delivered(&world, n * 300, State::Succeeded, true));
    assert_eq!(counted(&world, None, None).map_err(|problem| code(&problem)), Err("invalid_range"));
    assert_eq!(
        counted(&world, Some(ksuid(0, 0).time()), Some(ksuid(50_000, 0).time())).map(|c| c.success).ok(),
        Some(167)
    );
}
