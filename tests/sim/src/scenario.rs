//! What a seed draws: the deployment, the endpoints, what is published, what an operator does, and how often calls fail.

use std::time::Duration;

use postrider_core::{
    manner::{Batching, Confirming},
    time::Time,
};

use crate::{dice::Dice, receiver::Behaviour};

/// When every run begins.
pub const START: Time = Time::from_secs(1_800_000_000);

/// An endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Subscription {
    /// What it answers.
    pub behaviour: Behaviour,
    /// Its rate limit.
    pub throttle: Option<u16>,
    /// Whether it takes several events in one request.
    pub batch: Option<Batching>,
    /// Whether it confirms, which it does before it answers, so often of ten thousand.
    pub confirm: Option<(Confirming, u64)>,
}

/// Something that is published.
#[derive(Debug, Clone, Copy)]
pub struct Publication {
    /// When.
    pub at: Time,
    /// Whether with an idempotency key, so that it is repeated until it is accepted.
    pub keyed: bool,
    /// Whether with an `eventId`.
    pub named: bool,
    /// For so many days.
    pub days: u8,
}

/// What an operator does with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Disables it.
    Disable,
    /// Enables it.
    Enable,
    /// Pauses it.
    Pause,
    /// Ends the pause.
    Resume,
    /// Deletes it.
    Delete,
    /// Sends all dead letters back to the queue.
    Redrive,
}

/// A run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The application's rate limit.
    pub throttle: Option<u16>,
    /// The retry schedule.
    pub schedule: &'static str,
    /// Longer waits are parked.
    pub park_after: Duration,
    /// The queues' limit of receives.
    pub max_receives: u32,
    /// Calls that fail, of ten thousand.
    pub faults: u64,
    /// No call fails from then on.
    pub calm: Time,
    /// Endpoints.
    pub endpoints: Vec<Subscription>,
    /// Publications.
    pub publications: Vec<Publication>,
    /// Interventions: when, at which endpoint.
    pub changes: Vec<(Time, usize, Change)>,
    /// Instances of the delivery function for each queue.
    pub instances: u8,
}

/// With the last one, messages that are kept for five days expire before the last attempt.
const SCHEDULES: [&str; 7] = ["5s,5m,30m", "5s,5s,5s", "1h,1h", "", "5s,5m,30m,2h", "20m", "40h,40h,50h"];

impl Scenario {
    /// What the seed draws.
    pub fn draw(dice: &mut Dice) -> Self {
        let faults = dice.pick(&[0, 0, 50, 100, 300, 800, 1_500]);
        let endpoints: Vec<_> = (0..=dice.index(4)).map(|_| Subscription::draw(dice)).collect();
        let publications = (0..=dice.index(12)).map(|_| Publication::draw(dice)).collect();
        let changes = if dice.chance(3_000) { changes(dice, endpoints.len()) } else { Vec::new() };
        Self {
            throttle: if dice.chance(500) { Some(dice.pick(&[1, 3])) } else { None },
            schedule: dice.pick(&SCHEDULES),
            park_after: dice.pick(&[Duration::ZERO, Duration::from_mins(1), Duration::from_mins(15)]),
            max_receives: dice.pick(&[10, 10, 20]),
            faults,
            calm: START.plus(dice.millis(60_000, 3 * 3_600_000)),
            endpoints,
            publications,
            changes,
            instances: 1 + u8::try_from(dice.below(3)).unwrap_or(0),
        }
    }
}

impl Subscription {
    fn draw(dice: &mut Dice) -> Self {
        let throttle = if dice.chance(1_500) { Some(dice.pick(&[1, 2, 10])) } else { None };
        let (max_events, max_seconds) = (dice.pick(&[2, 5, 100]), dice.pick(&[1, 30, 900]));
        let batch = dice.chance(1_500).then_some(Batching { max_events, max_seconds });
        let within_seconds = dice.pick(&[30, 300, 3_600]);
        let confirm = dice.chance(500).then_some((Confirming { within_seconds }, dice.pick(&[0, 5_000, 10_000])));
        Self { behaviour: Behaviour::draw(dice), throttle, batch, confirm }
    }
}

impl Publication {
    fn draw(dice: &mut Dice) -> Self {
        // Often all at once, sometimes over an hour.
        let at = START.plus(if dice.chance(5_000) { dice.millis(0, 2_000) } else { dice.millis(0, 3_600_000) });
        Self { at, keyed: dice.chance(6_000), named: dice.chance(2_000), days: dice.pick(&[5, 90]) }
    }
}

fn changes(dice: &mut Dice, endpoints: usize) -> Vec<(Time, usize, Change)> {
    let mut all = Vec::new();
    for _ in 0..=dice.index(3) {
        let at = START.plus(dice.millis(0, 2 * 3_600_000));
        let endpoint = dice.index(endpoints);
        let end = at.plus(dice.millis(1_000, 4 * 3_600_000));
        match dice.below(5) {
            0 | 1 => all.extend([(at, endpoint, Change::Disable), (end, endpoint, Change::Enable)]),
            2 | 3 => all.extend([(at, endpoint, Change::Pause), (end, endpoint, Change::Resume)]),
            _ => all.push((at, endpoint, Change::Delete)),
        }
    }
    if dice.chance(5_000) {
        all.push((START.plus(dice.millis(0, 12 * 3_600_000)), 0, Change::Redrive));
    }
    all.sort_by_key(|(at, ..)| *at);
    all
}
