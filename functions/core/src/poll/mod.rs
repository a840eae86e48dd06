//! Polling: endpoints of type poller, for customers who cannot receive requests, ask for their messages.
//!
//! Actors: publishers (a request, or the job of a large fan-out), of which each may stall or die at any `.await`; and
//! pollers, several of which may ask for the same endpoint at once, in any number of function instances.
//!
//! # The order, and that nothing is lost
//!
//! A message's id is made before the message is stored, and it may be stored seconds later, or after half a minute by a
//! repeated request: who reads in the order of ids and remembers the last one misses what comes late. So the order is not
//! the publishers' to make. A publisher only *announces* the message to the poller: one row, an **arrival**, keyed by the
//! message's id, written before the message is stored ([`crate::publish`]) and thus before 202. Publishers do not wait for
//! each other, and announcing again changes nothing.
//!
//! Whoever polls and reaches the end of the **log** takes arrivals in: those whose message is stored, by the time of
//! publication, become the log's next entries. That is one transaction: the log's last segment, in place of exactly the
//! revision that was read; the segment that this fills, which is sealed; and the removal of the arrivals. Of two at once
//! one succeeds, and the other reads again. A log only grows at its end. So:
//! - what an iterator or a cursor has behind it never changes, and whatever is stored late comes before it, however late;
//! - an arrival whose message is not stored stays one, and the others pass it;
//! - every reader of a poller sees one order: of two messages, the one that was accepted before the other was published
//!   comes first, unless their arrivals are read in the same milliseconds or the publishers' clocks disagree.
//!
//! A dead publisher's arrival is removed when its message has not come in [`crate::publish::COMMIT_GRACE`], unless it was
//! announced again. Its repeated request announces the message again before it stores it.
//!
//! # At least once
//!
//! A poll without iterator begins at the oldest message that is kept; with the one of the last page, behind that page.
//! A **consumer** has a durable cursor: a poll with the last page's iterator acknowledges everything before it, a poll
//! without iterator goes on where the consumer last acknowledged. Who dies in between gets the page again. A message can be
//! in the log twice where a publisher or a fan-out was repeated after a crash; both have the same id.
//!
//! A message expires for pollers as for everybody (log entries and arrivals expire with it). A disabled poller's messages
//! are kept: it is refused while it is disabled, and gets them afterwards. There are no deliveries and attempts: the log is
//! a poller's record.
//!
//! # What it costs
//!
//! In write units: 1 a message and poller to announce it; 2 to take it in, and 2 each time (4 where a segment is sealed,
//! every 40 messages), since transactions cost double. Each look is one query; a poll that waits looks after 0.1, 0.2, 0.4
//! and 0.8 s and then every second: 23 looks in 20 s. It occupies a function instance all that time, which costs more
//! than the looks. One poller takes about 300 messages a second, which is what a partition of the table allows.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    entity::Endpoint,
    find,
    history::{MessageFilter, MessageOut},
    ids::{AppId, EndpointId},
    manner::Kind,
    pacing,
    page::{DEFAULT_LIMIT, MOST_ROWS},
    ports::{Ambient, Directory, Paced, Paces, Polling, Record},
    problem::Problem,
    rules::is_name,
    time::Time,
    token::Caller,
};

mod log;
mod reading;
mod seek;

#[cfg(test)]
mod tests;

pub use log::{Arrival, Cursor, InvalidPosition, Look, PER_SEGMENT, Position, Segment, TAKEN_AT_ONCE, Tail, TakeIn};
use reading::Reading;

/// Seconds that a poll may wait for a message.
pub const LONGEST_WAIT: u64 = 20;
/// Of an application's polls one begins to wait in this time, and [`WAITS_AHEAD`] more at once: each occupies a function
/// instance, and nobody shall have them all. At most 60 wait at the same time.
pub const WAIT_INTERVAL: Duration = Duration::from_millis(500);
/// See [`WAIT_INTERVAL`].
pub const WAITS_AHEAD: u32 = 20;
/// Characters of a consumer's name.
pub const CONSUMER_LIMIT: usize = 64;
/// Pauses between the looks of a poll that waits; the last one again and again.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_secs(1),
];

/// The use case.
#[derive(Debug)]
pub struct Poller<'a, D, R, A> {
    /// Where applications and endpoints are.
    pub directory: &'a D,
    /// Messages and logs.
    pub record: &'a R,
    /// Time.
    pub ambient: &'a A,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollIn {
    limit: usize,
    wait: Duration,
    from: Option<Position>,
    filter: MessageFilter,
}

/// Messages in their order.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PollOut {
    /// The messages.
    pub data: Vec<MessageOut>,
    /// Goes on behind them.
    #[schemars(with = "Position")]
    pub iterator: String,
    /// Nothing more at present.
    pub done: bool,
}

/// From when on a consumer wants messages.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "PollerSeekIn")]
pub struct SeekIn {
    /// Those that are as old or newer.
    after: Time,
}

/// Where that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PollerSeekOut")]
pub struct SeekOut {
    /// Goes on there.
    #[schemars(with = "Position")]
    iterator: String,
}

