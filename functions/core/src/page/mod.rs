//! Lists in pages, as the contract has them: `limit`, and an `iterator` that is an id, or `-` and an id to go back.
//!
//! A list need not exist as one: it is anything that can be read from a place onwards in either direction ([`List`]).
//! Rows that a filter hides are read as well, so a page ends after [`READ_LIMIT`] records or [`PAGE_BYTES`] bytes even
//! if it is not full: then `done` is false, and the iterator is where the reading stopped.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{ids::Id, problem::Problem};

/// Rows of a page unless the caller says otherwise.
pub const DEFAULT_LIMIT: usize = 50;
/// Rows of a page at most.
pub const MOST_ROWS: usize = 250;
/// Records read for one page at most, shown or not.
pub const READ_LIMIT: usize = 2_000;
/// JSON bytes of a page at most, as they travel in a function's answer (6 MB with everything).
pub const PAGE_BYTES: usize = 5_000_000;
/// Records asked for at once at most: full records of 256 KB must fit the function's memory.
const CHUNK: usize = 100;

/// What an iterator holds.
pub trait Key: Clone + Send + Sync {
    /// The iterator that continues after this key.
    fn text(&self) -> String;
    /// Reads an iterator without its direction.
    fn read(text: &str) -> Option<Self>;
}

impl<I: Id + Send + Sync> Key for I {
    fn text(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Where a page begins, and whether it is read backwards from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<K> {
    /// At the first row.
    First,
    /// After this key, which need not exist.
    After(K),
    /// The rows just before this key.
    Before(K),
    /// The last rows.
    Last,
}

/// A page that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<K> {
    limit: usize,
    start: Start<K>,
}

impl<K: Key> Ask<K> {
    /// Checks `limit` (0 to [`MOST_ROWS`]) and `iterator`.
    pub fn new(limit: Option<u64>, iterator: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), usize::try_from).unwrap_or(usize::MAX);
        if limit > MOST_ROWS {
            return Err(Problem::invalid(&["query", "limit"], format!("must be 0 to {MOST_ROWS}")));
        }
        let start = match iterator {
            None => Start::First,
            Some(text) => match text.strip_prefix('-') {
                Some(key) => Start::Before(key_of(key)?),
                None => Start::After(key_of(text)?),
            },
        };
        Ok(Self { limit, start })
    }

    /// Without an iterator, the last rows of the list instead of the first.
    #[must_use]
    pub fn or_last(self) -> Self {
        let start = match self.start {
            Start::First => Start::Last,
            start => start,
        };
        Self { start, ..self }
    }
}

fn key_of<K: Key>(text: &str) -> Result<K, Problem> {
    K::read(text).ok_or_else(|| {
        Problem::invalid(&["query", "iterator"], "not an iterator of this list; use the one of a page before")
    })
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<K> {
    /// Starts after this key in its direction, exclusive.
    pub after: Option<K>,
    /// Direction.
    pub ascending: bool,
    /// About so many records.
    pub limit: usize,
}

/// What was read of a list.
#[derive(Debug)]
pub struct Batch<K, T> {
    /// In the direction of the part; a row that a filter hides is `None`.
    pub rows: Vec<(K, Option<T>)>,
    /// Where to go on; the list has ended if unset.
    pub next: Option<K>,
    /// Records that were read for it.
    pub read: usize,
}

impl<K: Clone, T> Batch<K, T> {
    /// Of a list whose end shows by fewer rows than were asked for.
    pub fn of(rows: Vec<(K, Option<T>)>, asked: usize) -> Self {
        let next = if rows.len() < asked { None } else { rows.last().map(|(key, _)| key.clone()) };
        let read = rows.len();
        Self { rows, next, read }
    }

    /// The end of a list.
    pub const fn end() -> Self {
        Self { rows: Vec::new(), next: None, read: 0 }
    }
}

/// Something that can be read from any place onwards, in both directions of its keys.
pub trait List: Sync {
    /// Orders the rows.
    type Key: Key;
    /// What is shown.
    type Row: Serialize + Send;
    /// Reads a part.
    fn read(&self, part: Part<Self::Key>) -> impl Future<Output = Result<Batch<Self::Key, Self::Row>, Problem>> + Send;
}

/// A page as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListResponse_{T}_")]
pub struct Page<T> {
    /// In the list's order, whatever direction was travelled.
    pub data: Vec<T>,
    /// Goes on after this page.
    #[schemars(example = &"app_2tAbcdefghijklmnopqrstuvwxy")]
    pub iterator: Option<String>,
    /// Goes back before this page.
    #[schemars(example = "-app_2tAbcdefghijklmnopqrstuvwxy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_iterator: Option<String>,
    /// Nothing more in the direction that was travelled.
    pub done: bool,
}

impl<T> Page<T> {
    /// Changes its rows.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let Self { data, iterator, prev_iterator, done } = self;
        Page { data: data.into_iter().map(change).collect(), iterator, prev_iterator, done }
    }
}

