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
    confirm::Confirmation,
    delivery::{Delivery, Reason},
    entity::{Application, Endpoint, EventType},
    ids::{AppId, AttemptId, EndpointId, Ksuid, MessageId, OrgId},
    job::Job,
    keyring::Keyring,
    message::{Content, Message},
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
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
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

/// An application with those who listen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The application.
    pub application: Application,
    /// Its endpoints by id, or the first of them.
    pub endpoints: Vec<Endpoint>,
    /// Whether these are all.
    pub complete: bool,
}

/// The part of the directory that publishing reads. All reads are strongly consistent; deleted things are not seen.
pub trait Subscribers: Send + Sync {
    /// An application with as many of its endpoints as one query gives.
    fn subscribers(&self, app: AppId) -> impl Future<Output = Result<Option<Audience>, Unavailable>> + Send;
    /// Endpoints of an application in the order of their ids, after one that need not exist; fewer than the limit means
    /// that there are no more. Nothing if there is no such application.
    fn endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<Endpoint>>, Unavailable>> + Send;
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

/// Which of the two delivery queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// First attempts at endpoints that nothing is known against.
    Prompt,
    /// Everything that may take long or fail: slow endpoints, probes, what was parked. It has invocations of its own, so
    /// that it delays nothing else.
    Retry,
}

/// Something for a delivery queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What.
    pub content: Content,
    /// Into which.
    pub way: Way,
    /// Invisible for so long: whole seconds, at most [`LONGEST_DELAY`].
    pub delay: Duration,
}

/// SQS delays a message by at most this.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The delivery queues, seen from those who fill them.
pub trait Outbox: Send + Sync {
    /// Queues all of them durably, or fails: then some may have been queued.
    fn send(&self, parcels: &[Parcel]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The queue of jobs, seen from those who fill it.
pub trait Jobs: Send + Sync {
    /// Queues all of them durably, or fails: then some may have been queued.
    fn submit(&self, jobs: &[Job]) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

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

/// The delivery queues, seen from the one who empties them.
pub trait Inbox: Send + Sync {
    /// Makes messages invisible for that long from now, best effort: what fails comes back after the queue's own
    /// visibility timeout.
    fn hold(&self, way: Way, receipts: &[(String, Duration)]) -> impl Future<Output = ()> + Send;
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
