//! What the domain needs from outside. `postrider-aws` and `postrider-egress` implement it; simulations can as well.
//!
//! Every port may fail as [`Unavailable`] with the outcome unknown: the write may have happened. The use cases are
//! written so that doing it again is right.

mod configuring;
mod deliveries;
mod erasing;
mod paces;
mod parking;
mod polling;
mod publishing;
mod queues;
mod record;
mod recovery;
mod revocations;
mod sources;

use std::{future::Future, time::Duration};

pub use configuring::{Audience, Directory, Saved, Scan, Subscribers};
pub use deliveries::{Deliveries, DeliveryKey, Known, Owner};
pub use erasing::{Erasing, Expunging, Holdings, Remains};
pub use paces::{Paced, Paces, Reservation, Slots};
pub use parking::{Due, LANES, Parking, Valve, Valves};
pub use polling::Polling;
pub use publishing::{Claims, FanOuts, FanPage, Messages};
pub use queues::{DeadLetter, Inbox, Jobs, LONGEST_DELAY, Outbox, Parcel, Reject, Rejects, Way};
pub use record::{Confirming, Progress, Record, Span, Tallying};
pub use recovery::{DeadSpan, Recovery, Tasks};
pub use revocations::Revocations;
pub use sources::Sources;

use crate::{
    ids::Ksuid,
    keyring::{KeyError, Keyring},
    time::Time,
};

/// A backing service did not do what was asked, or its answer was lost.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Unavailable {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// What was being done, and why it failed.
    pub fn new(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what, source: source.into() }
    }
}

/// An error and what caused it, in one line: for the log, where the error is handled.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Time and randomness.
pub trait Ambient: Send + Sync {
    /// The time.
    fn now(&self) -> Time;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
    /// Fills with random bytes, fit for keys.
    fn fill(&self, bytes: &mut [u8]);

    /// Random bytes, fit for keys.
    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A new identifier of now.
    fn ksuid(&self) -> Ksuid {
        Ksuid::new(self.now(), self.random())
    }
}

/// The root keys, cached for minutes.
pub trait Keys: Send + Sync {
    /// A keyring that has the key of that name, if there is such a key at all; any recent keyring without a name.
    fn keyring(&self, wanted: Option<&str>) -> impl Future<Output = Result<Keyring, Unavailable>> + Send;

    /// What `open` makes of a keyring; once more of one that has the key it misses: it may be newer than the cached ones.
    fn opened<T: Send>(
        &self,
        open: impl Fn(&Keyring) -> Result<T, KeyError> + Send + Sync,
    ) -> impl Future<Output = Result<Result<T, KeyError>, Unavailable>> + Send {
        async move {
            match open(&self.keyring(None).await?) {
                Err(KeyError::UnknownKey(name)) => Ok(open(&self.keyring(Some(&name)).await?)),
                done => Ok(done),
            }
        }
    }
}
