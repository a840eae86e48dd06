//! The claims of a request: of its key, which fixes the ids of all its messages, and of the `eventId` of each.

use futures::{StreamExt as _, stream};

use super::{Draft, Publisher, Repeatable, batch::Batch, plan::Plan};
use crate::{
    claim::{self, Claim, ClaimKey, KEY_LIFETIME},
    ids::{Id as _, Ksuid, MessageId},
    ports::{Ambient, Claims, Messages},
    problem::Problem,
    time::Time,
};

/// Claims of event ids that are made at once.
const AT_ONCE: usize = 10;

/// The claims that a request made.
#[derive(Default)]
pub(super) struct Held(Vec<(ClaimKey, Claim)>);

/// What is to become of the claims of a request that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Some messages were published: the key's stays without its lease, so that a repeated request need not wait for it.
    /// Those of event ids belong to messages that are there, and nobody looks at their leases any more.
    Partly,
    /// Something may have been made: likewise, and those of event ids, too.
    Open,
    /// Nothing was made: they end, so that a mended request may use them.
    Refused,
}

impl Ending {
    /// After that result of all messages; none where every one was published.
    pub(super) fn of(result: &Result<(), Problem>, batch: &Batch<'_>) -> Option<Self> {
        match (result, batch.counts()) {
            (Err(Problem::Unavailable(_)), _) => Some(Self::Open),
            (Err(_), _) | (Ok(()), (0, _)) => Some(Self::Refused),
            (Ok(()), (_, 0)) => None,
            (Ok(()), _) => Some(Self::Partly),
        }
    }
}

impl Held {
    fn keep(&mut self, key: ClaimKey, claim: Claim) {
        self.0.push((key, claim));
    }
}

impl<D, L, Q, A> Publisher<D, L, Q, A>
where
    D: Sync,
    L: Claims + Messages,
    Q: Sync,
    A: Ambient,
{
    /// The id of the first message of the request; nothing if all messages are there already, and then they are noted.
    pub(super) async fn claim_key(
        &self,
        plan: &Plan,
        batch: &mut Batch<'_>,
        request: &Repeatable,
        held: &mut Held,
    ) -> Result<Option<Ksuid>, Problem> {
        let id = Ksuid::new(plan.now, self.ambient.random());
        let Some(key) = &request.key else { return Ok(Some(id)) };
        let mut mine = plan.claim(id, &request.fingerprint, plan.now.plus(KEY_LIFETIME));
        if let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? {
            if standing.fingerprint != request.fingerprint {
                return Err(claim::reused());
            }
            self.recall(plan, batch, standing.id).await?;
            if batch.is_closed() {
                return Ok(None);
            }
            // Whoever had it did not come to the end: the same messages are made again.
            mine.id = standing.id;
            mine = self.take_over(plan, key, mine, &standing).await?.ok_or_else(claim::in_flight)?;
        }
        let id = mine.id;
        held.keep(key.clone(), mine);
        Ok(Some(id))
    }

    /// Notes which messages of the request that has this first id are there.
    pub(super) async fn recall(&self, plan: &Plan, batch: &mut Batch<'_>, first: Ksuid) -> Result<(), Problem> {
        let places: Vec<_> = batch.open().map(|(n, _)| (n, MessageId::from_ksuid(first.nth(n)))).collect();
        let ids: Vec<_> = places.iter().map(|(_, id)| *id).collect();
        let mut stored = self.ledger.stored(plan.app(), &ids).await?;
        for (place, id) in places {
            if let Some(message) = stored.remove(&id) {
                batch.close(place, Ok(message));
            }
        }
        Ok(())
    }

    /// Claims the event ids of the open messages, and gives every message its id. Those whose event id is taken are
    /// refused.
    pub(super) async fn claim_events(
        &self,
        plan: &Plan,
        batch: &mut Batch<'_>,
        request: &Repeatable,
        first: Ksuid,
        held: &mut Held,
    ) -> Result<Vec<(usize, MessageId)>, Problem> {
        let mut claims = Vec::new();
        for (place, draft) in batch.open() {
            claims.push(self.claim_place(plan, place, draft, request, first.nth(place)));
        }
        let claimed: Vec<_> = stream::iter(claims).buffered(AT_ONCE).collect().await;
        let (mut ids, mut lost) = (Vec::new(), None);
        for (place, claim) in claimed {
            match claim {
                Ok((id, claim)) => {
                    ids.push((place, MessageId::from_ksuid(id)));
                    held.0.extend(claim);
                }
                Err(problem @ Problem::Unavailable(_)) => lost = Some(problem),
                Err(problem) => batch.close(place, Err(problem)),
            }
        }
        lost.map_or(Ok(ids), Err)
    }

    /// The id of the message at that place, with the claim of its event id if it has one.
    async fn claim_place(
        &self,
        plan: &Plan,
        place: usize,
        draft: &Draft<'_>,
        request: &Repeatable,
        id: Ksuid,
    ) -> (usize, Result<(Ksuid, Option<(ClaimKey, Claim)>), Problem>) {
        let Some(event_id) = &draft.event_id else { return (place, Ok((id, None))) };
        let key = ClaimKey::EventId(plan.app(), event_id.clone());
        let mine = plan.claim(id, &request.fingerprint, plan.expires_at(draft));
        let claim = self.claim_event(plan, &key, mine, request).await;
        (place, claim.map(|claim| (claim.id, Some((key, claim)))))
    }

    async fn claim_event(
        &self,
        plan: &Plan,
        key: &ClaimKey,
        mut mine: Claim,
        request: &Repeatable,
    ) -> Result<Claim, Problem> {
        let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? else {
            return Ok(mine);
        };
        if standing.id == mine.id {
            return Ok(standing);
        }
        if self.ledger.message(plan.app(), MessageId::from_ksuid(standing.id)).await?.is_some() {
            return Err(Problem::conflict("A message with this eventId exists in the application"));
        }
        // An idempotency key already fixes the id; otherwise the same request makes the same message again.
        if request.key.is_none() && standing.fingerprint == mine.fingerprint {
            mine.id = standing.id;
        }
        self.take_over(plan, key, mine, &standing).await?.ok_or_else(|| {
            let detail = "A message with this eventId is being published; try again in half a minute";
            Problem::refused(409, claim::EVENT_IN_FLIGHT, detail)
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

    /// Ends the claims of a request, or their leases. Best effort: leases end by themselves.
    pub(super) async fn release(&self, held: Held, now: Time, ending: Ending) {
        let is_over = |key: &ClaimKey| ending != Ending::Partly || matches!(key, ClaimKey::Idempotency(_));
        let ends = held.0.into_iter().filter(|(key, _)| is_over(key)).map(async |(key, claim)| {
            let expires_at = if ending == Ending::Refused { now } else { claim.expires_at };
            let ended = Claim { lease: now, expires_at, ..claim.clone() };
            let _ = self.ledger.claim(&key, &ended, Some(&claim), now).await;
        });
        stream::iter(ends.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}
