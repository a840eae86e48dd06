//! Calls that cost more than they look like, so many in a time.

use std::time::Duration;

use crate::{
    ports::{Paced, Paces, Reservation, Slots},
    problem::Problem,
    time::Time,
};

/// Lets a call pass: one in each interval, and `ahead` more at once. Otherwise 429, with the time when the next one may
/// come.
pub(crate) async fn pass<L: Paces>(
    paces: &L,
    of: Paced,
    now: Time,
    interval: Duration,
    ahead: u32,
) -> Result<(), Problem> {
    let horizon = interval * ahead;
    match paces.reserve(&Reservation { of, count: 1, interval, from: now, horizon }).await? {
        Slots::From(_) => Ok(()),
        Slots::Full(next) => Err(Problem::TooMany(now.plus(horizon).until(next))),
    }
}
