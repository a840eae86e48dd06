//! Publishing: from a request to a stored message with its deliveries queued.
//!
//! Actors: a producer that may repeat itself, and this function, which may die at any `.await`.
//!
//! The order is claim → queue → store, and the stored message is the commit mark: 202 is said only after it. So:
//! - dying before the store leaves queued deliveries of a message that was never accepted. Whoever repeats the request
//!   with the same `Idempotency-Key` (or the same `eventId` and content) finds the claim, makes the *same* message id,
//!   queues again and stores; what was delivered already is not sent again, because deliveries are keyed by that id.
//! - a repeated request after the store finds the message, and gets the same answer.
//! - no write is needed to mark a claim as finished, and a message without key costs one write.
//!
//! A message for too many endpoints to queue before the answer is queued by a job ([`crate::fan_out`]) in the same order:
//! claim → job → store. The job waits for the stored message, and does nothing for one that never comes.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crate::{
    claim::{self, Claim, ClaimKey, KEY_LIFETIME},
    ids::{AppId, Id as _, Ksuid, MessageId, OrgId},
    message::Message,
    ports::{Ambient, Audience, Claims, Jobs, Messages, Outbox, Paces, Subscribers},
    problem::Problem,
    rules::is_name,
    time::Time,
};

mod draft;
mod limit;
mod plan;

pub use draft::{Draft, RETENTION_DAYS};
use limit::Limiter;
use plan::Plan;
pub use plan::{INLINE, INLINE_BYTES};
pub(crate) use plan::{first_parcel, matching};

/// A message is stored moments after its deliveries, or its job, are queued; until then one that is missing may still come.
pub(crate) const COMMIT_GRACE: Duration = Duration::from_mins(2);

/// Cached uids; the cache is emptied when it is full.
const CACHED_UIDS: usize = 10_000;

/// What identifies a repeated request.
#[derive(Debug, Clone)]
pub struct Repeatable {
    /// The claim of its key, if it gave one.
    pub key: Option<ClaimKey>,
    /// Of the whole request.
    pub fingerprint: String,
}

/// The use case.
#[derive(Debug)]
pub struct Publisher<D, L, Q, A> {
    directory: D,
    ledger: L,
    queue: Q,
    ambient: A,
    limiter: Limiter,
    /// Checked against the application on every use, so that it is never wrong.
    uids: Mutex<HashMap<(OrgId, String), AppId>>,
}

