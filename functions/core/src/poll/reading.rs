//! One page of a log, for which arrivals are taken in if the log has no more.

use std::collections::{HashMap, HashSet};

use super::{Arrival, Look, PollIn, Position, TAKEN_AT_ONCE, TakeIn, Whose, not_an_iterator};
use crate::{
    history::{MessageOut, message_out},
    ids::{AppId, Id as _, Ksuid, MessageId},
    message::Message,
    page::{PAGE_BYTES, travelling_bytes},
    ports::{Ambient, Polling, Record, Unavailable},
    problem::Problem,
    publish::COMMIT_GRACE,
};

/// Items of a look: segments of 40 entries, the tail, arrivals.
const LOOK: usize = 50;
/// Where announcements of messages that are not stored fill a look, others are looked for behind them, up to here.
const FARTHEST_LOOK: usize = 16 * LOOK;
/// Messages that are read at once: full ones of 256 KB must fit the function's memory.
const CHUNK: usize = 100;
/// A page of 250 needs seven, and others who poll may be as quick; not so often.
const ROUNDS: usize = 20;

/// What a page holds.
pub(super) struct PageOf {
    pub(super) data: Vec<MessageOut>,
    pub(super) next: Position,
    pub(super) is_last: bool,
}

/// What came of taking arrivals in.
enum Taken {
    /// There may be others.
    Some,
    /// None that was seen is stored.
    Nothing,
    /// The log has changed.
    ByAnother,
}

/// One poll of a log.
pub(super) struct Reading<'a, R, A> {
    record: &'a R,
    ambient: &'a A,
    whose: Whose,
    /// Read when they were taken in.
    known: HashMap<MessageId, Message>,
    /// A look that no page was made of yet, and where.
    seen: Option<(Look, Position)>,
}

impl<'a, R: Record + Polling, A: Ambient> Reading<'a, R, A> {
    pub(super) fn new(record: &'a R, ambient: &'a A, whose: Whose) -> Self {
        Self { record, ambient, whose, known: HashMap::new(), seen: None }
    }

    /// Whose application's log.
    pub(super) const fn app(&self) -> AppId {
        self.whose.0
    }

    /// Where that place is. The look is the next page's.
    pub(super) async fn look_first(&mut self, from: Position) -> Result<Position, Problem> {
        let seen = self.look(from, LOOK).await?;
        Ok(self.seen.insert(seen).1)
    }

    /// Looks at a log from there on; from its beginning, if it is another log by now. Gives where that is.
    async fn look(&self, from: Position, most: usize) -> Result<(Look, Position), Problem> {
        let look = self.without_gaps(from, most).await?;
        match (look.log(), look.end()) {
            (Some(log), _) if log != from.log && from.entry > 0 => {
                let from = Position { log, entry: 0 };
                Ok((self.without_gaps(from, most).await?, from))
            }
            (None, _) => Ok((look, Position::default())),
            (_, Some(end)) if from.entry > end.entry => Err(not_an_iterator()),
            (Some(log), _) => Ok((look, Position { log, ..from })),
        }
    }

    /// What is missing twice has expired; what is missing once may have been written during the look.
    async fn without_gaps(&self, from: Position, most: usize) -> Result<Look, Unavailable> {
        let mut missing = Vec::new();
        for _ in 0..ROUNDS {
            let look = self.record.look(self.whose.1, from.segment(), most).await?;
            let gaps = look.gaps(from.segment());
            if gaps.is_empty() || gaps == missing {
                return Ok(look);
            }
            missing = gaps;
        }
        Err(busy())
    }

    pub(super) async fn page(&mut self, from: Position, ask: &PollIn) -> Result<PageOf, Problem> {
        let (mut most, mut absent) = (LOOK, HashSet::new());
        let (mut look, mut from) = match self.seen.take().filter(|(_, at)| *at == from) {
            Some(seen) => seen,
            None => self.look(from, most).await?,
        };
        let (mut is_drained, mut rounds) = (look.arrivals.is_empty(), 0);
        while !is_drained && ask.limit > 0 && look.entries(from.entry).nth(ask.limit).is_none() {
            match self.take_in(&mut look, &mut absent).await? {
                Taken::Some => {}
                Taken::Nothing if look.is_whole || most >= FARTHEST_LOOK => is_drained = true,
                // Others may be behind them.
                Taken::Nothing => {
                    most *= 4;
                    (look, from) = self.look(from, most).await?;
                }
                Taken::ByAnother => (look, from) = self.look(from, most).await?,
            }
            rounds += 1;
            if rounds > ROUNDS {
                return Err(busy().into());
            }
        }
        let mut page = self.fill(&look, from, ask).await?;
        page.is_last &= look.is_whole && is_drained;
        Ok(page)
    }

