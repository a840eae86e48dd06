//! The attempts at one endpoint, in the order of their ids, which no index holds.
//!
//! Two lists are merged (see [`crate::delivery`]): the deliveries in the order of their messages, whose prompt first
//! attempts sort as the messages do; and the entries of all other attempts, in the order of the attempts. As only a
//! part of each is read, the merge is known up to the place where the first of the two parts ends.

use std::collections::HashMap;

use futures::future::try_join;

use super::{AttemptFilter, attempts::AttemptOut, filter::span};
use crate::{
    delivery::{Attempt, Delivery},
    ids::{AppId, AttemptId, EndpointId, Id as _, Ksuid, MessageId},
    page::{Batch, List, Part},
    ports::{Record, Span, Unavailable},
    problem::Problem,
    time::Time,
};

/// Leading bytes of an id that a message and its prompt attempts share.
const SHARED: usize = 12;

/// A list of attempts.
pub(super) struct OfEndpoint<'a, R> {
    pub(super) record: &'a R,
    pub(super) now: Time,
    pub(super) app: AppId,
    pub(super) endpoint: EndpointId,
    pub(super) filter: AttemptFilter,
}

/// Exclusive bounds of attempt ids, and a direction.
#[derive(Clone, Copy)]
struct Range {
    above: Option<Ksuid>,
    below: Option<Ksuid>,
    ascending: bool,
}

impl Range {
    fn holds(&self, id: AttemptId) -> bool {
        let id = id.ksuid();
        self.above.is_none_or(|above| id > above) && self.below.is_none_or(|below| id < below)
    }

    /// The messages whose prompt attempts can lie in the range.
    fn of_messages(self) -> Self {
        let lowest = |id| if tail(id) == [0xff; 20 - SHARED] { id } else { with_tail(id, 0) };
        let highest = |id| if tail(id) == [0; 20 - SHARED] { id } else { with_tail(id, 0xff) };
        Self { above: self.above.map(lowest), below: self.below.map(highest), ..self }
    }

    fn span(self, limit: usize) -> Option<Span> {
        span(self.above, self.below, self.ascending, limit)
    }

    /// Whether `id` comes later than `end` in this direction.
    fn is_beyond(self, id: Ksuid, end: Ksuid) -> bool {
        if self.ascending { id > end } else { id < end }
    }
}

fn tail(id: Ksuid) -> [u8; 20 - SHARED] {
    let mut tail = [0; 20 - SHARED];
    tail.copy_from_slice(&id.bytes()[SHARED..]);
    tail
}

fn with_tail(id: Ksuid, byte: u8) -> Ksuid {
    let mut bytes = id.bytes();
    bytes[SHARED..].fill(byte);
    Ksuid::from_bytes(bytes)
}

/// What was read of the two lists.
struct Read {
    deliveries: Vec<Delivery>,
    entries: Vec<(AttemptId, MessageId)>,
    /// The merge is known up to here, inclusive; to its end if unset.
    until: Option<Ksuid>,
}

