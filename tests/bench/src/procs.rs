//! The CPU time of processes (Linux).

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use postrider_tests::{Stack, world};

/// Of all threads that are alive, to the nanosecond.
pub(crate) fn exact(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Of all processes of a function. They stay while there is work, and none of their threads that does any ends.
pub(crate) fn of_function(stack: &Stack, function: &str) -> Result<Duration> {
    let name = stack.deployment.function(function);
    let all = world().emulator.processes(&name)?.into_iter().map(exact);
    all.sum::<Result<Duration>>().with_context(|| name)
}

/// The most memory that a process of a function had in use (`VmHWM`), in bytes.
pub(crate) fn peak_of_function(stack: &Stack, function: &str) -> Result<u64> {
    let name = stack.deployment.function(function);
    let peaks = world().emulator.processes(&name)?.into_iter().map(peak);
    peaks.collect::<Result<Vec<_>>>()?.into_iter().max().with_context(|| format!("{name} does not run"))
}

fn peak(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