impl<D, L, Q, A> Publisher<D, L, Q, A>
where
    D: Subscribers,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
{
    /// Over these ports.
    pub fn new(directory: D, ledger: L, queue: Q, ambient: A) -> Self {
        Self { directory, ledger, queue, ambient, limiter: Limiter::default(), uids: Mutex::default() }
    }

    /// Takes in so many messages a second for each application that has no rate of its own; 0 is any number.
    #[must_use]
    pub fn with_rate(mut self, rate: u32) -> Self {
        self.limiter = Limiter::new(rate);
        self
    }

    /// Publishes to an application, given by id or uid. The answer to a repeated request is the first one's message.
    pub async fn publish(
        &self,
        org: &OrgId,
        app: &str,
        draft: &Draft<'_>,
        request: &Repeatable,
    ) -> Result<Message, Problem> {
        draft.check()?;
        let plan = Plan { now: self.ambient.now(), audience: self.audience(org, app).await? };
        if let Err(refusal) = self.limiter.pass(&self.ledger, &plan.audience.application, plan.now).await {
            return self.done_already(&plan, request, refusal).await;
        }
        let mut held = Held::default();
        let result = self.claimed(&plan, draft, request, &mut held).await;
        if let Err(problem) = &result {
            self.release(held, plan.now, problem).await;
        }
        result
    }

    /// A repeated request is answered beyond the rate, too: it adds nothing.
    async fn done_already(&self, plan: &Plan, request: &Repeatable, refusal: Problem) -> Result<Message, Problem> {
        let Some(key) = &request.key else { return Err(refusal) };
        let standing = self.ledger.standing(key).await?;
        match standing.filter(|claim| claim.fingerprint == request.fingerprint && claim.expires_at > plan.now) {
            Some(claim) => self.stored(plan, claim.id).await?.ok_or(refusal),
            None => Err(refusal),
        }
    }

    async fn claimed(
        &self,
        plan: &Plan,
        draft: &Draft<'_>,
        request: &Repeatable,
        held: &mut Held,
    ) -> Result<Message, Problem> {
        let mut id = Ksuid::new(plan.now, self.ambient.random());
        if let Some(key) = &request.key {
            match self.claim_key(plan, key, &request.fingerprint, id).await? {
                Claimed::Already(message) => return Ok(message),
                Claimed::Mine(claim) => id = held.keep(key, claim),
            }
        }
        if let Some(event_id) = &draft.event_id {
            let key = ClaimKey::EventId(plan.app(), event_id.clone());
            let claim = self.claim_event(plan, &key, draft, request, id).await?;
            id = held.keep(&key, claim);
        }
        let message = plan.message(MessageId::from_ksuid(id), draft);
        if message.fans_out {
            self.queue.submit(&[plan.job(&message)]).await?;
        } else {
            self.queue.send(&plan.parcels(&message)).await?;
        }
        self.ledger.store(&message).await?;
        Ok(message)
    }

    async fn claim_key(&self, plan: &Plan, key: &ClaimKey, print: &str, id: Ksuid) -> Result<Claimed, Problem> {
        let mut mine = plan.claim(id, print, plan.now.plus(KEY_LIFETIME));
        let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? else {
            return Ok(Claimed::Mine(mine));
        };
        if standing.fingerprint != print {
            return Err(claim::reused());
        }
        if let Some(message) = self.stored(plan, standing.id).await? {
            return Ok(Claimed::Already(message));
        }
        // Whoever had it did not come to the end: the same message is made again.
        mine.id = standing.id;
        self.take_over(plan, key, mine, &standing).await?.map(Claimed::Mine).ok_or_else(claim::in_flight)
    }

    async fn claim_event(
        &self,
        plan: &Plan,
        key: &ClaimKey,
        draft: &Draft<'_>,
        request: &Repeatable,
        id: Ksuid,
    ) -> Result<Claim, Problem> {
        let mut mine = plan.claim(id, &request.fingerprint, plan.expires_at(draft));
        let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? else {
            return Ok(mine);
        };
        if standing.id == id {
            return Ok(standing);
        }
        if self.stored(plan, standing.id).await?.is_some() {
            return Err(Problem::conflict("A message with this eventId exists in the application"));
        }
        // An idempotency key already fixes the id; otherwise the same request makes the same message again.
        if request.key.is_none() && standing.fingerprint == mine.fingerprint {
            mine.id = standing.id;
        }
        self.take_over(plan, key, mine, &standing).await?.ok_or_else(|| {
            let detail = "A message with this eventId is being published; try again in half a minute";
            Problem::refused(409, "event_in_flight", detail)
        })
    }

    async fn take_over(
        &self,
        plan: &Plan,
        key: &ClaimKey,
        mine: Claim,
        standing: &Claim,
    ) -> Result<Option<Claim>, Problem> {
        if standing.lease > plan.now {
            return Ok(None);
        }
        let lost = self.ledger.claim(key, &mine, Some(standing), plan.now).await?;
        Ok(lost.is_none().then_some(mine))
    }

    async fn stored(&self, plan: &Plan, id: Ksuid) -> Result<Option<Message>, Problem> {
        Ok(self.ledger.message(plan.app(), MessageId::from_ksuid(id)).await?)
    }

    /// Ends the leases, so that a repeated request need not wait for them; or, where nothing was made, the claims
    /// themselves, so that a mended request may use them. Best effort: leases end by themselves.
    async fn release(&self, held: Held, now: Time, problem: &Problem) {
        let unknown = matches!(problem, Problem::Unavailable(_));
        for (key, claim) in held.0 {
            let expires_at = if unknown { claim.expires_at } else { now };
            let ended = Claim { lease: now, expires_at, ..claim.clone() };
            let _ = self.ledger.claim(&key, &ended, Some(&claim), now).await;
        }
    }

    async fn audience(&self, org: &OrgId, app: &str) -> Result<Audience, Problem> {
        let unknown = || Problem::not_found("Application");
        if let Ok(id) = app.parse() {
            let found = self.directory.subscribers(id).await?;
            return found.filter(|found| found.application.org == *org).ok_or_else(unknown);
        }
        if !is_name(app) {
            return Err(Problem::invalid(&["path", "app_id"], "must be an application's id or uid"));
        }
        let key = (org.clone(), app.to_owned());
        if let Some(id) = self.cached(&key)
            && let Some(found) = self.of_uid(id, &key).await?
        {
            return Ok(found);
        }
        let id = self.directory.application_id(org, app).await?.ok_or_else(unknown)?;
        let found = self.of_uid(id, &key).await?.ok_or_else(unknown)?;
        self.cache(key, id);
        Ok(found)
    }

    async fn of_uid(&self, id: AppId, (org, uid): &(OrgId, String)) -> Result<Option<Audience>, Problem> {
        let found = self.directory.subscribers(id).await?;
        Ok(found
            .filter(|Audience { application, .. }| application.org == *org && application.uid.as_ref() == Some(uid)))
    }

    fn cached(&self, key: &(OrgId, String)) -> Option<AppId> {
        self.uids.lock().ok()?.get(key).copied()
    }

    fn cache(&self, key: (OrgId, String), id: AppId) {
        if let Ok(mut uids) = self.uids.lock() {
            if uids.len() >= CACHED_UIDS {
                uids.clear();
            }
            uids.insert(key, id);
        }
    }
}

enum Claimed {
    Mine(Claim),
    Already(Message),
}

/// The claims this request made.
#[derive(Default)]
struct Held(Vec<(ClaimKey, Claim)>);

impl Held {
    fn keep(&mut self, key: &ClaimKey, claim: Claim) -> Ksuid {
        let id = claim.id;
        self.0.push((key.clone(), claim));
        id
    }
}