    /// Makes stored arrivals the next entries, and notes those that are not stored.
    async fn take_in(&mut self, look: &mut Look, absent: &mut HashSet<MessageId>) -> Result<Taken, Unavailable> {
        let now = self.ambient.now();
        let unknown = look.arrivals.iter().filter(|arrival| !absent.contains(&arrival.message));
        let arrivals: Vec<_> = unknown.take(TAKEN_AT_ONCE).copied().collect();
        if arrivals.is_empty() {
            return Ok(Taken::Nothing);
        }
        let ids: Vec<_> = arrivals.iter().map(|arrival| arrival.message).collect();
        let mut found = self.record.stored(self.whose.0, &ids).await?;
        found.retain(|_, message| !message.has_expired(now));
        let missing: Vec<_> = arrivals.into_iter().filter(|arrival| !found.contains_key(&arrival.message)).collect();
        absent.extend(missing.iter().map(|arrival| arrival.message));
        // Who announced it has died since, or its message has expired.
        let is_dead = |gone: &Arrival| gone.expires_at <= now || gone.at.plus(COMMIT_GRACE) <= now;
        let dead: Vec<_> = missing.into_iter().filter(is_dead).collect();
        if !dead.is_empty() {
            self.record.forget(self.whose.1, &dead).await?;
            look.arrivals.retain(|arrival| !dead.contains(arrival));
        }
        let Some(expires_at) = found.values().map(|message| message.expires_at).max() else {
            return Ok(Taken::Some);
        };
        let mut new: Vec<_> = found.values().map(|message| (message.at, message.id)).collect();
        new.sort_unstable();
        let new: Vec<_> = new.into_iter().map(|(_, id)| id).collect();
        let next = TakeIn::new(look.tail.as_ref(), &new, expires_at, now);
        if !self.record.take_in(self.whose.1, &next).await? {
            return Ok(Taken::ByAnother);
        }
        self.known.extend(found);
        next.apply(look);
        Ok(Taken::Some)
    }

    async fn fill(&mut self, look: &Look, from: Position, ask: &PollIn) -> Result<PageOf, Problem> {
        let from = look.log().map_or(from, |log| Position { log, ..from });
        let mut page = PageOf { data: Vec::new(), next: from, is_last: false };
        let oldest = ask.filter.window.after.map(Ksuid::floor);
        let is_young = |id: &MessageId| oldest.is_none_or(|oldest| id.ksuid() >= oldest);
        let mut bytes = 0;
        let entries: Vec<_> = look.entries(from.entry).collect();
        for chunk in entries.chunks(CHUNK.min(ask.limit.max(1))) {
            self.read(chunk.iter().map(|(_, id)| *id).filter(is_young).collect()).await?;
            for (behind, id) in chunk {
                if page.data.len() >= ask.limit {
                    return Ok(page);
                }
                let message = self.known.remove(id).filter(|message| is_young(id) && self.is_meant(message, ask));
                if let Some(message) = message {
                    let row = message_out(&message, true);
                    bytes += travelling_bytes(&row);
                    if bytes > PAGE_BYTES && !page.data.is_empty() {
                        return Ok(page);
                    }
                    page.data.push(row);
                }
                page.next = *behind;
            }
        }
        page.is_last = true;
        Ok(page)
    }

    async fn read(&mut self, mut ids: Vec<MessageId>) -> Result<(), Unavailable> {
        ids.retain(|id| !self.known.contains_key(id));
        if !ids.is_empty() {
            self.known.extend(self.record.stored(self.whose.0, &ids).await?);
        }
        Ok(())
    }

    fn is_meant(&self, message: &Message, ask: &PollIn) -> bool {
        !message.has_expired(self.ambient.now()) && ask.filter.passes(message)
    }
}

fn busy() -> Unavailable {
    Unavailable::new("reading a poller's log", "too many at once")
}
