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
//! Messages of one request are published together: the application with its endpoints is read once, deliveries share the
//! requests to the queue, and messages those to the store. One claim of the request's key fixes the ids of all of them
//! ([`crate::ids::Ksuid::nth`]); an `eventId` has a claim of its own. A repeated request looks which messages are stored
//! and publishes the others. A single message is a request of one.
//!
//! Endpoints of type poller get no deliveries: the message is announced to them instead ([`crate::poll`]), in the same order.
//!
//! A message for too many endpoints to queue before the answer is queued by a job ([`crate::fan_out`]) in the same order:
//! claim → job → store. The job waits for the stored message, and does nothing for one that never comes.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use postrider_schema::Schema;

use crate::{
    claim::ClaimKey,
    ids::{AppId, OrgId},
    message::Message,
    poll::Arrival,
    ports::{Ambient, Claims, Jobs, Messages, Outbox, Paces, Subscribers, Unavailable},
    problem::Problem,
    time::Time,
    trace,
};

mod audience;
mod batch;
mod bulk;
mod claiming;
mod demands;
mod draft;
mod limit;
mod plan;

use batch::Batch;
pub use batch::Outcome;
pub use bulk::{BulkIn, BulkOut, BulkRow};
use claiming::{Ending, Held};
use demands::{Demanded, Demands};
pub(crate) use draft::payload_example;
pub use draft::{Draft, RETENTION_DAYS};
use limit::Limiter;
pub use plan::{INLINE, INLINE_BYTES};
use plan::{Plan, Room};
pub(crate) use plan::{first_parcel, matching};

/// A message is stored moments after its deliveries, or its job, are queued; until then one that is missing may still come.
pub(crate) const COMMIT_GRACE: Duration = Duration::from_mins(2);

