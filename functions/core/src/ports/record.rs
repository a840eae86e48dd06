//! The record, as it is looked at and confirmed.

use std::{collections::HashMap, future::Future};

use super::{Claims, DeliveryKey, FanOuts, Messages, Unavailable};
use crate::{
    confirm::Confirmation,
    delivery::{Delivery, State},
    ids::{AppId, AttemptId, EndpointId, Ksuid, MessageId},
    message::Message,
    time::Time,
};

/// The record of deliveries, as receivers change it.
pub trait Confirming: Send + Sync {
    /// Writes a delivery that was confirmed, in place of revision `delivery.rev - 1`. `Ok(false)`: somebody else wrote
    /// first.
    fn confirm(&self, delivery: &Delivery) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Notes a confirmation that came before its attempt was recorded.
    fn note_confirmation(&self, confirmation: &Confirmation) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// A part of a time-ordered list: keys strictly between `after` and `before`, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Ids below this one only.
    pub below: Option<Ksuid>,
    /// Ids above this one only.
    pub above: Option<Ksuid>,
    /// Direction.
    pub ascending: bool,
    /// At most so many; fewer than that means that there are no more.
    pub limit: usize,
}

/// The record as it is shown. All reads are strongly consistent.
pub trait Record: Messages + Claims + FanOuts {
    /// An application's messages by id, even expired ones.
    fn messages(&self, app: AppId, span: &Span) -> impl Future<Output = Result<Vec<Message>, Unavailable>> + Send;
    /// An endpoint's deliveries by message id.
    fn deliveries(
        &self,
        endpoint: EndpointId,
        span: &Span,
    ) -> impl Future<Output = Result<Vec<Delivery>, Unavailable>> + Send;
    /// Those of the deliveries that exist.
    fn deliveries_by_key(
        &self,
        keys: &[DeliveryKey],
    ) -> impl Future<Output = Result<HashMap<DeliveryKey, Delivery>, Unavailable>> + Send;
    /// The attempts of an endpoint that have an entry of their own, by attempt id.
    fn listed_attempts(
        &self,
        endpoint: EndpointId,
        span: &Span,
    ) -> impl Future<Output = Result<Vec<(AttemptId, MessageId)>, Unavailable>> + Send;
}

/// How far a delivery is, without what was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Its state.
    pub state: State,
    /// Whether anything was tried.
    pub attempted: bool,
    /// The record is gone from then on.
    pub expires_at: Time,
}

/// The record as it is counted.
pub trait Tallying: Send + Sync {
    /// An endpoint's deliveries of messages with ids between these, ascending: as many as one read of a megabyte gives, and
    /// the id above which the next read begins, if it ends before `below`. May be a moment behind.
    fn progress(
        &self,
        endpoint: EndpointId,
        above: Ksuid,
        below: Ksuid,
    ) -> impl Future<Output = Result<(Vec<Progress>, Option<Ksuid>), Unavailable>> + Send;
}
