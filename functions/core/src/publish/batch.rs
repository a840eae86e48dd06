//! The messages of one request, and what became of each.

use std::collections::HashSet;

use super::Draft;
use crate::{manage::ApplicationIn, message::Message, ports::Unavailable, problem::Problem};

/// What became of one message of a request: it is published, or refused.
pub type Outcome = Result<Message, Problem>;

/// The messages of a request in their order. An open one is still to be published.
pub(super) struct Batch<'a>(Vec<Slot<'a>>);

#[expect(clippy::large_enum_variant, reason = "every slot is closed in the end")]
enum Slot<'a> {
    Open(&'a Draft<'a>),
    Closed(Outcome),
}

impl<'a> Batch<'a> {
    /// Of drafts, each checked by the rules for one message; and of what could not be read.
    pub(super) fn checked(drafts: impl Iterator<Item = Result<&'a Draft<'a>, Problem>>) -> Self {
        let mut event_ids = HashSet::new();
        let slots = drafts.map(|draft| {
            let checked = draft.and_then(|draft| {
                draft.check()?;
                match &draft.event_id {
                    Some(id) if !event_ids.insert(id) => {
                        Err(Problem::conflict("An earlier message of the request has this eventId"))
                    }
                    _ => Ok(draft),
                }
            });
            checked.map_or_else(|problem| Slot::Closed(Err(problem)), Slot::Open)
        });
        Self(slots.collect())
    }

    /// Those that are open, with their places.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, &'a Draft<'a>)> {
        self.0.iter().enumerate().filter_map(|(place, slot)| match slot {
            Slot::Open(draft) => Some((place, *draft)),
            Slot::Closed(_) => None,
        })
    }

    /// Whether none is open.
    pub(super) fn is_closed(&self) -> bool {
        self.open().next().is_none()
    }

    /// The application that a message brings along, for a path that names none.
    pub(super) fn application(&self) -> Option<&'a ApplicationIn> {
        self.open().find_map(|(_, draft)| draft.application.as_ref())
    }

    /// Notes what became of one.
    pub(super) fn close(&mut self, place: usize, outcome: Outcome) {
        if let Some(slot) = self.0.get_mut(place) {
            *slot = Slot::Closed(outcome);
        }
    }

    /// Refuses one, if it is open still.
    pub(super) fn refuse(&mut self, place: usize, problem: Problem) {
        if matches!(self.0.get(place), Some(Slot::Open(_))) {
            self.close(place, Err(problem));
        }
    }

    /// How many were published, and how many refused.
    pub(super) fn counts(&self) -> (usize, usize) {
        let of =
            |wanted| self.0.iter().filter(|slot| matches!(slot, Slot::Closed(one) if one.is_ok() == wanted)).count();
        (of(true), of(false))
    }

    /// What became of all.
    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        let outcomes = self.0.into_iter().map(|slot| match slot {
            Slot::Closed(outcome) => outcome,
            Slot::Open(_) => Err(Unavailable::new("publishing", "a message was left out").into()),
        });
        outcomes.collect()
    }
}