impl PollIn {
    /// Checks `limit` (0 to 250, 50 by default), `wait` (0 to [`LONGEST_WAIT`] seconds) and `iterator`.
    pub fn new(
        limit: Option<u64>,
        wait: Option<u64>,
        iterator: Option<&str>,
        filter: MessageFilter,
    ) -> Result<Self, Problem> {
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), usize::try_from).unwrap_or(usize::MAX);
        if limit > MOST_ROWS {
            return Err(Problem::invalid(&["query", "limit"], format!("must be 0 to {MOST_ROWS}")));
        }
        let wait = wait.unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(Problem::invalid(&["query", "wait"], format!("must be 0 to {LONGEST_WAIT} seconds")));
        }
        let from = iterator.map(str::parse).transpose().map_err(|_| not_an_iterator())?;
        Ok(Self { limit, wait: Duration::from_secs(wait), from, filter })
    }
}

fn not_an_iterator() -> Problem {
    Problem::invalid(&["query", "iterator"], "not an iterator of this poller; use the one of a page before")
}

impl<D: Directory, R: Record + Polling + Paces, A: Ambient> Poller<'_, D, R, A> {
    /// A poller's messages from a place on, which the caller keeps.
    pub async fn poll(&self, caller: &Caller, app: &str, endpoint: &str, ask: PollIn) -> Result<PollOut, Problem> {
        let poller = self.find(caller, app, endpoint).await?;
        let from = match (ask.from, ask.filter.window.after) {
            (Some(from), _) => from,
            (None, Some(after)) => self.place_of(poller.id, after).await?,
            (None, None) => Position::default(),
        };
        self.read(self.reading(&poller), from, &ask).await
    }

    /// A poller's messages from a consumer's cursor on. An iterator moves the cursor.
    pub async fn poll_consumer(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        consumer: &str,
        mut ask: PollIn,
    ) -> Result<PollOut, Problem> {
        check_consumer(consumer)?;
        let poller = self.find(caller, app, endpoint).await?;
        let standing = self.record.cursor(poller.id, consumer).await?;
        let mut cursor = standing.unwrap_or(Cursor { position: Position::default(), after: None });
        let (mut reading, mut from) = (self.reading(&poller), cursor.position);
        if let Some(given) = ask.from.filter(|given| *given != from) {
            from = reading.look_first(given).await?;
            if from > cursor.position {
                cursor.position = from;
                self.record.place_cursor(poller.id, consumer, &cursor, true, self.ambient.now()).await?;
            }
        }
        ask.filter.window.after = cursor.after;
        self.read(reading, from, &ask).await
    }

    /// Places a consumer's cursor before the messages of that time.
    pub async fn seek(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        consumer: &str,
        to: SeekIn,
    ) -> Result<SeekOut, Problem> {
        check_consumer(consumer)?;
        let poller = self.find(caller, app, endpoint).await?;
        let position = self.place_of(poller.id, to.after).await?;
        let cursor = Cursor { position, after: Some(to.after) };
        self.record.place_cursor(poller.id, consumer, &cursor, false, self.ambient.now()).await?;
        Ok(SeekOut { iterator: position.to_string() })
    }

    async fn read(&self, mut reading: Reading<'_, R, A>, mut from: Position, ask: &PollIn) -> Result<PollOut, Problem> {
        let until = self.ambient.now().plus(ask.wait);
        let (last, first) = PAUSES.split_last().map_or((Duration::ZERO, &[][..]), |(last, first)| (*last, first));
        let mut pauses = first.iter().copied();
        let mut has_waited = false;
        loop {
            let page = reading.page(from, ask).await?;
            let left = self.ambient.now().until(until);
            if !page.data.is_empty() || left.is_zero() || ask.limit == 0 {
                return Ok(PollOut {
                    data: page.data,
                    iterator: page.next.to_string(),
                    done: page.is_last || ask.limit == 0,
                });
            }
            let has_moved = std::mem::replace(&mut from, page.next) != page.next;
            if page.is_last || !has_moved {
                if !std::mem::replace(&mut has_waited, true) {
                    let waits = Paced::Waits(reading.app());
                    pacing::pass(self.record, waits, self.ambient.now(), WAIT_INTERVAL, WAITS_AHEAD).await?;
                }
                self.ambient.sleep(pauses.next().unwrap_or(last).min(left)).await;
            }
        }
    }

    fn reading(&self, poller: &Endpoint) -> Reading<'_, R, A> {
        Reading::new(self.record, self.ambient, (poller.app, poller.id))
    }

    async fn find(&self, caller: &Caller, app: &str, endpoint: &str) -> Result<Endpoint, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let found = find::endpoint_if_any(self.directory, app, endpoint).await?;
        let poller = found.filter(|found| found.delivery.kind == Kind::Poller);
        let poller = poller.ok_or_else(|| Problem::not_found("An endpoint of type poller"))?;
        if poller.disabled {
            let why =
                "The endpoint is disabled. What is published meanwhile is kept, and handed out once it is enabled";
            return Err(Problem::refused(409, "endpoint_disabled", why));
        }
        Ok(poller)
    }
}

fn check_consumer(name: &str) -> Result<(), Problem> {
    if is_name(name) && name.len() <= CONSUMER_LIMIT {
        return Ok(());
    }
    let why = format!("must be 1 to {CONSUMER_LIMIT} characters of A-Z a-z 0-9 - _ .");
    Err(Problem::invalid(&["path", "consumer_id"], why))
}

/// Whose log it is.
type Whose = (AppId, EndpointId);
