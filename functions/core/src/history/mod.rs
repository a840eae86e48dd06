//! The record as it is shown: messages, deliveries and attempts.
//!
//! Nothing here writes. What has outlived its retention is not found, whether the store has removed it yet or not.
//! Filters are applied to what was read; how a page of few hits ends is told in [`crate::page`].

use crate::time::Time;

mod attempt_list;
mod attempts;
mod destinations;
mod filter;
mod message_attempts;
mod messages;
mod stats;
mod status;
#[cfg(test)]
mod tests;

pub use attempts::AttemptOut;
pub(crate) use attempts::attempt_of;
pub use destinations::{DestinationOut, EndpointMessageOut};
pub use filter::{AttemptFilter, MessageFilter, Window};
pub use messages::{MessageOut, message_out};
pub use stats::EndpointStats;
pub use status::{Status, StatusText};

/// The use cases, over the ports.
#[derive(Debug)]
pub struct History<'a, D, R> {
    /// Where applications and endpoints are.
    pub directory: &'a D,
    /// The record itself.
    pub record: &'a R,
    /// The time of the call.
    pub now: Time,
}
