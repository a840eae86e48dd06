//! How many deliveries of an endpoint are how far.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::History;
use crate::{
    delivery::State,
    find,
    ids::{EndpointId, Ksuid},
    pacing,
    ports::{Directory, Paced, Paces, Progress, Tallying},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// The longest time that can be asked for, and the one that is meant without `since`.
const LONGEST: Duration = Duration::from_hours(28 * 24);
/// What a client's idea of 28 days may have in excess.
const SLACK: Duration = Duration::from_mins(5);
/// The time is divided into so many parts, which are read at once.
const PARTS: u32 = 8;
/// Pages that are read for one answer, of a megabyte each: some 300,000 deliveries, or 12,800 read units.
const PAGES: usize = 100;
/// An endpoint's deliveries are counted once in this time, and so many times more at once.
const INTERVAL: Duration = Duration::from_secs(2);
const AHEAD: u32 = 10;

/// How many deliveries are how far: of messages that were published in a time, and have a record. A delivery has none
/// until its first attempt has ended, or it was put off: normally for less than a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct EndpointStats {
    /// Taken by the endpoint.
    pub success: u64,
    /// Put off, and not attempted yet: the endpoint is paused, its circuit is open, or its rate is booked out.
    pub pending: u64,
    /// Attempted, and to be attempted again or to be confirmed.
    pub sending: u64,
    /// Given up: they are in the dead-letter queue.
    pub fail: u64,
    /// Ended without need: canceled by hand, the endpoint was deleted, the message has expired, or its content was
    /// expunged.
    pub canceled: u64,
}

impl EndpointStats {
    fn count(&mut self, progress: Progress) {
        let counter = match progress.state {
            State::Succeeded => &mut self.success,
            State::Failed(_) => &mut self.fail,
            State::Canceled(_) => &mut self.canceled,
            State::Waiting { .. } | State::Held { .. } | State::Unconfirmed { .. } if progress.attempted => {
                &mut self.sending
            }
            State::Waiting { .. } | State::Held { .. } | State::Unconfirmed { .. } => &mut self.pending,
        };
        *counter += 1;
    }

    fn add(self, other: Self) -> Self {
        Self {
            success: self.success + other.success,
            pending: self.pending + other.pending,
            sending: self.sending + other.sending,
            fail: self.fail + other.fail,
            canceled: self.canceled + other.canceled,
        }
    }
}

impl<D: Directory, R: Tallying + Paces> History<'_, D, R> {
    /// Counts the deliveries of messages that were published from `since` (28 days before the end, if unset) until just
    /// before `until` (now, if unset). 400 `invalid_range` for a time that is longer than 28 days, ends in the future, or
    /// holds more than can be counted at once. 429 where somebody asks again and again.
    pub async fn stats(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        since: Option<Time>,
        until: Option<Time>,
    ) -> Result<EndpointStats, Problem> {
        let until = until.unwrap_or(self.now);
        let since = since.unwrap_or_else(|| until.minus(LONGEST));
        check(since, until, self.now)?;
        let app = find::application(self.directory, caller, app).await?.id;
        let endpoint = find::endpoint(self.directory, app, endpoint).await?.id;
        pacing::pass(self.record, Paced::Counts(endpoint), self.now, INTERVAL, AHEAD).await?;
        let pages = AtomicUsize::new(PAGES);
        let parts = parts(since, until).map(|(from, to)| self.count(endpoint, from, to, &pages));
        let counts = stream::iter(parts.collect::<Vec<_>>()).buffer_unordered(PARTS as usize);
        counts.try_fold(EndpointStats::default(), async |all, part| Ok(all.add(part))).await
    }

    async fn count(
        &self,
        endpoint: EndpointId,
        from: Ksuid,
        to: Ksuid,
        pages: &AtomicUsize,
    ) -> Result<EndpointStats, Problem> {
        let (mut counts, mut above) = (EndpointStats::default(), Some(from));
        while let Some(start) = above {
            let taken = pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            taken.map_err(|_| too_many())?;
            let (found, next) = self.record.progress(endpoint, start, to).await?;
            let standing = found.into_iter().filter(|progress| progress.expires_at > self.now);
            standing.for_each(|progress| counts.count(progress));
            above = next;
        }
        Ok(counts)
    }
}

fn check(since: Time, until: Time, now: Time) -> Result<(), Problem> {
    let why = if until > now {
        "until must not be in the future"
    } else if since > until {
        "since must not be after until"
    } else if since.until(until) > LONGEST + SLACK {
        "since must not be more than 28 days before until"
    } else {
        return Ok(());
    };
    Err(invalid(why))
}

fn invalid(why: &'static str) -> Problem {
    Problem::refused(400, "invalid_range", why)
}

fn too_many() -> Problem {
    invalid("there are too many deliveries from since until until to count them at once; ask for a shorter time")
}

/// Exclusive bounds of ids, for equal parts of the time.
fn parts(since: Time, until: Time) -> impl Iterator<Item = (Ksuid, Ksuid)> {
    let step = since.until(until) / PARTS;
    let bound = move |n| Ksuid::floor(if n == PARTS { until } else { since.plus(step * n) });
    (0..PARTS).map(move |n| (bound(n), bound(n + 1))).filter(|(from, to)| from < to)
}
