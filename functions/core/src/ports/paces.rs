//! Rates.

use std::{future::Future, time::Duration};

use super::Unavailable;
use crate::{
    ids::{AppId, EndpointId},
    time::Time,
};

/// Whose rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paced {
    /// Deliveries of an application.
    Application(AppId),
    /// Deliveries of an endpoint.
    Endpoint(EndpointId),
    /// Requests with several deliveries of an endpoint.
    Batches(EndpointId),
    /// Messages that are published to an application.
    Publishing(AppId),
    /// Diagnoses of an endpoint.
    Diagnoses(EndpointId),
    /// Diagnoses of an application's endpoints.
    DiagnosesOf(AppId),
    /// Polls that wait, of an application's pollers.
    Waits(AppId),
    /// Background tasks of an application.
    Tasks(AppId),
    /// Counts of an endpoint's deliveries.
    Counts(EndpointId),
}

/// What came of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// The first is at that time (never before now), the others follow at the interval.
    From(Time),
    /// All within the horizon are taken; the next one is free then.
    Full(Time),
}

/// A request for slots of a rate. Another interval is another rate, and begins a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Whose.
    pub of: Paced,
    /// So many.
    pub count: u32,
    /// Between one and the next.
    pub interval: Duration,
    /// The first must not be before this, which is never before now.
    pub from: Time,
    /// The first must not be later than this after `from`, or nothing is reserved.
    pub horizon: Duration,
}

/// Rates: time is handed out in slots.
pub trait Paces: Send + Sync {
    /// Takes the next free slots, by one conditional write. An unknown outcome wastes them, nothing more.
    fn reserve(&self, wanted: &Reservation) -> impl Future<Output = Result<Slots, Unavailable>> + Send;
}
