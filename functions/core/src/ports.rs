//! What the domain needs from outside. `postrider-aws` and `postrider-egress` implement it; simulations can as well.
//!
//! Every port may fail as [`Unavailable`] with the outcome unknown: the write may have happened. The use cases are
//! written so that doing it again is right.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::Duration,
};

use crate::{
    claim::{Claim, ClaimKey},
    delivery::{Delivery, Reason},
    entity::{Application, Endpoint, EventType},
    ids::{AppId, AttemptId, EndpointId, Ksuid, MessageId, OrgId},
    keyring::Keyring,
    message::{Envelope, Message},
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
}

/// A part of a list, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Starts after this key (exclusive), which need not exist; at the beginning of its direction if unset.
    pub after: Option<String>,
    /// Direction.
    pub ascending: bool,
    /// At most so many.
    pub limit: usize,
}

/// What came of a write that states what it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is written.
    Done,
    /// The uid belongs to another.
    UidTaken,
    /// Somebody else wrote first: read again.
    Stale,
}

/// Applications, endpoints and event types. All reads are strongly consistent; deleted things are not seen.
pub trait Directory: Send + Sync {
    /// An application of any organization.
    fn application(&self, id: AppId) -> impl Future<Output = Result<Option<Application>, Unavailable>> + Send;
    /// The id behind an application's uid.
    fn application_id(&self, org: &OrgId, uid: &str)
    -> impl Future<Output = Result<Option<AppId>, Unavailable>> + Send;
    /// An organization's applications by id.
    fn applications(
        &self,
        org: &OrgId,
        scan: &Scan,
    ) -> impl Future<Output = Result<Vec<Application>, Unavailable>> + Send;
    /// Creates (`old` unset), or replaces exactly `old`. Creating what stands already with the same id and `rev` is `Done`:
    /// a repeated call after a lost answer.
    fn save_application(
        &self,
        new: &Application,
        old: Option<&Application>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Deletes exactly `old`; its uid is free again.
    fn delete_application(&self, old: &Application) -> impl Future<Output = Result<Saved, Unavailable>> + Send;

    /// An endpoint.
    fn endpoint(
        &self,
        app: AppId,
        id: EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, Unavailable>> + Send;
    /// The id behind an endpoint's uid.
    fn endpoint_id(
        &self,
        app: AppId,
        uid: &str,
    ) -> impl Future<Output = Result<Option<EndpointId>, Unavailable>> + Send;
    /// An application's endpoints by id.
    fn endpoints(&self, app: AppId, scan: &Scan) -> impl Future<Output = Result<Vec<Endpoint>, Unavailable>> + Send;
    /// Those of the ids that exist, or existed: deleted ones without their secrets and headers.
    fn endpoints_even_deleted(
        &self,
        app: AppId,
        ids: &[EndpointId],
    ) -> impl Future<Output = Result<Vec<Endpoint>, Unavailable>> + Send;
    /// As [`Directory::save_application`].
    fn save_endpoint(
        &self,
        new: &Endpoint,
        old: Option<&Endpoint>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Deletes exactly `old`; its uid is free again.
    fn delete_endpoint(&self, old: &Endpoint) -> impl Future<Output = Result<Saved, Unavailable>> + Send;

    /// An event type.
    fn event_type(
        &self,
        org: &OrgId,
        name: &str,
    ) -> impl Future<Output = Result<Option<EventType>, Unavailable>> + Send;
    /// An organization's event types by name.
    fn event_types(&self, org: &OrgId, scan: &Scan)
    -> impl Future<Output = Result<Vec<EventType>, Unavailable>> + Send;
    /// Those of the names that exist.
    fn event_types_named(
        &self,
        org: &OrgId,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<EventType>, Unavailable>> + Send;
    /// Creates (`old` unset), or replaces exactly `old`.
    fn save_event_type(
        &self,
        org: &OrgId,
        new: &EventType,
        old: Option<&EventType>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Removes the row itself.
    fn expunge_event_type(&self, org: &OrgId, name: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The part of the directory that publishing reads: one query.
pub trait Subscribers: Send + Sync {
    /// An application with all its endpoints; deleted ones are not seen.
    fn subscribers(
        &self,
        app: AppId,
    ) -> impl Future<Output = Result<Option<(Application, Vec<Endpoint>)>, Unavailable>> + Send;
    /// The id behind an application's uid.
    fn application_id(&self, org: &OrgId, uid: &str)
    -> impl Future<Output = Result<Option<AppId>, Unavailable>> + Send;
}

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
    /// Stores a message. Doing it again with the same message changes nothing.
    fn store(&self, message: &Message) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// A message, even an expired one that is still there. Strongly consistent.
    fn message(&self, app: AppId, id: MessageId) -> impl Future<Output = Result<Option<Message>, Unavailable>> + Send;
}

/// The delivery queue, seen from those who fill it.
pub trait Outbox: Send + Sync {
    /// Queues all of them durably, or fails: then some may have been queued.
    fn send(&self, envelopes: &[Envelope]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// (endpoint, message).
pub type DeliveryKey = (EndpointId, MessageId);

/// What a batch of deliveries needs to know, read at once.
#[derive(Debug, Default)]
pub struct Known {
    /// The records that exist.
    pub deliveries: HashMap<DeliveryKey, Delivery>,
    /// The endpoints asked for that exist and are of an existing application.
    pub endpoints: HashMap<EndpointId, Endpoint>,
    /// Endpoints that exist and cannot be read: not to be taken for deleted.
    pub unreadable: HashSet<EndpointId>,
    /// Records that exist and cannot be read: not to be taken for deliveries that were never attempted.
    pub damaged: HashSet<DeliveryKey>,
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
    /// Writes the entries that list attempts which do not stand at their message's place.
    fn list_attempts(
        &self,
        attempts: &[(EndpointId, AttemptId, MessageId, Time)],
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The delivery queue, seen from the one who empties it.
pub trait Inbox: Send + Sync {
    /// Makes messages invisible for that long from now, best effort: what fails comes back after the queue's own
    /// visibility timeout.
    fn hold(&self, receipts: &[(String, Duration)]) -> impl Future<Output = ()> + Send;
    /// Sends to the dead-letter queue. `Ok` only if all are in it.
    fn bury(&self, dead: &[DeadLetter]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// A delivery that ended without success, for the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue message to send again when it is redriven.
    pub body: String,
    /// Why it is there.
    pub reason: Reason,
    /// Which, for people: application, endpoint and message.
    pub about: Option<(AppId, EndpointId, MessageId)>,
}

/// Parts of the index of parked deliveries, so that no partition of it takes all of the load.
pub const LANES: u8 = 4;

/// Parked deliveries, as the scheduler uses them.
pub trait Parking: Send + Sync {
    /// Keys of deliveries of one lane that became due from then to now, oldest first. May lag behind.
    fn due(
        &self,
        lane: u8,
        from: Time,
        now: Time,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(DeliveryKey, Time)>, Unavailable>> + Send;
    /// Moves the due time of a parked delivery from `from` to `to`, and nothing else; gives its record, or nothing if it
    /// is no longer parked with that due time.
    fn lease(
        &self,
        key: DeliveryKey,
        from: Time,
        to: Time,
    ) -> impl Future<Output = Result<Option<Delivery>, Unavailable>> + Send;
    /// The messages that exist, even expired ones.
    fn messages(
        &self,
        keys: &[(AppId, MessageId)],
    ) -> impl Future<Output = Result<HashMap<MessageId, Message>, Unavailable>> + Send;
    /// Ends a parked delivery whose message is gone.
    fn cancel(&self, delivery: &Delivery) -> impl Future<Output = Result<(), Unavailable>> + Send;
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
pub trait Record: Messages + Claims {
    /// An application's messages by id, even expired ones.
    fn messages(&self, app: AppId, span: &Span) -> impl Future<Output = Result<Vec<Message>, Unavailable>> + Send;
    /// Those of the messages that exist, even expired ones.
    fn messages_by_id(
        &self,
        app: AppId,
        ids: &[MessageId],
    ) -> impl Future<Output = Result<HashMap<MessageId, Message>, Unavailable>> + Send;
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
