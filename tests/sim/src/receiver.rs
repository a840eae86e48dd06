//! The customers' servers: what they answer, and what they saw.

use std::time::Duration;

use postrider_core::{
    outbound::{Answer, Exchange, Fault},
    ports::DeliveryKey,
    time::Time,
};

use crate::{dice::Dice, scenario::START};

/// How an endpoint behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes everything at once.
    Healthy,
    /// 500, always.
    Dead,
    /// Refuses connections.
    Unreachable,
    /// Fails so often of ten thousand.
    Flapping(u64),
    /// Never answers.
    Hanging,
    /// Takes everything, after seconds.
    Slow,
    /// 503 with `Retry-After`, until then.
    Overloaded(u64, Time),
    /// 410.
    Gone,
    /// 500 until then.
    Recovers(Time),
    /// Answers too late, and has taken the delivery all the same; so often of ten thousand.
    Late(u64),
    /// `webhook-delivery: abort-message`.
    Aborting,
}

/// A request that an endpoint got.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which task sent it.
    pub task: usize,
    /// Of which deliveries.
    pub keys: Vec<DeliveryKey>,
    /// When it began.
    pub begun: Time,
    /// When it ended; or the sender.
    pub ended: Option<Time>,
    /// The endpoint has taken it, whether the sender knows or not.
    pub taken: bool,
    /// The sender got a 2xx.
    pub succeeded: bool,
}

impl Behaviour {
    /// What the seed draws.
    pub fn draw(dice: &mut Dice) -> Self {
        let later = START.plus(dice.millis(1_000, 6 * 3_600_000));
        match dice.below(16) {
            0..=4 => Self::Healthy,
            5 => Self::Dead,
            6 => Self::Unreachable,
            7 | 8 => Self::Flapping(dice.below(9_000)),
            9 => Self::Hanging,
            10 => Self::Slow,
            11 => Self::Overloaded(dice.below(2_000), later),
            12 => Self::Gone,
            13 => Self::Recovers(later),
            14 => Self::Late(dice.below(5_000)),
            _ => {
                if dice.chance(3_000) {
                    Self::Aborting
                } else {
                    Self::Healthy
                }
            }
        }
    }

    /// Its answer now, and whether it has taken the delivery.
    pub fn answer(self, now: Time, timeout: Duration, dice: &mut Dice) -> (Exchange, bool) {
        let quick = dice.millis(5, 300);
        match self {
            Self::Dead => (answered(quick, 500, vec![]), false),
            Self::Unreachable => (Exchange { duration: quick, result: Err(Fault::Connect) }, false),
            Self::Flapping(often) if dice.chance(often) => (answered(quick, 500, vec![]), false),
            Self::Flapping(_) => (answered(quick, 204, vec![]), true),
            Self::Hanging => (Exchange { duration: timeout, result: Err(Fault::Timeout) }, false),
            Self::Slow => slow(dice.millis(1_000, 12_000), timeout),
            Self::Overloaded(wait, until) if now < until => {
                (answered(quick, 503, vec![("retry-after", wait.to_string())]), false)
            }
            Self::Gone => (answered(quick, 410, vec![]), false),
            Self::Recovers(at) if now < at => (answered(quick, 500, vec![]), false),
            Self::Late(often) if dice.chance(often) => {
                (Exchange { duration: timeout, result: Err(Fault::Timeout) }, true)
            }
            Self::Healthy | Self::Overloaded(..) | Self::Recovers(_) | Self::Late(_) => {
                (answered(quick, 200, vec![]), true)
            }
            Self::Aborting => (answered(quick, 400, vec![("webhook-delivery", "abort-message".to_owned())]), false),
        }
    }
}

fn slow(took: Duration, timeout: Duration) -> (Exchange, bool) {
    if took < timeout {
        return (answered(took, 200, vec![]), true);
    }
    (Exchange { duration: timeout, result: Err(Fault::Timeout) }, true)
}

fn answered(duration: Duration, status: u16, headers: Vec<(&'static str, String)>) -> Exchange {
    Exchange { duration, result: Ok(Answer { status, body: String::new(), headers }) }
}
