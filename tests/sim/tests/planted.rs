//! A simulation that finds nothing proves nothing: it must find bugs that are planted.

#![expect(clippy::print_stdout, reason = "after how many seeds is what one wants to know")]

use postrider_simulation::{
    planted::Bug,
    run::Options,
    sweep::{Sweep, sweep},
};

const SEEDS: u64 = 10_000;

fn found(bug: Bug) -> Sweep {
    let sweep = sweep(0..SEEDS, Options { trace: false, bug: Some(bug) }, 1);
    let report = sweep.violated.first().expect("found");
    println!("{bug:?}: found after {} seeds, by seed {}: {}", sweep.seeds, report.seed, report.violations[0].what);
    sweep
}

#[test]
fn acknowledging_before_parking_is_found() {
    let sweep = found(Bug::AcknowledgeBeforePark);
    assert!(sweep.violated[0].violations[0].what.contains("lost"), "{:?}", sweep.violated[0].violations);
}

#[test]
fn writing_without_a_condition_is_found() {
    let sweep = found(Bug::WriteBeforeCondition);
    assert!(sweep.violated[0].violations[0].what.contains("overwritten"), "{:?}", sweep.violated[0].violations);
}

#[test]
fn forgetting_what_must_come_back_is_found() {
    let sweep = found(Bug::ForgetFailures);
    let what = &sweep.violated[0].violations[0].what;
    assert!(what.contains("never ends") || what.contains("lost"), "{what}");
}
