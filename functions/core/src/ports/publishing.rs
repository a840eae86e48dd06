//! Claims, messages, and how far large fan-outs are.

use std::{collections::HashMap, future::Future};

use super::Unavailable;
use crate::{
    claim::{Claim, ClaimKey},
    ids::{AppId, EndpointId, MessageId},
    message::Message,
    poll::Arrival,
    time::Time,
};

/// First come, first served.
pub trait Claims: Send + Sync {
    /// Writes the claim if there is none or an expired one, or in place of exactly `over`. Otherwise gives the one
    /// that stands.
    fn claim(
        &self,
        key: &ClaimKey,
        claim: &Claim,
        over: Option<&Claim>,
        now: Time,
    ) -> impl Future<Output = Result<Option<Claim>, Unavailable>> + Send;
    /// The claim that stands, if any. Strongly consistent.
    fn standing(&self, key: &ClaimKey) -> impl Future<Output = Result<Option<Claim>, Unavailable>> + Send;
}

/// Messages as publishing writes them.
pub trait Messages: Send + Sync {
    /// Announces messages to pollers, which hand them out once they are stored. Doing it again before that changes nothing.
    fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// Stores messages, or fails: then some may be stored. Doing it again with the same ones changes nothing; of one alone it
    /// does not bring expunged content back either.
    fn store(&self, messages: &[Message]) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// Those of the messages that are there, even expired ones. Strongly consistent.
    fn stored(
        &self,
        app: AppId,
        ids: &[MessageId],
    ) -> impl Future<Output = Result<HashMap<MessageId, Message>, Unavailable>> + Send;
    /// A message, even an expired one that is still there. Strongly consistent.
    fn message(&self, app: AppId, id: MessageId) -> impl Future<Output = Result<Option<Message>, Unavailable>> + Send;
}

/// A part of a large fan-out whose deliveries are queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanPage {
    /// The endpoints it was queued for.
    pub endpoints: Vec<EndpointId>,
    /// The endpoints that were disabled.
    pub held: Vec<EndpointId>,
    /// The last endpoint that was looked at, from which the next page goes on; unset where there is no next page.
    pub cursor: Option<EndpointId>,
}

/// The pages of messages that a job fans out. All reads are strongly consistent.
pub trait FanOuts: Send + Sync {
    /// All pages of a message, in order.
    fn pages(&self, app: AppId, message: MessageId) -> impl Future<Output = Result<Vec<FanPage>, Unavailable>> + Send;
    /// The last page that is recorded, and its number.
    fn last_page(
        &self,
        app: AppId,
        message: MessageId,
    ) -> impl Future<Output = Result<Option<(u32, FanPage)>, Unavailable>> + Send;
    /// Records a page, unless there is one of that number: then gives that one.
    fn record_page(
        &self,
        message: &Message,
        number: u32,
        page: &FanPage,
    ) -> impl Future<Output = Result<Option<FanPage>, Unavailable>> + Send;
}
