//! Making the requests of a batch, all at once.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt as _, future::join_all};

use super::{
    Courier, Fate, Job, MARGIN, SOON, Verdict,
    judge::{Subscription, judge},
};
use crate::{
    delivery::{Attempt, Delivery, PROMPT, Reason, State},
    entity::Endpoint,
    ids::AttemptId,
    keyring::{KeyError, Keyring, Sealed},
    message::Envelope,
    outbound::{Outbound, Sender},
    ports::{Ambient, Deliveries, Inbox, Keys, Known},
    secret::SigningSecret,
    sign,
    time::Time,
};

/// With less time than this left, an attempt is not begun.
const SHORTEST: Duration = Duration::from_secs(1);

/// A record to be written, and what then becomes of the queue message.
pub(super) struct Outcome {
    pub(super) delivery: Delivery,
    pub(super) fate: Fate,
    /// Whether its last attempt was made now.
    pub(super) attempted: bool,
}

/// Headers that a customer's own never replace, whatever was stored.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("webhook-") || matches!(name.as_str(), "content-type" | "content-length" | "host" | "user-agent")
}

impl<D: Deliveries, I: Inbox, S: Sender, K: Keys, A: Ambient> Courier<D, I, S, K, A> {
    /// Attempts what is due, records what came of it, and tells the fate of every job.
    pub(super) async fn fates(&self, jobs: &[Job], known: &Known, deadline: Time) -> Vec<Fate> {
        let works = jobs.iter().map(|job| async {
            // One bad delivery must not take its neighbours with it.
            AssertUnwindSafe(self.work(job, known, deadline)).catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(msg = %job.envelope.message, endpoint = %job.envelope.endpoint, "a delivery panicked");
                Err(Fate::Failed)
            })
        });
        let worked = join_all(works).await;
        self.settle(worked).await
    }

    async fn work(&self, job: &Job, known: &Known, deadline: Time) -> Result<Outcome, Fate> {
        let envelope = &job.envelope;
        let now = self.ambient.now();
        let record = known.deliveries.get(&job.key());
        if known.damaged.contains(&job.key()) {
            return Err(Fate::Failed);
        }
        let endpoint = known.endpoints.get(&envelope.endpoint);
        let subscription = match endpoint {
            Some(endpoint) => Subscription::Is(endpoint),
            None if known.unreadable.contains(&envelope.endpoint) => Subscription::Unreadable,
            None => Subscription::None,
        };
        match judge(envelope, record, subscription, now) {
            Verdict::Leave => Err(Fate::Failed),
            Verdict::Drop => Err(Fate::Done),
            Verdict::Wait(wait) => Err(Fate::Back(wait)),
            Verdict::Bury(reason) => Err(Fate::Buried(reason)),
            Verdict::End(state) => Ok(ended(next(envelope, record), state, false)),
            Verdict::Attempt => {
                self.attempt(job, next(envelope, record), endpoint.ok_or(Fate::Failed)?, deadline).await
            }
        }
    }

    /// The time for one request: what is configured, but never so much that the record could not be written.
    fn budget(&self, now: Time, deadline: Time) -> Option<Duration> {
        let left = now.until(deadline).checked_sub(MARGIN)?;
        (left >= SHORTEST).then(|| left.min(self.settings.attempt_timeout))
    }

    async fn attempt(
        &self,
        job: &Job,
        mut delivery: Delivery,
        endpoint: &Endpoint,
        deadline: Time,
    ) -> Result<Outcome, Fate> {
        let secrets = self.secrets(endpoint).await?;
        let at = self.ambient.now();
        let timeout = self.budget(at, deadline).ok_or(Fate::Back(SOON))?;
        let id = self.attempt_id(&delivery, at);
        let request = Outbound { timeout, ..self.request(&job.envelope, endpoint, &secrets, at) };
        let exchange = self.sender.send(request).await;
        let attempt = Attempt::new(id, at, endpoint.url.clone(), exchange);
        tracing::info!(
            msg = %delivery.message, endpoint = %delivery.endpoint, attempt = %id, status = attempt.status,
            fault = attempt.fault.map(crate::delivery::FaultClass::as_str), duration_ms = attempt.millis, "attempted"
        );
        let succeeded = attempt.succeeded();
        delivery.add(attempt);
        let receives = job.copies.first().map_or(0, |copy| copy.receives);
        Ok(if succeeded { ended(delivery, State::Succeeded, true) } else { self.failed(delivery, receives) })
    }

    fn attempt_id(&self, delivery: &Delivery, at: Time) -> AttemptId {
        let first = delivery.attempts.is_empty() && delivery.round == 0;
        if first && crate::ids::Id::ksuid(delivery.message).time().plus(PROMPT) > at {
            return AttemptId::prompt(delivery.message, self.ambient.random(), delivery.endpoint);
        }
        AttemptId::new(at, self.ambient.random(), delivery.endpoint)
    }

    fn request(&self, envelope: &Envelope, endpoint: &Endpoint, secrets: &[SigningSecret], at: Time) -> Outbound {
        let body = envelope.payload.as_bytes();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), self.settings.user_agent.clone()),
        ];
        let signed = sign::headers(secrets, envelope.message, at, body);
        headers.extend(signed.map(|(name, value)| (name.to_owned(), value)));
        let theirs = endpoint.headers.iter().filter(|(name, _)| !is_ours(name));
        headers.extend(theirs.map(|(name, value)| (name.clone(), value.clone())));
        let timeout = self.settings.attempt_timeout;
        Outbound { url: endpoint.url.clone(), headers, body: envelope.payload.clone().into(), timeout }
    }

    /// The keys that sign now: the current one, then the old ones in grace.
    async fn secrets(&self, endpoint: &Endpoint) -> Result<Vec<SigningSecret>, Fate> {
        let now = self.ambient.now();
        let old = endpoint.secrets.old.iter().filter(|old| old.expires_at > now).map(|old| &old.key);
        let sealed: Vec<&Sealed> = std::iter::once(&endpoint.secrets.current).chain(old).collect();
        let opened = match open(&self.keyring(None).await?, &sealed, endpoint) {
            // Sealed with a root key that is newer than the cached keyring.
            Err(KeyError::UnknownKey(name)) => open(&self.keyring(Some(&name)).await?, &sealed, endpoint),
            opened => opened,
        };
        opened.map_err(|error| {
            tracing::error!(endpoint = %endpoint.id, %error, "the endpoint's secrets do not open");
            Fate::Failed
        })
    }

    async fn keyring(&self, wanted: Option<&str>) -> Result<Keyring, Fate> {
        self.keys.keyring(wanted).await.map_err(|error| {
            tracing::error!(error = %crate::ports::chain(&error), "the keyring could not be read");
            Fate::Failed
        })
    }

    /// A failed attempt: again later, or never.
    pub(super) fn failed(&self, mut delivery: Delivery, receives: u32) -> Outcome {
        let dice = u32::from_be_bytes(self.ambient.random());
        let Some(wait) = self.settings.schedule.wait_after(delivery.tries, dice) else {
            return ended(delivery, State::Failed(Reason::Exhausted), true);
        };
        let due = self.ambient.now().plus(wait);
        // The queue gives a message up after so many receives: those that wait often wait elsewhere.
        let parked = wait > self.settings.park_after || receives + 3 >= self.settings.max_receives;
        delivery.state = State::Waiting { due, parked };
        // A record that waits must outlive its wait, or it would vanish in silence.
        delivery.expires_at = delivery.expires_at.max(due.plus(super::settle::KEPT_AFTER_DUE));
        Outcome { delivery, fate: if parked { Fate::Done } else { Fate::Back(wait) }, attempted: true }
    }
}

fn open(ring: &Keyring, sealed: &[&Sealed], endpoint: &Endpoint) -> Result<Vec<SigningSecret>, KeyError> {
    sealed.iter().map(|sealed| ring.open(sealed, endpoint.id)).collect()
}

/// The record that the next write makes.
fn next(envelope: &Envelope, record: Option<&Delivery>) -> Delivery {
    let mut delivery = record
        .cloned()
        .unwrap_or_else(|| Delivery::new(envelope.app, envelope.endpoint, envelope.message, envelope.expires_at));
    if envelope.round > delivery.round {
        delivery.round = envelope.round;
        delivery.tries = 0;
    }
    delivery.rev += 1;
    delivery
}

fn ended(mut delivery: Delivery, state: State, attempted: bool) -> Outcome {
    delivery.state = state;
    let fate = match state {
        State::Failed(reason) => Fate::Buried(reason),
        _ => Fate::Done,
    };
    Outcome { delivery, fate, attempted }
}
