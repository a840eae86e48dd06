//! Where in a log the messages of a time begin.

use std::time::Duration;

use super::{PER_SEGMENT, Poller, Position};
use crate::{
    ids::EndpointId,
    ports::{Ambient, Directory, Polling, Record, Unavailable},
    time::Time,
};

/// Clocks of function instances may differ by that much.
const SKEW: Duration = Duration::from_mins(1);

impl<D: Directory, R: Record + Polling, A: Ambient> Poller<'_, D, R, A> {
    /// A place before every message that was published at that time or later: nothing is taken in before it is
    /// published, and segments are in the order in which they were filled. A dozen reads.
    pub(super) async fn place_of(&self, poller: EndpointId, after: Time) -> Result<Position, Unavailable> {
        let Some(tail) = self.record.look(poller, u64::MAX / PER_SEGMENT as u64, 1).await?.tail else {
            return Ok(Position::default());
        };
        let (mut low, mut high) = (0, tail.segment.number);
        while low < high {
            let middle = low.midpoint(high);
            // What has expired is older.
            let is_before = self.record.segment(poller, middle).await?.is_none_or(|is| is.until.plus(SKEW) < after);
            if is_before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Position { log: tail.segment.log, entry: low * PER_SEGMENT as u64 })
    }
}
