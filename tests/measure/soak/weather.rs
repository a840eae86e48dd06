//! What goes wrong, at random times.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use anyhow::Result;
use postrider_local::Weather;
use postrider_tests::{Stack, world};
use tokio::time::{Instant, sleep};

/// Delivering is where most may go wrong.
const VICTIMS: [&str; 6] = ["delivery", "delivery", "delivery", "ingest", "ingest", "scheduler"];
/// Of a thousand calls.
const USUAL: Weather = Weather { throttled: 20, lost: 5 };
const STORM: Weather = Weather { throttled: 300, lost: 50 };
const BETWEEN_STORMS: Duration = Duration::from_secs(40);
const OF_A_STORM: Duration = Duration::from_secs(8);

/// A process that was killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    pub(super) function: &'static str,
    pub(super) at: Instant,
}

/// Any number below.
fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// Kills a process of some function every few seconds.
pub(super) async fn kill_now_and_then(stack: &Stack, end: Instant) -> Result<Vec<Kill>> {
    let mut kills = Vec::new();
    while Instant::now() < end {
        sleep(Duration::from_millis(2_000 + random(8_000))).await;
        let function = VICTIMS[usize::try_from(random(VICTIMS.len() as u64))?];
        // None may be running.
        if stack.kill_one(function).is_ok() {
            kills.push(Kill { function, at: Instant::now() });
        }
    }
    Ok(kills)
}

/// Calls of AWS fail now and then; for some seconds of every minute, many do.
pub(super) async fn change_now_and_then(end: Instant) -> Result<()> {
    while Instant::now() < end {
        for (weather, length) in [(USUAL, BETWEEN_STORMS), (STORM, OF_A_STORM)] {
            world().emulator.set_weather(weather).await?;
            sleep(length.min(end.saturating_duration_since(Instant::now()))).await;
        }
    }
    Ok(())
}

/// How many of each function.
pub(super) fn counted(kills: &[Kill]) -> String {
    let mut counts = BTreeMap::new();
    for kill in kills {
        *counts.entry(kill.function).or_insert(0) += 1;
    }
    counts.into_iter().map(|(function, count)| format!("{function} {count}")).collect::<Vec<_>>().join(", ")
}
