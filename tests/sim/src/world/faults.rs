//! What may go wrong with a call.

use std::time::Duration;

use postrider_core::ports::Unavailable;

use super::{Inner, World};
use crate::executor::Role;

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It works.
    None,
    /// It is refused.
    Refused,
    /// It works, and the answer is lost.
    Lost,
    /// The one who calls dies before.
    DiesBefore,
    /// It works, and the one who calls has died.
    DiesAfter,
    /// It takes very long.
    Delayed,
}

impl World {
    /// Makes a call: it takes time, and may go wrong.
    pub(super) async fn call<T: Send>(
        &self,
        what: &'static str,
        effect: impl FnOnce(&mut Inner) -> T + Send,
    ) -> Result<T, Unavailable> {
        let (fault, before, after) = self.lock().draw(what);
        self.pause(before).await;
        match fault {
            Fault::Refused => return Err(Unavailable::new(what, "throttled")),
            Fault::DiesBefore => self.die().await,
            Fault::None | Fault::Lost | Fault::DiesAfter | Fault::Delayed => {}
        }
        let value = {
            let mut inner = self.lock();
            inner.note(|| what.to_owned());
            let now = inner.now;
            inner.tables.expire(now);
            effect(&mut inner)
        };
        if fault == Fault::DiesAfter {
            self.die().await;
        }
        self.pause(after).await;
        if fault == Fault::Lost {
            return Err(Unavailable::new(what, "the answer was lost"));
        }
        Ok(value)
    }

    /// The current task dies here.
    pub async fn die(&self) -> ! {
        self.lock().died = true;
        std::future::pending().await
    }

    /// Whether something fails now that is not a call.
    pub fn fails(&self, what: &'static str) -> bool {
        let mut inner = self.lock();
        let fails = inner.is_stormy();
        if fails {
            inner.excuse(what);
        }
        fails
    }
}

impl Inner {
    /// Whether a fault happens now.
    pub fn is_stormy(&mut self) -> bool {
        let often = self.scenario.faults;
        often > 0 && self.now < self.scenario.calm && self.dice.chance(often)
    }

    fn draw(&mut self, what: &'static str) -> (Fault, Duration, Duration) {
        *self.calls.entry(what).or_default() += 1;
        let (mut before, after) = (self.dice.millis(1, 15), self.dice.millis(0, 5));
        if !self.is_stormy() {
            return (Fault::None, before, after);
        }
        let fault = match self.dice.below(10) {
            0 | 1 => Fault::Refused,
            2..=4 => Fault::Lost,
            5 | 6 => Fault::DiesBefore,
            7 | 8 => Fault::DiesAfter,
            _ => Fault::Delayed,
        };
        if fault == Fault::Delayed {
            before = self.dice.millis(500, 40_000);
        }
        self.note(|| format!("{what}: {fault:?}"));
        self.excuse(what);
        (fault, before, after)
    }

    /// What goes wrong may lead to another request for the deliveries that are in hand.
    pub fn excuse(&mut self, what: &'static str) {
        self.note(|| format!("fault: {what}"));
        self.injected += 1;
        match self.current.1 {
            Some(Role::Courier(..)) => {
                let keys: Vec<_> =
                    self.desks.get(&self.current.0).iter().flat_map(|desk| desk.batch.keys().copied()).collect();
                for key in keys {
                    *self.excuses.entry(key).or_default() += 1;
                }
            }
            Some(Role::Producer(publication, _)) => *self.producer_faults.entry(publication).or_default() += 1,
            Some(Role::Scheduler(_)) => self.scheduler_faults += 1,
            Some(Role::Operator) | None => {}
        }
    }
}
