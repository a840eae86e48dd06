//! Delivering: from a batch of queue messages to requests, records, and the right fate for each queue message.
//!
//! Actors: SQS, which hands out a message again whenever it was not acknowledged and sometimes when it was; this
//! function, which may die at any `.await`; the endpoint, which may do anything; the scheduler ([`crate::wake`]).
//!
//! Always *request → record → queue*, so that dying anywhere repeats a step and loses nothing:
//! - between the request and the record, the outcome is unknown and the request is made again (the only duplicates);
//! - between the record and the queue, the message comes back, the record says what was decided, and it is done then.
//!
//! Successes are recorded unconditionally, for a success is final. Everything else is recorded under a condition, so
//! that of two functions working on the same delivery neither undoes the other's success.

mod attempt;
mod judge;
mod settle;

use std::{collections::HashMap, sync::Mutex, time::Duration};

use judge::Verdict;

use crate::{
    delivery::Reason,
    entity::Endpoint,
    ids::EndpointId,
    message::Envelope,
    outbound::Sender,
    ports::{Ambient, DeadLetter, Deliveries, DeliveryKey, Inbox, Keys, Known, Unavailable},
    retry::Schedule,
    time::Time,
};

/// An endpoint's configuration is used for this long, unless a queue message names a newer revision.
const CACHED: Duration = Duration::from_secs(10);
const CACHED_ENDPOINTS: usize = 10_000;
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
    /// The `user-agent` of every request.
    pub user_agent: String,
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

/// The use case.
#[derive(Debug)]
pub struct Courier<D, I, S, K, A> {
    deliveries: D,
    inbox: I,
    sender: S,
    keys: K,
    ambient: A,
    settings: Settings,
    endpoints: Mutex<HashMap<EndpointId, (Endpoint, Time)>>,
}

/// One delivery of a batch, with every queue message that carries it.
#[derive(Debug)]
struct Job {
    envelope: Envelope,
    copies: Vec<Received>,
}

impl Job {
    const fn key(&self) -> DeliveryKey {
        (self.envelope.endpoint, self.envelope.message)
    }
}

/// What becomes of a job's queue messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Acknowledged: nothing is left to do.
    Done,
    /// Comes back after this long.
    Back(Duration),
    /// Goes to the dead-letter queue, and is then acknowledged.
    Buried(Reason),
    /// Something failed here: comes back when the queue's own visibility timeout ends.
    Failed,
}

impl<D: Deliveries, I: Inbox, S: Sender, K: Keys, A: Ambient> Courier<D, I, S, K, A> {
    /// Over these ports.
    pub fn new(deliveries: D, inbox: I, sender: S, keys: K, ambient: A, settings: Settings) -> Self {
        Self { deliveries, inbox, sender, keys, ambient, settings, endpoints: Mutex::default() }
    }

    /// Handles a batch before the deadline. Gives the ids of the queue messages that must come back; the others are
    /// done.
    pub async fn handle(&self, batch: Vec<Received>, deadline: Time) -> Vec<String> {
        let (jobs, malformed) = sort(batch);
        let keys: Vec<_> = jobs.iter().map(Job::key).collect();
        let fates = match self.know(&jobs).await {
            Ok(known) => self.fates(&jobs, &known, deadline).await,
            Err(error) => {
                tracing::error!(error = %crate::ports::chain(&error), "the batch's records could not be read");
                vec![Fate::Failed; keys.len()]
            }
        };
        self.dispose(jobs.into_iter().zip(fates).collect(), malformed).await
    }

    /// Reads the records of the batch, and the endpoints that are not cached.
    async fn know(&self, jobs: &[Job]) -> Result<Known, Unavailable> {
        let now = self.ambient.now();
        let mut cached = HashMap::new();
        let mut missing = Vec::new();
        for Job { envelope, .. } in jobs {
            match self.cached(envelope, now) {
                Some(endpoint) => drop(cached.insert(endpoint.id, endpoint)),
                None if missing.contains(&(envelope.app, envelope.endpoint)) => {}
                None => missing.push((envelope.app, envelope.endpoint)),
            }
        }
        let keys: Vec<_> = jobs.iter().map(Job::key).collect();
        let mut known = self.deliveries.load(&keys, &missing).await?;
        self.cache(known.endpoints.values(), now);
        for (id, endpoint) in cached {
            known.endpoints.entry(id).or_insert(endpoint);
        }
        Ok(known)
    }

