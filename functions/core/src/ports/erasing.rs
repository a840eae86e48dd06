//! Removing what was said, and whole applications.

use std::future::Future;

use super::Unavailable;
use crate::{
    delivery::Delivery,
    ids::{AppId, EndpointId, MessageId},
};

/// The record, as contents are removed from it.
pub trait Expunging: Send + Sync {
    /// Removes a message's payload for good: storing the message again does not bring it back. Doing it again changes
    /// nothing, nor does it where there is no such message.
    fn remove_payload(&self, app: AppId, message: MessageId) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// Writes a record in place of exactly that state and revision, a success too; or the first one. `Ok(false)`: somebody
    /// else wrote first.
    fn replace(&self, new: &Delivery, old: Option<&Delivery>)
    -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

/// What is left of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// Everything: it is not deleted.
    Alive,
    /// What was in it.
    Deleted,
    /// Nothing.
    Nothing,
}

/// A part of the ledger that goes with an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holdings {
    /// Its messages, with their fan-outs, event ids and rates.
    Application(AppId),
    /// An endpoint's deliveries, with their attempts, and all that they wait behind.
    Endpoint(EndpointId),
}

/// Both tables, as a deleted application is removed from them. Every method may be called again, and by two at once.
pub trait Erasing: Send + Sync {
    /// What is left of it.
    fn remains(&self, app: AppId) -> impl Future<Output = Result<Remains, Unavailable>> + Send;
    /// Removes the sources of a deleted application and all that its endpoints were configured with, secrets above all,
    /// and keeps the ids of endpoints; for some of them. `Ok(true)`: there are no others.
    fn strip(&self, app: AppId) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Ids of endpoints that were stripped or deleted, in order, after one that need not exist; fewer than the limit means
    /// that there are no more.
    fn stripped(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EndpointId>, Unavailable>> + Send;
    /// Removes a part of the ledger, or some of it. `Ok(true)`: nothing of it is left.
    fn clear(&self, holdings: Holdings) -> impl Future<Output = Result<bool, Unavailable>> + Send;
    /// Removes what is left of a deleted application itself, or some of it; the mark that it was deleted last. `Ok(true)`:
    /// nothing is left.
    fn forget(&self, app: AppId) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}
