//! The content of a message, or of an attempt.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Erasure;
use crate::{
    delivery::{Delivery, Reason, State},
    find,
    history::attempt_of,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::Message,
    ports::{Ambient, DeliveryKey, Directory, Expunging, Jobs, Record, Unavailable},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// What an attempt's response reads as, in the contract's word.
pub const EXPUNGED: &str = "EXPUNGED";
/// Records read at once: full ones must fit the function's memory.
const CHUNK: usize = 100;
/// Records written at once.
const AT_ONCE: usize = 16;
/// How often a record is read again that somebody else is writing.
const TRIES: usize = 8;
/// A call marks deliveries for so long; the rest is left to a job.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The use cases, over the ports.
#[derive(Debug)]
pub struct Expunger<'a, D, R, J, A> {
    /// Where applications and endpoints are.
    pub directory: &'a D,
    /// The record itself.
    pub record: &'a R,
    /// Takes what is to be done once more.
    pub jobs: &'a J,
    /// Time.
    pub ambient: &'a A,
}

impl<D: Directory, R: Record + Expunging, J: Jobs, A: Ambient> Expunger<'_, D, R, J, A> {
    /// Removes a message's payload. From the answer on nothing sends it any more; a request that is being made just then
    /// may still arrive. May be called again; 404 if there is no such message.
    pub async fn message(&self, caller: &Caller, app: &str, message: &str) -> Result<(), Problem> {
        caller.must_be_organization()?;
        let now = self.ambient.now();
        let app = find::application(self.directory, caller, app).await?.id;
        let id = find::message(self.record, app, message, now).await?.id;
        self.jobs.submit(&[Erasure::Message { app, message: id, after: None }.later()]).await?;
        if let Some(after) = remove(self.record, self.ambient, (app, id), None, now.plus(PATIENCE)).await? {
            self.jobs.submit(&[Erasure::Message { app, message: id, after: Some(after) }.now()]).await?;
        }
        changed!("message.expunged", caller, %app, msg = %id);
        Ok(())
    }

    /// Removes the response of an attempt. May be called again; 404 if there is no such attempt.
    pub async fn attempt(&self, caller: &Caller, app: &str, message: &str, attempt: &str) -> Result<(), Problem> {
        caller.must_be_organization()?;
        let app = find::application(self.directory, caller, app).await?.id;
        let message = find::message(self.record, app, message, self.ambient.now()).await?;
        let (delivery, id) = attempt_of(self.record, &message, attempt).await?;
        let (endpoint, message) = (delivery.endpoint, message.id);
        self.jobs.submit(&[Erasure::Attempt { app, endpoint, message, attempt: id }.later()]).await?;
        remove_response(self.record, (endpoint, message), id).await?;
        changed!("attempt.expunged", caller, %app, msg = %message, attempt = %id);
        Ok(())
    }
}

/// Removes a message's payload, and cancels its deliveries to endpoints after that one. Gives the last endpoint that is
/// done where the deadline came first.
pub(crate) async fn remove<R: Record + Expunging, A: Ambient>(
    record: &R,
    ambient: &A,
    (app, id): (AppId, MessageId),
    after: Option<EndpointId>,
    deadline: Time,
) -> Result<Option<EndpointId>, Unavailable> {
    record.remove_payload(app, id).await?;
    let Some(message) = record.message(app, id).await? else { return Ok(None) };
    // Read after the payload was removed: what a fan-out records later it records after looking at the message.
    let mut endpoints = find::meant(record, &message).await?.all();
    endpoints.retain(|endpoint| after.is_none_or(|after| *endpoint > after));
    let mut done = after;
    for chunk in endpoints.chunks(CHUNK) {
        if ambient.now() >= deadline {
            return Ok(done);
        }
        cancel(record, &message, chunk).await?;
        done = chunk.last().copied();
    }
    Ok(None)
}

async fn cancel<R: Record + Expunging>(
    record: &R,
    message: &Message,
    endpoints: &[EndpointId],
) -> Result<(), Unavailable> {
    let keys: Vec<_> = endpoints.iter().map(|endpoint| (*endpoint, message.id)).collect();
    let mut standing = record.deliveries_by_key(&keys).await?;
    let all: Vec<_> = keys.into_iter().map(|key| (key, standing.remove(&key))).collect();
    let cancels = all.into_iter().map(|(key, standing)| cancel_one(record, message, key, standing));
    stream::iter(cancels).buffer_unordered(AT_ONCE).try_collect().await
}

async fn cancel_one<R: Record + Expunging>(
    record: &R,
    message: &Message,
    key: DeliveryKey,
    mut standing: Option<Delivery>,
) -> Result<(), Unavailable> {
    for _ in 0..TRIES {
        if standing.as_ref().is_some_and(is_over) {
            return Ok(());
        }
        let new = || Delivery::new(message.app, key.0, message.id, message.expires_at);
        let mut delivery = standing.clone().unwrap_or_else(new);
        delivery.state = State::Canceled(Reason::ContentExpunged);
        delivery.slot = None;
        delivery.rev += 1;
        if record.replace(&delivery, standing.as_ref()).await? {
            return Ok(());
        }
        standing = record.deliveries_by_key(&[key]).await?.remove(&key);
    }
    Err(Unavailable::new("canceling a delivery", "others write it all the time"))
}

/// Nothing is sent of it any more, not even when a dead letter is redriven or a publisher comes back.
const fn is_over(delivery: &Delivery) -> bool {
    match delivery.state {
        State::Succeeded => true,
        State::Canceled(reason) => !matches!(reason, Reason::MessageGone),
        _ => false,
    }
}

/// Removes the response of one attempt, if it is recorded.
pub(crate) async fn remove_response<R: Record + Expunging>(
    record: &R,
    key: DeliveryKey,
    id: AttemptId,
) -> Result<(), Unavailable> {
    for _ in 0..TRIES {
        let mut found: HashMap<_, _> = record.deliveries_by_key(&[key]).await?;
        let Some(old) = found.remove(&key) else { return Ok(()) };
        let mut new = old.clone();
        let Some(attempt) = new.attempts.iter_mut().find(|attempt| attempt.id == id) else { return Ok(()) };
        if attempt.response == EXPUNGED {
            return Ok(());
        }
        EXPUNGED.clone_into(&mut attempt.response);
        new.rev += 1;
        if record.replace(&new, Some(&old)).await? {
            return Ok(());
        }
    }
    Err(Unavailable::new("removing a response", "others write its record all the time"))
}