    fn cached(&self, envelope: &Envelope, now: Time) -> Option<Endpoint> {
        let cache = self.endpoints.lock().ok()?;
        let (endpoint, since) = cache.get(&envelope.endpoint)?;
        let fresh = since.plus(CACHED) > now && endpoint.rev >= envelope.rev && endpoint.app == envelope.app;
        fresh.then(|| endpoint.clone())
    }

    fn cache<'a>(&self, endpoints: impl Iterator<Item = &'a Endpoint>, now: Time) {
        let Ok(mut cache) = self.endpoints.lock() else { return };
        if cache.len() >= CACHED_ENDPOINTS {
            cache.clear();
        }
        cache.extend(endpoints.map(|endpoint| (endpoint.id, (endpoint.clone(), now))));
    }

    /// Buries, holds, and gives what must come back.
    async fn dispose(&self, jobs: Vec<(Job, Fate)>, malformed: Vec<Received>) -> Vec<String> {
        let (mut back, mut holds) = (Vec::new(), Vec::new());
        let (mut letters, mut buried) = (Vec::new(), Vec::new());
        for (job, fate) in jobs {
            let ids = job.copies.iter().map(|copy| copy.id.clone());
            match fate {
                Fate::Done => {}
                Fate::Failed => back.extend(ids),
                // Copies of the same delivery are one from here on.
                Fate::Back(wait) => {
                    holds.extend(job.copies.first().map(|copy| (copy.receipt.clone(), wait)));
                    back.extend(ids.take(1));
                }
                Fate::Buried(reason) => {
                    letters.push(letter(&job.envelope, reason));
                    buried.extend(ids);
                }
            }
        }
        for message in malformed {
            tracing::error!(sqs_message = message.id, "a queue message is not a delivery");
            letters.push(DeadLetter { body: message.body, reason: Reason::Malformed, about: None });
            buried.push(message.id);
        }
        let burial = async { if letters.is_empty() { Ok(()) } else { self.inbox.bury(&letters).await } };
        let hold = async {
            if !holds.is_empty() {
                self.inbox.hold(&holds).await;
            }
        };
        if let (Err(error), ()) = futures::join!(burial, hold) {
            tracing::error!(error = %crate::ports::chain(&error), "dead letters could not be sent; they come again");
            back.extend(buried);
        }
        back
    }
}

/// Brings the copies of a delivery together, and sets aside what is not a delivery.
fn sort(batch: Vec<Received>) -> (Vec<Job>, Vec<Received>) {
    let (mut jobs, mut malformed) = (Vec::<Job>::new(), Vec::new());
    for received in batch {
        let Ok(envelope) = Envelope::decode(&received.body) else {
            malformed.push(received);
            continue;
        };
        match jobs.iter_mut().find(|job| job.key() == (envelope.endpoint, envelope.message)) {
            None => jobs.push(Job { envelope, copies: vec![received] }),
            Some(job) => {
                if (envelope.round, envelope.woken) > (job.envelope.round, job.envelope.woken) {
                    job.envelope = envelope;
                    job.copies.insert(0, received);
                } else {
                    job.copies.push(received);
                }
            }
        }
    }
    (jobs, malformed)
}

/// What is redriven later: the same delivery, one round on.
fn letter(envelope: &Envelope, reason: Reason) -> DeadLetter {
    let next = Envelope { round: envelope.round + 1, woken: None, ..envelope.clone() };
    let about = Some((envelope.app, envelope.endpoint, envelope.message));
    DeadLetter { body: next.encode(), reason, about }
}
