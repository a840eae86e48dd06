//! What endpoints choose messages by.

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::Filter;
use crate::message::Message;

/// A message as endpoints look at it. Its payload is read once, and not at all where no endpoint has a filter.
#[derive(Debug)]
pub struct Event<'a> {
    pub(crate) name: &'a str,
    pub(crate) channels: &'a [String],
    /// None of what was expunged.
    payload: Option<&'a str>,
    read: OnceCell<Option<Map<String, Value>>>,
}

impl<'a> Event<'a> {
    /// Of a message.
    pub fn of(message: &'a Message) -> Self {
        let channels = message.channels.as_deref().unwrap_or_default();
        Self { name: &message.event_type, channels, payload: message.payload.as_deref(), read: OnceCell::new() }
    }

    pub(crate) fn passes(&self, filter: &Filter) -> bool {
        let payload = self.read.get_or_init(|| serde_json::from_str(self.payload?).ok());
        payload.as_ref().is_some_and(|payload| filter.matches(payload))
    }
}