/// Largest message as it was sent, JSON in bytes: what fits a queue message and a stored item with all that goes with it.
pub const MESSAGE_LIMIT: usize = 262_144;
/// Messages of one request.
pub const BATCH_LIMIT: usize = 100;

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
    /// Unset where nothing is demanded.
    demands: Option<Demands>,
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
        let demands = Some(Demands::new(|root| Ok(Box::new(Schema::compile(root)?))));
        Self { demands, ..Self::operational(directory, ledger, queue, ambient) }
    }

    /// For what Postrider tells about itself: that is not to be refused.
    pub fn operational(directory: D, ledger: L, queue: Q, ambient: A) -> Self {
        let (limiter, uids) = (Limiter::default(), Mutex::default());
        Self { directory, ledger, queue, ambient, limiter, demands: None, uids }
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
        let batch = Batch::checked(std::iter::once(Ok(draft)));
        let outcome = self.run(org, app, batch, request).await?.pop();
        outcome.unwrap_or_else(|| Err(Unavailable::new("publishing", "there is no outcome").into()))
    }

    /// Publishes messages together, and tells what became of each, in their order; what could not be read is refused
    /// with the problem it came with. Where none is told, some may be published: repeating the request with its key
    /// publishes those that are missing.
    pub async fn publish_all(
        &self,
        org: &OrgId,
        app: &str,
        drafts: Vec<Result<Draft<'_>, Problem>>,
        request: &Repeatable,
    ) -> Result<Vec<Outcome>, Problem> {
        let apart = drafts.into_iter().map(|draft| match draft {
            Ok(draft) => (Some(draft), None),
            Err(problem) => (None, Some(problem)),
        });
        let (read, unread): (Vec<_>, Vec<_>) = apart.unzip();
        let both = read.iter().zip(unread);
        let drafts = both.filter_map(|(draft, problem)| problem.map(Err).or_else(|| draft.as_ref().map(Ok)));
        self.run(org, app, Batch::checked(drafts), request).await
    }

    async fn run(
        &self,
        org: &OrgId,
        app: &str,
        mut batch: Batch<'_>,
        request: &Repeatable,
    ) -> Result<Vec<Outcome>, Problem> {
        if batch.is_closed() {
            return Ok(batch.into_outcomes());
        }
        let now = self.ambient.now();
        let demands = self.demanded(org, &batch, now);
        // Both at once: the application's absence is told first.
        let (audience, demands) = futures::join!(self.audience(org, app, batch.application()), demands);
        let (plan, demands) = (Plan { now, audience: audience? }, demands?);
        let refused = demands.refused(&batch);
        if !refused.is_empty() {
            self.recall_request(&plan, &mut batch, request).await?;
            for (place, problem) in refused {
                batch.refuse(place, problem);
            }
            if batch.is_closed() {
                return Ok(batch.into_outcomes());
            }
        }
        let count = u32::try_from(batch.open().count()).unwrap_or(u32::MAX);
        if let Err(refusal) = self.limiter.pass(&self.ledger, &plan.audience.application, count, plan.now).await {
            self.recall_request(&plan, &mut batch, request).await?;
            return if batch.is_closed() { Ok(batch.into_outcomes()) } else { Err(refusal) };
        }
        let mut held = Held::default();
        let result = self.claimed(&plan, &mut batch, request, &mut held).await;
        if let Some(ending) = Ending::of(&result, &batch) {
            self.release(held, plan.now, ending).await;
        }
        result.map(|()| batch.into_outcomes())
    }

    async fn demanded(&self, org: &OrgId, batch: &Batch<'_>, now: Time) -> Result<Demanded, Unavailable> {
        match &self.demands {
            Some(demands) => {
                let event_types = batch.open().map(|(_, draft)| &*draft.event_type);
                demands.of(&self.directory, org, event_types, now).await
            }
            None => Ok(Demanded::default()),
        }
    }

    /// A repeated request is answered beyond the rate, too, and whatever is demanded by now: it adds nothing.
    async fn recall_request(&self, plan: &Plan, batch: &mut Batch<'_>, request: &Repeatable) -> Result<(), Problem> {
        let Some(key) = &request.key else { return Ok(()) };
        let standing = self.ledger.standing(key).await?;
        match standing.filter(|claim| claim.fingerprint == request.fingerprint && claim.expires_at > plan.now) {
            Some(claim) => self.recall(plan, batch, claim.id).await,
            None => Ok(()),
        }
    }

    async fn claimed(
        &self,
        plan: &Plan,
        batch: &mut Batch<'_>,
        request: &Repeatable,
        held: &mut Held,
    ) -> Result<(), Problem> {
        let Some(first) = self.claim_key(plan, batch, request, held).await? else { return Ok(()) };
        let ids: HashMap<_, _> = self.claim_events(plan, batch, request, first, held).await?.into_iter().collect();
        let mut room = Room::default();
        let new =
            batch.open().filter_map(|(place, draft)| Some((place, plan.message(*ids.get(&place)?, draft, &mut room))));
        let (places, planned): (Vec<_>, Vec<_>) = new.unzip();
        let (messages, pollers): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let arrivals = messages.iter().zip(&pollers);
        let arrivals: Vec<_> =
            arrivals.flat_map(|(message, at)| Arrival::everywhere(message, at, self.ambient.now())).collect();
        let (jobs, parcels): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.fans_out);
        let jobs: Vec<_> = jobs.into_iter().map(|message| plan.job(message)).collect();
        let parcels: Vec<_> = parcels.into_iter().flat_map(|message| plan.parcels(message)).collect();
        if !jobs.is_empty() {
            self.queue.submit(&jobs).await?;
        }
        if !parcels.is_empty() {
            self.queue.send(&parcels).await?;
        }
        if !arrivals.is_empty() {
            self.ledger.announce(&arrivals).await?;
        }
        if !messages.is_empty() {
            self.ledger.store(&messages).await?;
            for message in &messages {
                trace::published(message, plan.now, self.ambient.now());
            }
        }
        places.into_iter().zip(messages).for_each(|(place, message)| batch.close(place, Ok(message)));
        Ok(())
    }
}
