//! A run: from a seed to what was violated.

mod actors;

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use postrider_core::ports::Way;

use crate::{
    check::{self, Violation},
    dice::Dice,
    executor::{Executor, Role, Step},
    planted::Bug,
    scenario::{START, Scenario},
    world::World,
};

/// A run that takes more steps than this, or longer than this, is stuck.
const STEPS: u64 = 400_000;
const LONGEST: Duration = Duration::from_hours(40 * 24);

/// What to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether to keep the trace.
    pub trace: bool,
    /// A bug to plant.
    pub bug: Option<Bug>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What was drawn from it.
    pub scenario: Scenario,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// Steps.
    pub steps: u64,
    /// Calls of ports, by what they do.
    pub calls: BTreeMap<&'static str, u64>,
    /// Requests to endpoints.
    pub requests: usize,
    /// Faults injected.
    pub injected: u64,
    /// How long it took on the simulated clock.
    pub took: Duration,
    /// What happened, if it was kept.
    pub trace: Vec<String>,
}

/// Runs a seed.
pub fn run(seed: u64, options: Options) -> Report {
    let mut dice = Dice::new(seed);
    let scenario = Scenario::draw(&mut dice);
    let world = World::new(scenario.clone(), dice, options.trace);
    let goes = std::panic::catch_unwind(AssertUnwindSafe(|| go(&world, options)));
    let mut inner = world.lock();
    let steps = goes.unwrap_or_else(|_| {
        inner.violate("panicked");
        0
    });
    Report {
        seed,
        scenario,
        violations: std::mem::take(&mut inner.violations),
        steps,
        calls: std::mem::take(&mut inner.calls),
        requests: inner.requests.len(),
        injected: inner.injected,
        took: START.until(inner.now),
        trace: inner.trace.take().unwrap_or_default(),
    }
}

fn go(world: &World, options: Options) -> u64 {
    let mut executor = Executor::new(world.clone());
    begin(&mut executor, world, options);
    let mut quiet_at = START;
    for step in 0..STEPS {
        match executor.step() {
            Step::Ran => {}
            Step::Died(role) => again(&mut executor, world, role, options),
            Step::Passed(now) => {
                if !world.lock().violations.is_empty() {
                    return step;
                }
                if now > quiet_at {
                    quiet_at = now.plus(Duration::from_secs(20));
                    if check::is_quiet(&world.lock()) {
                        check::at_rest(&mut world.lock());
                        return step;
                    }
                    if START.until(now) > LONGEST {
                        break;
                    }
                }
            }
            Step::Idle => {
                check::at_rest(&mut world.lock());
                return step;
            }
        }
    }
    let mut inner = world.lock();
    inner.violate("stuck: it does not come to rest");
    check::at_rest(&mut inner);
    STEPS
}

fn begin(executor: &mut Executor, world: &World, options: Options) {
    let (instances, publications) = {
        let inner = world.lock();
        (inner.scenario.instances, inner.scenario.publications.len())
    };
    for n in 0..instances {
        again(executor, world, Role::Courier(false, n), options);
        again(executor, world, Role::Courier(true, n), options);
    }
    for n in 0..2 {
        again(executor, world, Role::Scheduler(n), options);
    }
    world.lock().actors = publications + 1;
    for n in (0..publications).filter_map(|n| u8::try_from(n).ok()) {
        executor.spawn(Role::Producer(n, 0), Box::pin(actors::produce(world.clone(), n, 0)));
    }
    executor.spawn(Role::Operator, Box::pin(actors::operate(world.clone())));
}

/// Starts what died, with nothing in memory.
fn again(executor: &mut Executor, world: &World, role: Role, options: Options) {
    let world = world.clone();
    match role {
        Role::Courier(retry, _) => {
            let way = if retry { Way::Retry } else { Way::Prompt };
            executor.spawn(role, Box::pin(actors::deliver(world, way, options.bug)));
        }
        Role::Scheduler(n) => executor.spawn(role, Box::pin(actors::schedule(world, n))),
        Role::Producer(n, tries) => {
            let next = tries.saturating_add(1);
            executor.spawn(Role::Producer(n, next), Box::pin(actors::produce(world, n, next)));
        }
        Role::Operator => {}
    }
}
