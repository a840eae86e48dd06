//! Many seeds, on all cores.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::run::{Options, Report, run};

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Seeds that were simulated.
    pub seeds: u64,
    /// Calls of ports, by what they do.
    pub calls: BTreeMap<&'static str, u64>,
    /// Requests to endpoints.
    pub requests: u64,
    /// Faults injected.
    pub injected: u64,
    /// How long all that happened, on the simulated clocks together.
    pub simulated: Duration,
    /// How long it took.
    pub took: Duration,
    /// Seeds that violated something, lowest first.
    pub violated: Vec<Report>,
}

impl Sweep {
    fn add(&mut self, report: Report) {
        self.seeds += 1;
        for (what, count) in &report.calls {
            *self.calls.entry(what).or_default() += count;
        }
        self.requests += report.requests as u64;
        self.injected += report.injected;
        self.simulated += report.took;
        if !report.violations.is_empty() {
            self.violated.push(report);
        }
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let pace = self.seeds as f64 / self.took.as_secs_f64();
        writeln!(f, "{} seeds in {:.1} s, {pace:.0} a second", self.seeds, self.took.as_secs_f64())?;
        let days = self.simulated.as_secs() / 86_400;
        writeln!(
            f,
            "{days} days simulated, {} calls of ports, {} requests to endpoints, {} faults injected",
            self.calls.values().sum::<u64>(),
            self.requests,
            self.injected
        )?;
        for (what, count) in &self.calls {
            writeln!(f, "{count:>14} {what}")?;
        }
        write!(f, "{} seeds with a violated property", self.violated.len())
    }
}

/// Simulates the seeds, and ends early when that many have violated something.
pub fn sweep(seeds: Range<u64>, options: Options, enough: usize) -> Sweep {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Sweep::default());
    let lock = || total.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end || lock().violated.len() >= enough {
            break;
        }
        let report = run(seed, options);
        lock().add(report);
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.violated.sort_by_key(|report| report.seed);
    total.took = began.elapsed();
    total
}
