//! The queue's arithmetic: how many messages are in flight when endpoints are dead for hours.
//!
//! A message that waits in its visibility timeout counts as in flight, and with 120,000 of them SQS hands out nothing to
//! anybody. This is why longer waits are delayed, or parked in the ledger, and why deliveries to an endpoint whose circuit is open are
//! held there without an attempt: the same traffic with all waits in the queue jams it, healthy endpoints and all.
//!
//! Two hundred thousand deliveries are too many for the full simulation, so this is a model with counters. Its rules are
//! the domain's own ([`Schedule`], [`postrider_core::health::Pulse`]); it has not
//! been compared with the full simulation. What an instance knows of an endpoint is simplified, and queues are not fair.

mod lines;
mod model;

use std::{fmt, time::Duration};

use postrider_core::{deliver::LONGEST_IN_FLIGHT, retry::Schedule, time::Time};

use crate::scenario::START;

pub use model::model;

/// What is deployed, and what happens to it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Deliveries to healthy endpoints per second.
    pub healthy_a_second: u32,
    /// Deliveries to dead endpoints in all, evenly over [`Plan::dead_within`].
    pub dead: u32,
    /// See [`Plan::dead`].
    pub dead_within: Duration,
    /// Dead endpoints.
    pub dead_endpoints: u32,
    /// What a request to a dead endpoint takes.
    pub dead_take: Duration,
    /// The retry schedule.
    pub schedule: Schedule,
    /// Longer waits are delayed or parked, and not in flight.
    pub longest_in_flight: Duration,
    /// Whether circuits open.
    pub circuits: bool,
    /// Invocations at once, for each queue.
    pub instances: usize,
    /// In flight at most.
    pub limit: usize,
    /// How long it is watched.
    pub watched: Duration,
}

impl Plan {
    /// As designed: the template's defaults.
    pub fn designed() -> Self {
        Self {
            healthy_a_second: 20,
            dead: 200_000,
            dead_within: Duration::from_hours(2),
            dead_endpoints: 200,
            dead_take: Duration::from_millis(300),
            schedule: "5s,5m,30m,2h,5h,10h,14h,20h,24h".parse().expect("a schedule"),
            longest_in_flight: LONGEST_IN_FLIGHT,
            circuits: true,
            instances: 50,
            limit: crate::world::IN_FLIGHT,
            watched: Duration::from_hours(4),
        }
    }

    /// The same, without those deliveries.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { dead: 0, ..self }
    }

    /// The same, with all waits in the queue and no circuits.
    #[must_use]
    pub fn waiting_in_the_queue(self) -> Self {
        Self { longest_in_flight: Duration::MAX, circuits: false, ..self }
    }

    /// The same, with endpoints that never answer.
    #[must_use]
    pub fn hanging(self) -> Self {
        Self { dead_take: Duration::from_secs(15), ..self }
    }
}

/// What a model showed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The most that were in flight at once, in either queue.
    pub most_in_flight: usize,
    /// Requests to dead endpoints.
    pub dead_requests: u64,
    /// Seconds in which a queue handed out nothing because too many were in flight.
    pub jammed: Duration,
    /// From queued to requested, of deliveries to healthy endpoints.
    pub waits: Vec<Duration>,
    /// Healthy deliveries that had not been requested in the end.
    pub left: usize,
}

impl Outcome {
    /// Such a part of the healthy deliveries waited no longer than this. Those that wait still count as endless.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let nth = ((waits.len() + self.left) as f64 * part) as usize;
        waits.get(nth).copied()
    }
}

/// Rows of a table.
#[derive(Debug)]
pub struct Table(pub Vec<(&'static str, Outcome)>);

/// All that is worth comparing.
pub fn table() -> Table {
    let designed = Plan::designed;
    Table(vec![
        ("healthy traffic alone", model(&designed().alone())),
        ("as designed, dead endpoints refuse", model(&designed())),
        ("as designed, dead endpoints hang", model(&designed().hanging())),
        ("all waits in the queue, they refuse", model(&designed().waiting_in_the_queue())),
    ])
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<38} {:>14} {:>13} {:>10} {:>10} {:>10} {:>10}",
            "", "most in flight", "dead requests", "jammed", "p50", "p99", "unsent"
        )?;
        for (name, outcome) in &self.0 {
            let quantile = |part| outcome.quantile(part).map_or("never".to_owned(), |wait| format!("{wait:.1?}"));
            writeln!(
                f,
                "{name:<38} {:>14} {:>13} {:>10} {:>10} {:>10} {:>10}",
                outcome.most_in_flight,
                outcome.dead_requests,
                format!("{:.0?}", outcome.jammed),
                quantile(0.5),
                quantile(0.99),
                outcome.left
            )?;
        }
        Ok(())
    }
}

/// The n-th of so many within a time.
fn nth_of(n: u32, count: u32, within: Duration) -> Time {
    START.plus(within.mul_f64(f64::from(n) / f64::from(count.max(1))))
}
