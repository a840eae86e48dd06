//! Figures, and how they are printed.

use std::{fs, time::Duration};

/// The least of the samples that so many per cent of them do not exceed; nothing of none.
pub(crate) fn percentile(samples: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// In whole milliseconds.
pub(crate) fn millis(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), |duration| format!("{} ms", duration.as_millis()))
}

/// What this machine has to do besides.
pub(crate) fn print_load() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("  load average {} on {cores} cores", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}
