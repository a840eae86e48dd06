//! The record of deliveries, as delivering uses it.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
};

use super::Unavailable;
use crate::{
    delivery::Delivery,
    entity::{Application, Endpoint},
    ids::{AppId, AttemptId, EndpointId, MessageId, OrgId},
    message::Message,
    time::Time,
};

/// (endpoint, message).
pub type DeliveryKey = (EndpointId, MessageId);

/// What a batch of deliveries needs to know, read at once.
#[derive(Debug, Default)]
pub struct Known {
    /// The records that exist.
    pub deliveries: HashMap<DeliveryKey, Delivery>,
    /// The endpoints asked for that exist and are of an existing application.
    pub endpoints: HashMap<EndpointId, Endpoint>,
    /// The applications of those endpoints.
    pub owners: HashMap<AppId, Owner>,
    /// Endpoints that exist and cannot be read: not to be taken for deleted.
    pub unreadable: HashSet<EndpointId>,
    /// Records that exist and cannot be read: not to be taken for deliveries that were never attempted.
    pub damaged: HashSet<DeliveryKey>,
}

/// What delivering needs to know of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Whose it is.
    pub org: OrgId,
    /// The organization's own name for it.
    pub uid: Option<String>,
    /// Deliveries per second to all its endpoints together.
    pub throttle_rate: Option<u16>,
}

impl From<Application> for Owner {
    fn from(app: Application) -> Self {
        Self { org: app.org, uid: app.uid, throttle_rate: app.throttle_rate }
    }
}

/// The record of deliveries as the delivery function uses it.
pub trait Deliveries: Send + Sync {
    /// Reads records (strongly consistent) and endpoints, in one request where they are few.
    fn load(
        &self,
        deliveries: &[DeliveryKey],
        endpoints: &[(AppId, EndpointId)],
    ) -> impl Future<Output = Result<Known, Unavailable>> + Send;
    /// Writes records that succeeded, whatever stands: a success is final. Gives the keys that could not be written.
    fn record_successes(&self, done: &[Delivery]) -> impl Future<Output = Vec<DeliveryKey>> + Send;
    /// Writes a record unless somebody else has written since revision `delivery.rev - 1` (0: none existed), or a success
    /// stands. `Ok(false)`: it is not written.
    fn record(&self, delivery: &Delivery) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Writes an endpoint's health, and whether it is disabled, in place of exactly `old`. `Ok(false)`: somebody else wrote
    /// first.
    fn save_health(&self, new: &Endpoint, old: &Endpoint) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// The messages that exist, even expired ones.
    fn messages(
        &self,
        keys: &[(AppId, MessageId)],
    ) -> impl Future<Output = Result<HashMap<MessageId, Message>, Unavailable>> + Send;
    /// The attempt of a delivery that was confirmed before it was recorded, if one was. Strongly consistent.
    fn noted_confirmation(
        &self,
        key: DeliveryKey,
    ) -> impl Future<Output = Result<Option<AttemptId>, Unavailable>> + Send;
    /// Writes the entries that list attempts which do not stand at their message's place.
    fn list_attempts(
        &self,
        attempts: &[(EndpointId, AttemptId, MessageId, Time)],
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
