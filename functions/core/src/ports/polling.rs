//! The logs of pollers. All reads are strongly consistent.

use std::future::Future;

use super::{Messages, Unavailable};
use crate::{
    ids::EndpointId,
    poll::{Arrival, Cursor, Look, Segment, TakeIn},
    time::Time,
};

/// Logs and cursors, as polling reads and writes them. Publishing writes arrivals by [`Messages::announce`].
pub trait Polling: Messages {
    /// A poller's log from that segment on, and then its arrivals; `most` items.
    fn look(
        &self,
        poller: EndpointId,
        from: u64,
        most: usize,
    ) -> impl Future<Output = Result<Look, Unavailable>> + Send;
    /// A sealed segment.
    fn segment(
        &self,
        poller: EndpointId,
        number: u64,
    ) -> impl Future<Output = Result<Option<Segment>, Unavailable>> + Send;
    /// Does all of it. `Ok(false)`: somebody else was first, and nothing has happened.
    fn take_in(&self, poller: EndpointId, what: &TakeIn) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Removes arrivals that were not announced again since.
    fn forget(&self, poller: EndpointId, arrivals: &[Arrival]) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// A consumer's cursor.
    fn cursor(
        &self,
        poller: EndpointId,
        consumer: &str,
    ) -> impl Future<Output = Result<Option<Cursor>, Unavailable>> + Send;
    /// Places a consumer's cursor; with `forward`, only if it is not beyond that place and was not sought elsewhere: its
    /// `after` is the same.
    fn place_cursor(
        &self,
        poller: EndpointId,
        consumer: &str,
        cursor: &Cursor,
        forward: bool,
        now: Time,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
