//! Thousands of seeds: in each, what is promised holds.

use postrider_simulation::{
    run::{Options, run},
    sweep::sweep,
};

const SEEDS: u64 = 4_000;

#[test]
fn the_promises_hold_whatever_goes_wrong() {
    let sweep = sweep(0..SEEDS, Options::default(), 3);
    println!("{sweep}");
    for report in &sweep.violated {
        let again = run(report.seed, Options { trace: true, bug: None });
        again.trace.iter().for_each(|line| println!("{line}"));
        println!("seed {}: {:?}", report.seed, report.violations);
    }
    assert!(sweep.violated.is_empty(), "run `simulate --seed <seed> --trace` for what happened");
}

#[test]
fn a_seed_shows_the_same_every_time() {
    let options = Options { trace: true, bug: None };
    for seed in 0..100 {
        let (first, second) = (run(seed, options), run(seed, options));
        assert!(first.trace.len() > 3, "seed {seed}");
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}
