//! Delivering: from a batch of queue messages to requests, records, and the right fate for each queue message.
//!
//! Actors: SQS, which hands out a message again whenever it was not acknowledged and sometimes when it was; this
//! function, which may die at any `.await`; the endpoint, which may do anything; the scheduler ([`crate::wake`]); other
//! instances of this function, which remember other things.
//!
//! Always *request → record → queue*, so that dying anywhere repeats a step and loses nothing:
//! - between the request and the record, the outcome is unknown and the request is made again (the only duplicates);
//! - between the record and the queue, the message comes back, the record says what was decided, and it is done then.
//!
//! Successes are recorded unconditionally, for a success is final. Everything else is recorded under a condition, so
//! that of two functions working on the same delivery neither undoes the other's success.
//!
//! Nobody waits for a bad endpoint: what is known to be slow goes to the retry queue, whose invocations are its own
//! ([`Way`]); where the circuit is open, deliveries are held without a request ([`hold`]); within a batch an endpoint
//! gets a few requests at once, and none any more when it has just failed to answer; and what has ended is recorded
//! while others still wait for their answer.

mod attempt;
mod batch;
mod dispose;
mod fates;
mod flush;
mod heed;
mod hold;
mod judge;
mod know;
mod pace;
mod request;
mod settle;
mod tell;
mod tend;

use std::{collections::HashMap, sync::Mutex, time::Duration};

pub use attempt::LONGEST_IN_FLIGHT;
use batch::{Job, sort};
use futures::FutureExt as _;
pub use know::CACHED;

use crate::{
    authorize::Tokens,
    compose,
    delivery::{Delivery, Reason},
    health::Pulse,
    ids::EndpointId,
    outbound::Sender,
    ports::{Ambient, Deliveries, Inbox, Jobs, Keys, Outbox, Paces, Valves, Way},
    retry::Schedule,
    time::Time,
};

/// Kept of an invocation's time for the records, after the attempts.
const MARGIN: Duration = Duration::from_secs(5);
/// A message that cannot be attempted in this invocation's time is taken up again after this.
const SOON: Duration = Duration::from_secs(1);

/// How to deliver.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When to try again.
    pub schedule: Schedule,
    /// For one request.
    pub attempt_timeout: Duration,
    /// Waits longer than this are parked; at most 15 minutes.
    pub park_after: Duration,
    /// Receives after which the queue gives a message up to the dead-letter queue.
    pub max_receives: u32,
    /// An endpoint that has not taken anything for so long is disabled.
    pub disable_after: Duration,
    /// What all requests have in common.
    pub compose: compose::Settings,
    /// Where the API is, for confirmations.
    pub api_url: String,
}

/// A queue message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names it in the answer to the queue.
    pub id: String,
    /// Names it to the queue.
    pub receipt: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// Its text.
    pub body: String,
}

/// What the delivery function asks of the tables.
pub trait Store: Deliveries + Valves + Paces {}
impl<T: Deliveries + Valves + Paces> Store for T {}

/// What it asks of the queues.
pub trait Queues: Inbox + Outbox + Jobs {}
impl<T: Inbox + Outbox + Jobs> Queues for T {}

/// The use case.
#[derive(Debug)]
pub struct Courier<D, Q, S, K, A> {
    store: D,
    queues: Q,
    sender: S,
    keys: K,
    ambient: A,
    settings: Settings,
    /// Configuration, for seconds.
    endpoints: Mutex<HashMap<EndpointId, know::Cached>>,
    /// What this instance has seen of endpoints.
    pulses: Mutex<HashMap<EndpointId, Pulse>>,
    tokens: Tokens,
}

/// One invocation: which queue its batch is from, and when it must end.
#[derive(Debug, Clone, Copy)]
struct Trip {
    way: Way,
    deadline: Time,
}

/// What becomes of a job's queue messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Acknowledged: nothing is left to do.
    Done,
    /// Comes back after this long.
    Back(Duration),
    /// Goes to the retry queue, where it is received after this long, and is then acknowledged.
    Moved {
        /// The time reserved for it under a rate limit.
        slot: Option<Time>,
        /// How often it had come too late for one.
        missed: u8,
        /// Until then.
        delay: Duration,
    },
    /// Goes to the dead-letter queue, and is then acknowledged.
    Buried(Reason),
    /// Something failed here: comes back when the queue's own visibility timeout ends.
    Failed,
}

impl Fate {
    /// To the retry queue, at once.
    const MOVED: Self = Self::Moved { slot: None, missed: 0, delay: Duration::ZERO };
}

/// A record to be written, and what then becomes of the queue message.
struct Outcome {
    delivery: Delivery,
    fate: Fate,
    /// Whether its last attempt was made now.
    attempted: bool,
    /// The producer's own id for the message, where an attempt was made.
    event_id: Option<String>,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Over these ports.
    pub fn new(store: D, queues: Q, sender: S, keys: K, ambient: A, settings: Settings) -> Self {
        let (endpoints, pulses) = (Mutex::default(), Mutex::default());
        let tokens = Tokens::new(settings.compose.user_agent.clone());
        Self { store, queues, sender, keys, ambient, settings, endpoints, pulses, tokens }
    }

    /// Handles a batch of one of the queues before the deadline. Gives the ids of the queue messages that must come back;
    /// the others are done.
    pub async fn handle(&self, batch: Vec<Received>, way: Way, deadline: Time) -> Vec<String> {
        let (trip, sorted) = (Trip { way, deadline }, sort(batch));
        let jobs = sorted.jobs;
        for job in &jobs {
            let copy = job.copies.first().map(|copy| copy.id.as_str());
            tracing::debug!(
                msg = %job.envelope.message, endpoint = %job.envelope.endpoint, ?way, receives = job.receives(), copy,
                "received"
            );
        }
        let deliver = async {
            match self.know(&jobs).await {
                Ok(known) => self.fates(&jobs, &known, trip).await,
                Err(error) => {
                    tracing::error!(error = %crate::ports::chain(&error), "the batch's records could not be read");
                    vec![Fate::Failed; jobs.len()]
                }
            }
        };
        // Boxed: as one type they are deeper than the compiler likes to look.
        let (fates, mut back) = futures::join!(deliver.boxed(), self.flush_all(&sorted.flushes, trip).boxed());
        back.extend(self.dispose(jobs.into_iter().zip(fates).collect(), sorted.malformed, trip).await);
        back
    }
}
