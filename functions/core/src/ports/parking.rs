//! Valves, and deliveries that are parked or held.

use std::{collections::HashMap, future::Future};

use super::{DeliveryKey, Unavailable};
use crate::{
    delivery::Delivery,
    entity::Endpoint,
    ids::{AppId, EndpointId, MessageId},
    message::Message,
    time::Time,
};

/// What is held for an endpoint, behind its valve: the item that the scheduler looks at, to let deliveries through when
/// they may.
///
/// The valve is touched before a delivery is recorded as held, and is removed only when nothing is held and it was not
/// touched for long ([`crate::valve`]). So there is never a held delivery without a valve.
pub trait Valves: Send + Sync {
    /// Counts deliveries that are about to be held, and makes the valve if there is none, to be looked at when `due`.
    /// Gives how many were counted since the last flush.
    fn touch(
        &self,
        endpoint: (AppId, EndpointId),
        count: u32,
        due: Time,
        now: Time,
    ) -> impl Future<Output = Result<u32, Unavailable>> + Send;
    /// Takes the right to flush until `until`, and begins to count anew. `Ok(false)`: somebody else has it, or there is
    /// no valve.
    fn lock(
        &self,
        endpoint: EndpointId,
        now: Time,
        until: Time,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Gives it back. Best effort: it ends by itself.
    fn unlock(&self, endpoint: EndpointId, until: Time) -> impl Future<Output = ()> + Send;
    /// Keys of deliveries that are held for the endpoint, oldest first. May lag behind.
    fn held(
        &self,
        endpoint: EndpointId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DeliveryKey>, Unavailable>> + Send;
}

/// Parts of the index of parked deliveries, so that no partition of it takes all of the load.
pub const LANES: u8 = 4;

/// Something in the index of what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Due {
    /// A parked delivery.
    Delivery(DeliveryKey),
    /// An endpoint's valve.
    Valve(EndpointId),
}

/// An endpoint's valve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valve {
    /// Whose endpoint.
    pub app: AppId,
    /// Which.
    pub endpoint: EndpointId,
    /// When something was last held.
    pub touched: Time,
}

/// Parked and held deliveries, as the scheduler uses them.
pub trait Parking: Valves {
    /// What of one lane became due from then to now, oldest first. May lag behind.
    fn due(
        &self,
        lane: u8,
        from: Time,
        now: Time,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Due, Time)>, Unavailable>> + Send;
    /// Moves the due time of a parked delivery from `from` to `to`, and nothing else; gives its record, or nothing if it
    /// is no longer parked with that due time.
    fn lease(
        &self,
        key: DeliveryKey,
        from: Time,
        to: Time,
    ) -> impl Future<Output = Result<Option<Delivery>, Unavailable>> + Send;
    /// The same for a valve.
    fn lease_valve(
        &self,
        endpoint: EndpointId,
        from: Time,
        to: Time,
    ) -> impl Future<Output = Result<Option<Valve>, Unavailable>> + Send;
    /// Makes a held delivery a parked one that is due then, its revision as it was; gives its record, or nothing if it is
    /// no longer held.
    fn release(
        &self,
        key: DeliveryKey,
        due: Time,
    ) -> impl Future<Output = Result<Option<Delivery>, Unavailable>> + Send;
    /// Removes the valve, unless it was touched since.
    fn remove_valve(&self, valve: &Valve) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// The endpoint, if it and its application exist.
    fn endpoint(
        &self,
        app: AppId,
        endpoint: EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, Unavailable>> + Send;
    /// The messages that exist, even expired ones.
    fn messages(
        &self,
        keys: &[(AppId, MessageId)],
    ) -> impl Future<Output = Result<HashMap<MessageId, Message>, Unavailable>> + Send;
    /// Ends a parked delivery whose message is gone.
    fn cancel(&self, delivery: &Delivery) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
