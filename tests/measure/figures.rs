//! Figures, and how they are printed.

use std::{fs, time::Duration};

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