impl<R: Record> List for OfEndpoint<'_, R> {
    type Key = AttemptId;
    type Row = AttemptOut;

    async fn read(&self, part: Part<AttemptId>) -> Result<Batch<AttemptId, AttemptOut>, Problem> {
        let (above, below) = self.filter.message.window.bounds(&part);
        let range = Range { above, below, ascending: part.ascending };
        // The first delivery may be one that the part before has shown already.
        let read = self.both(range, part.limit.max(2)).await?;
        let mut count = read.deliveries.len() + read.entries.len();
        let is_known = |id: AttemptId| read.until.is_none_or(|until| !range.is_beyond(id.ksuid(), until));
        let entries: Vec<_> = read.entries.into_iter().filter(|(id, _)| is_known(*id)).collect();
        let others = self.others(&read.deliveries, &entries).await?;
        count += others.len();
        let read_first: HashMap<_, _> = read.deliveries.iter().map(|delivery| (delivery.message, delivery)).collect();
        let placed = read.deliveries.iter().flat_map(|delivery| {
            let attempts = delivery.attempts.iter().filter(|attempt| delivery.is_in_place(attempt.id));
            attempts.filter(|attempt| range.holds(attempt.id) && is_known(attempt.id)).map(move |a| (delivery, a))
        });
        let listed = entries.iter().filter_map(|(id, message)| {
            let delivery = read_first.get(message).copied().or_else(|| others.get(message))?;
            let attempt = delivery.attempts.iter().find(|attempt| attempt.id == *id)?;
            (!delivery.is_in_place(*id)).then_some((delivery, attempt))
        });
        let mut found: Vec<_> = placed.chain(listed).filter(|(delivery, _)| delivery.expires_at > self.now).collect();
        found.sort_unstable_by(|a, b| if part.ascending { a.1.id.cmp(&b.1.id) } else { b.1.id.cmp(&a.1.id) });
        let rows = self.shown(&found).await?;
        Ok(Batch { rows, next: read.until.map(AttemptId::from_ksuid), read: count })
    }
}

impl<R: Record> OfEndpoint<'_, R> {
    async fn both(&self, range: Range, limit: usize) -> Result<Read, Unavailable> {
        let deliveries = async {
            match range.of_messages().span(limit) {
                Some(span) => self.record.deliveries(self.endpoint, &span).await,
                None => Ok(Vec::new()),
            }
        };
        let entries = async {
            match range.span(limit) {
                Some(span) => self.record.listed_attempts(self.endpoint, &span).await,
                None => Ok(Vec::new()),
            }
        };
        let (deliveries, entries) = try_join(deliveries, entries).await?;
        let last_tail = if range.ascending { 0xff } else { 0 };
        let last_placed = deliveries.last().filter(|_| deliveries.len() >= limit);
        let ends = [
            last_placed.map(|delivery| with_tail(delivery.message.ksuid(), last_tail)),
            entries.last().filter(|_| entries.len() >= limit).map(|(id, _)| id.ksuid()),
        ];
        let ends = ends.into_iter().flatten();
        let until = if range.ascending { ends.min() } else { ends.max() };
        Ok(Read { deliveries, entries, until })
    }

    /// The records of listed attempts that were not read already.
    async fn others(
        &self,
        read: &[Delivery],
        entries: &[(AttemptId, MessageId)],
    ) -> Result<HashMap<MessageId, Delivery>, Unavailable> {
        let known: std::collections::HashSet<_> = read.iter().map(|delivery| delivery.message).collect();
        let mut keys: Vec<_> = entries.iter().map(|(_, id)| (self.endpoint, *id)).collect();
        keys.retain(|(_, id)| !known.contains(id));
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.record.deliveries_by_key(&keys).await?;
        Ok(found.into_values().map(|delivery| (delivery.message, delivery)).collect())
    }

    async fn shown(
        &self,
        found: &[(&Delivery, &Attempt)],
    ) -> Result<Vec<(AttemptId, Option<AttemptOut>)>, Unavailable> {
        let filter = &self.filter.message;
        let mut meant: Vec<_> = found.iter().map(|(_, attempt)| self.filter.passes(attempt)).collect();
        if !filter.is_open() {
            let mut ids: Vec<_> =
                found.iter().zip(&meant).filter(|(_, meant)| **meant).map(|((d, _), _)| d.message).collect();
            ids.sort_unstable();
            ids.dedup();
            let messages = if ids.is_empty() { HashMap::new() } else { self.record.stored(self.app, &ids).await? };
            for ((delivery, _), meant) in found.iter().zip(&mut meant) {
                *meant &= messages.get(&delivery.message).is_some_and(|message| filter.passes(message));
            }
        }
        let out = |((delivery, attempt), meant): (&(&Delivery, &Attempt), bool)| {
            let row = meant.then(|| AttemptOut::new(delivery, attempt, !filter.without_content));
            (attempt.id, row)
        };
        Ok(found.iter().zip(meant).map(out).collect())
    }
}
