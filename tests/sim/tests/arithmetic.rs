//! What the design's queue holds, and what the plain one would.

use std::time::Duration;

use postrider_simulation::arithmetic::{Plan, model};

#[test]
fn two_hundred_thousand_dead_deliveries_leave_room_in_flight_and_healthy_ones_alone() {
    let (alone, beside) = (model(&Plan::designed().alone()), model(&Plan::designed()));
    assert!(beside.most_in_flight < 60_000, "{}", beside.most_in_flight);
    assert_eq!((beside.jammed, beside.left), (Duration::ZERO, 0));
    assert_eq!(beside.quantile(0.99), alone.quantile(0.99));
    assert!(beside.quantile(1.0 - 1e-6) < Some(Duration::from_secs(1)), "{:?}", beside.quantile(1.0 - 1e-6));
}

#[test]
fn the_same_with_all_waits_in_the_queue_jams() {
    let plain = model(&Plan::designed().waiting_in_the_queue());
    assert_eq!(plain.most_in_flight, 120_000);
    assert!(plain.jammed > Duration::from_hours(1), "{:?}", plain.jammed);
    assert!(plain.quantile(0.5) > Some(Duration::from_mins(10)), "{:?}", plain.quantile(0.5));
}
