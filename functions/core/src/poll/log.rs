//! The log of a poller: the order in which its messages are handed out, and places in it.

use std::{fmt, str::FromStr};

use crate::{
    ids::{EndpointId, MessageId},
    message::Message,
    time::Time,
};

/// Entries of a segment: as many as make an item of one write unit.
pub const PER_SEGMENT: usize = 40;
/// Arrivals that are taken in at once; a transaction has 100 items at most.
pub const TAKEN_AT_ONCE: usize = PER_SEGMENT;

/// A place in a log: the entry to read next. The iterator of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Which log: the microsecond in which it was begun. 0 is none: the oldest entry of whatever log there is.
    pub log: u64,
    /// The entry's number.
    pub entry: u64,
}

impl Position {
    /// The segment that the entry is in.
    pub const fn segment(self) -> u64 {
        self.entry / PER_SEGMENT as u64
    }
}

crate::shapes::inline_schema!(Position => schemars::json_schema!({
    "type": "string", "pattern": r"^[0-9]{1,19}\.[0-9]{1,19}$", "examples": ["1795000000000000.40"],
}));

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.log, self.entry)
    }
}

/// The text is not an iterator of a poller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an iterator of a poller")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (log, entry) = text.split_once('.').ok_or(InvalidPosition)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidPosition);
        Ok(Self { log: number(log)?, entry: number(entry)? })
    }
}

/// Consecutive entries: [`PER_SEGMENT`] of them once it is sealed, which is for ever; the last one of a log has fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The log it belongs to.
    pub log: u64,
    /// Its number: the first entry's is that times [`PER_SEGMENT`].
    pub number: u64,
    /// Its entries.
    pub ids: Vec<MessageId>,
    /// When the last of them was taken in.
    pub until: Time,
    /// The last of its messages expires then.
    pub expires_at: Time,
}

impl Segment {
    const fn first_entry(&self) -> u64 {
        self.number * PER_SEGMENT as u64
    }

    /// The place behind its entries.
    pub fn end(&self) -> Position {
        Position { log: self.log, entry: self.first_entry() + self.ids.len() as u64 }
    }
}

/// The last segment of a log. Every change makes a new revision of it, and replaces exactly the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Its entries so far.
    pub segment: Segment,
    /// From 1.
    pub rev: u64,
}

/// A message that was announced to a poller and has no place in its log yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Which.
    pub message: MessageId,
    /// When it was announced last.
    pub at: Time,
    /// The message's expiry.
    pub expires_at: Time,
}

impl Arrival {
    /// A message that is announced to several pollers now.
    pub(crate) fn everywhere(
        message: &Message,
        pollers: &[EndpointId],
        now: Time,
    ) -> impl Iterator<Item = (EndpointId, Self)> {
        let arrival = Self { message: message.id, at: now, expires_at: message.expires_at };
        pollers.iter().map(move |poller| (*poller, arrival))
    }
}

/// What is read of a poller at once, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Sealed segments, ascending.
    pub sealed: Vec<Segment>,
    /// The last segment; unset where it was not reached, or there is no log yet.
    pub tail: Option<Tail>,
    /// By message id.
    pub arrivals: Vec<Arrival>,
    /// Nothing was left out at the end.
    pub is_whole: bool,
}

impl Look {
    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.iter().chain(self.tail.iter().map(|tail| &tail.segment))
    }

    /// Which log it is, if any is seen.
    pub fn log(&self) -> Option<u64> {
        self.segments().last().map(|segment| segment.log)
    }

    /// The end of the log, if it was seen.
    pub fn end(&self) -> Option<Position> {
        self.tail.as_ref().map(|tail| tail.segment.end())
    }

    /// The entries from there on, each with the place behind it.
    pub fn entries(&self, from: u64) -> impl Iterator<Item = (Position, MessageId)> {
        let numbered = self.segments().flat_map(|segment| {
            let place = |nth| Position { log: segment.log, entry: segment.first_entry() + nth };
            (1..).map(place).zip(segment.ids.iter().copied())
        });
        numbered.filter(move |(behind, _)| behind.entry > from)
    }

    /// Where segments are missing, looked at from this one: they have expired; or they were sealed while this was read,
    /// which need not happen at one instant.
    pub fn gaps(&self, from: u64) -> Vec<(u64, u64)> {
        let expected = std::iter::once(from).chain(self.segments().map(|segment| segment.number + 1));
        expected.zip(self.segments()).map(|(next, is)| (next, is.number)).filter(|(next, is)| next < is).collect()
    }
}

/// Arrivals that become the next entries of the log: all of this happens, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeIn {
    /// In place of the revision before; of none where its revision is 1.
    pub tail: Tail,
    /// The segment that this fills.
    pub sealed: Option<Segment>,
    /// No arrivals any more.
    pub taken: Vec<MessageId>,
}

impl TakeIn {
    /// Puts [`TAKEN_AT_ONCE`] messages at most, with the latest of their expiries, behind a tail.
    pub fn new(tail: Option<&Tail>, ids: &[MessageId], expires_at: Time, now: Time) -> Self {
        let log = u64::try_from(now.micros()).unwrap_or(1);
        let mut next = tail.cloned().unwrap_or_else(|| Tail {
            segment: Segment { log, number: 0, ids: Vec::new(), until: now, expires_at },
            rev: 0,
        });
        let room = PER_SEGMENT.saturating_sub(next.segment.ids.len());
        let (first, rest) = ids.split_at(ids.len().min(room));
        next.rev += 1;
        let segment = &mut next.segment;
        segment.ids.extend(first);
        segment.until = segment.until.max(now);
        segment.expires_at = segment.expires_at.max(expires_at);
        let mut sealed = None;
        if !rest.is_empty() {
            let following = Segment {
                log: segment.log,
                number: segment.number + 1,
                ids: rest.to_vec(),
                until: segment.until,
                expires_at,
            };
            sealed = Some(std::mem::replace(segment, following));
        }
        Self { tail: next, sealed, taken: ids.to_vec() }
    }

    /// A look at what it has changed.
    pub fn apply(self, look: &mut Look) {
        look.sealed.extend(self.sealed);
        look.tail = Some(self.tail);
        look.arrivals.retain(|arrival| !self.taken.contains(&arrival.message));
    }
}

/// How far a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Everything before it is acknowledged.
    pub position: Position,
    /// Messages of before then are passed over.
    pub after: Option<Time>,
}
