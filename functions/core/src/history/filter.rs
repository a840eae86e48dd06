//! What a list leaves out.

use super::Status;
use crate::{
    delivery::Attempt,
    ids::{Id, Ksuid},
    message::Message,
    page::{Ask, Key, Part},
    ports::Span,
    time::Time,
};

/// A span of time, to the 4 ms of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Exclusive.
    pub before: Option<Time>,
    /// Inclusive.
    pub after: Option<Time>,
}

impl Window {
    /// `after` alone, and no iterator, asks for the oldest rows after it; they are shown newest first all the same.
    pub(super) fn ask<K: Key>(&self, ask: Ask<K>) -> Ask<K> {
        if self.after.is_some() && self.before.is_none() { ask.or_last() } else { ask }
    }

    /// The ids of a part that lie in the window, as exclusive bounds (above, below).
    pub(super) fn bounds<I: Id>(&self, part: &Part<I>) -> (Option<Ksuid>, Option<Ksuid>) {
        let from = part.after.map(Id::ksuid);
        let (above, below) = if part.ascending { (from, None) } else { (None, from) };
        let before = self.before.map(Ksuid::floor);
        let below = below.map_or(before, |below| Some(before.map_or(below, |before| before.min(below))));
        (above.max(self.after.map(Ksuid::floor)), below)
    }

    /// The part of a store's list; nothing if no id can lie in it.
    pub(super) fn span<I: Id>(&self, part: &Part<I>) -> Option<Span> {
        let (above, below) = self.bounds(part);
        span(above, below, part.ascending, part.limit)
    }
}

/// Stores refuse a span whose ends are the wrong way round.
pub(super) fn span(above: Option<Ksuid>, below: Option<Ksuid>, ascending: bool, limit: usize) -> Option<Span> {
    let empty = above.zip(below).is_some_and(|(above, below)| above >= below);
    (!empty).then_some(Span { below, above, ascending, limit })
}

/// Which messages are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFilter {
    /// Having this channel.
    pub channel: Option<String>,
    /// Of one of these event types; of any if empty.
    pub event_types: Vec<String>,
    /// Published then.
    pub window: Window,
    /// Without payloads and responses.
    pub without_content: bool,
}

impl MessageFilter {
    /// Whether messages must be looked at at all.
    pub(super) const fn is_open(&self) -> bool {
        self.channel.is_none() && self.event_types.is_empty()
    }

    /// Whether the message is meant, by all but the time.
    pub(crate) fn passes(&self, message: &Message) -> bool {
        let of_type = self.event_types.is_empty() || self.event_types.contains(&message.event_type);
        let channels = message.channels.as_deref().unwrap_or_default();
        of_type && self.channel.as_ref().is_none_or(|channel| channels.contains(channel))
    }
}

/// Which attempts are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptFilter {
    /// Of these messages; the window is that of the attempts.
    pub message: MessageFilter,
    /// Success or failure; attempts are never anything else.
    pub status: Option<Status>,
    /// The hundred of the response's status; 0 for no response.
    pub code_class: Option<u16>,
}

impl AttemptFilter {
    /// Whether the attempt is meant, by all but its time and its message.
    pub(super) fn passes(&self, attempt: &Attempt) -> bool {
        let class = attempt.status / 100 * 100;
        self.status.is_none_or(|status| status == Status::of_attempt(attempt))
            && self.code_class.is_none_or(|wanted| wanted == class)
    }
}
