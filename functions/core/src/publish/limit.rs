//! How many messages an application takes in.
//!
//! An application with a rate has a line of slots ([`Paces`]), from which each function instance takes a few at a time
//! and spends them from its memory, for a second at most: the limit costs a fraction of a write a message, and nothing
//! where there is none. Slots may be taken up to a second ahead, so that a second's worth may come at once. An instance
//! begins with one slot at a time, takes twice as many when it has spent all, and as many as it needed when it has not:
//! many instances with little to do waste little.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    entity::Application,
    ids::AppId,
    ports::{Paced, Paces, Reservation, Slots, Unavailable},
    problem::Problem,
    time::Time,
};

/// The burst, and how long slots may be kept.
const SECOND: Duration = Duration::from_secs(1);
/// Applications that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 10_000;

/// The limits of all applications, as one instance knows them.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    rate: u32,
    hands: Mutex<HashMap<AppId, Hand>>,
}

/// Slots of one application.
#[derive(Debug, Clone, Copy)]
struct Hand {
    left: u32,
    taken: u32,
    /// They count until then.
    until: Time,
    /// Before then there are no others.
    full_until: Time,
}

impl Limiter {
    /// With a rate for applications that have none of their own.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, hands: Mutex::default() }
    }

    /// Takes so many messages in together, or tells when to come again. More than a second's worth are taken when the
    /// line is free, and then the next seconds are used up.
    pub(super) async fn pass<P: Paces>(
        &self,
        paces: &P,
        app: &Application,
        wanted: u32,
        now: Time,
    ) -> Result<(), Problem> {
        let rate = app.publish_rate.unwrap_or(self.rate);
        if rate == 0 {
            return Ok(());
        }
        let before = match self.spend(app.id, wanted, now) {
            Ok(()) => return Ok(()),
            Err(before) => before,
        };
        let longer = horizon(rate, 1).saturating_sub(horizon(rate, wanted));
        if before.full_until > now {
            return Err(Problem::TooMany(now.until(before.full_until.plus(longer))));
        }
        let count = before.next_count(rate).max(wanted);
        let (count, slots) = match reserve(paces, app.id, rate, count, now).await? {
            // So many do not fit any more; those that are needed may.
            Slots::Full(_) if count > wanted => (wanted, reserve(paces, app.id, rate, wanted, now).await?),
            slots => (count, slots),
        };
        let hand = Hand { left: 0, taken: 1, until: now.plus(SECOND), full_until: now };
        let (hand, result) = match slots {
            Slots::From(_) => (Hand { left: count - wanted, taken: count, ..hand }, Ok(())),
            Slots::Full(next) => {
                let full_until = next.minus(horizon(rate, 1));
                (Hand { full_until, ..hand }, Err(Problem::TooMany(now.until(full_until.plus(longer)))))
            }
        };
        self.remember(app.id, hand);
        result
    }

    fn hands(&self) -> MutexGuard<'_, HashMap<AppId, Hand>> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, app: AppId, wanted: u32, now: Time) -> Result<(), Hand> {
        let mut hands = self.hands();
        match hands.get_mut(&app) {
            Some(hand) if hand.left >= wanted && hand.until > now => {
                hand.left -= wanted;
                Ok(())
            }
            Some(hand) => Err(*hand),
            None => Err(Hand { left: 0, taken: 0, until: now, full_until: now }),
        }
    }

    fn remember(&self, app: AppId, hand: Hand) {
        let mut hands = self.hands();
        if hands.len() >= REMEMBERED && !hands.contains_key(&app) {
            hands.clear();
        }
        hands.insert(app, hand);
    }
}

impl Hand {
    fn next_count(self, rate: u32) -> u32 {
        let wanted = if self.left == 0 { self.taken * 2 } else { self.taken - self.left };
        wanted.clamp(1, (rate / 10).max(1))
    }
}

fn interval(rate: u32) -> Duration {
    SECOND / rate
}

/// The first of so many slots may be this far ahead, for the last to be within the second.
fn horizon(rate: u32, count: u32) -> Duration {
    SECOND.saturating_sub(interval(rate) * count)
}

async fn reserve<P: Paces>(paces: &P, app: AppId, rate: u32, count: u32, now: Time) -> Result<Slots, Unavailable> {
    let (interval, horizon) = (interval(rate), horizon(rate, count));
    paces.reserve(&Reservation { of: Paced::Publishing(app), count, interval, from: now, horizon }).await
}
