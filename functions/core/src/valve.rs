//! Valves: what becomes of deliveries that are held for an endpoint.
//!
//! A valve is an item that the scheduler looks at when it is due. It stands as long as something may be held: it is
//! touched before a delivery is recorded as held ([`crate::deliver`]), and removed only when nothing is held and it has
//! not been touched for longer than any function runs and the index lags.
//!
//! What is let through becomes an ordinary parked delivery that is due soon ([`crate::wake`]): the copy in the queue may be
//! lost, and it is woken again.

use std::time::Duration;

use crate::{entity::Endpoint, time::Time};

/// Between two looks at a valve that lets something through, or waits for somebody.
pub const LOOK: Duration = Duration::from_mins(1);
/// At the latest, whatever the endpoint's pause: it may have been mended.
const LONGEST_LOOK: Duration = Duration::from_mins(5);
/// An untouched valve with nothing behind it is kept so long.
pub const KEPT: Duration = Duration::from_mins(30);

/// What may be let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing.
    Shut,
    /// One, to see whether the endpoint is well again.
    Probe,
    /// As many as the rate allows.
    Wide,
    /// All of them by a flush, since the endpoint takes several at once.
    Flush,
}

/// What a valve lets through now. Without an endpoint, or when it is disabled, deliveries go through to end.
pub fn opening(endpoint: Option<&Endpoint>, now: Time) -> Opening {
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.disabled) else { return Opening::Wide };
    match endpoint.health.circuit(now) {
        _ if endpoint.delivery.paused => Opening::Shut,
        Some(open) if open.until > now => Opening::Shut,
        _ if endpoint.delivery.batch.is_some() => Opening::Flush,
        Some(_) => Opening::Probe,
        None => Opening::Wide,
    }
}

/// When to look at the endpoint's valve again.
pub fn look_at(endpoint: &Endpoint, now: Time) -> Time {
    let soon = now.plus(LOOK);
    match endpoint.health.circuit(now) {
        _ if endpoint.delivery.paused => now.plus(LONGEST_LOOK),
        Some(open) if open.until > now && !endpoint.disabled => open.until.min(now.plus(LONGEST_LOOK)),
        _ => endpoint.delivery.batch.map_or(soon, |batch| soon.plus(Duration::from_secs(u64::from(batch.max_seconds)))),
    }
}