/// Reads a page of a list that is shown in ascending or descending order.
pub async fn page<L: List>(list: &L, ask: Ask<L::Key>, ascending: bool) -> Result<Page<L::Row>, Problem> {
    if ask.limit == 0 {
        // `done`, or a client that goes on until it is would go on for ever.
        return Ok(Page { data: Vec::new(), iterator: None, prev_iterator: None, done: true });
    }
    let backward = matches!(ask.start, Start::Before(_) | Start::Last);
    let mut after = match ask.start {
        Start::After(key) | Start::Before(key) => Some(key),
        Start::First | Start::Last => None,
    };
    let mut filling = Filling { rows: Vec::new(), limit: ask.limit, bytes: 0 };
    let (mut read, mut chunk) = (0, (ask.limit + 1).min(CHUNK));
    let end = loop {
        let batch = list.read(Part { after, ascending: ascending != backward, limit: chunk }).await?;
        read += batch.read;
        chunk = CHUNK;
        if filling.is_full_after(batch.rows) {
            break End::More;
        }
        match batch.next {
            None => break End::Done,
            Some(next) if read >= READ_LIMIT => break End::Cut(next),
            next => after = next,
        }
    };
    Ok(filling.into_page(&end, backward))
}

enum End<K> {
    Done,
    More,
    Cut(K),
}

struct Filling<K, T> {
    rows: Vec<(K, T)>,
    limit: usize,
    bytes: usize,
}

impl<K: Key, T: Serialize> Filling<K, T> {
    fn is_full_after(&mut self, rows: Vec<(K, Option<T>)>) -> bool {
        for (key, row) in rows {
            let Some(row) = row else { continue };
            self.bytes += travelling_bytes(&row);
            if self.rows.len() == self.limit || (self.bytes > PAGE_BYTES && !self.rows.is_empty()) {
                return true;
            }
            self.rows.push((key, row));
        }
        false
    }

    fn into_page(mut self, end: &End<K>, backward: bool) -> Page<T> {
        if backward {
            self.rows.reverse();
        }
        let cut = if let End::Cut(key) = end { Some(key) } else { None };
        let (first, last) = (self.rows.first().map(|row| &row.0), self.rows.last().map(|row| &row.0));
        let (iterator, previous) = if backward { (last.or(cut), cut.or(first)) } else { (cut.or(last), first.or(cut)) };
        Page {
            iterator: iterator.map(Key::text),
            prev_iterator: previous.map(|key| format!("-{}", key.text())),
            done: matches!(end, End::Done),
            data: self.rows.into_iter().map(|(_, row)| row).collect(),
        }
    }
}

/// A function's answer carries the body as a JSON string, so quotes and backslashes count twice.
pub(crate) fn travelling_bytes(row: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let escaped = |byte: &u8| match byte {
                b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
                0..=0x1f => 6,
                _ => 1,
            };
            self.0 += bytes.iter().map(escaped).sum::<usize>();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, row) {
        Ok(()) => count.0,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests;
