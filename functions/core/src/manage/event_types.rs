//! Event types: their name is their key.
//!
//! An application's token shows only the types without a feature flag, and those whose flag it carries.

use super::{
    EventTypeIn, EventTypeOut, EventTypePatch, Made, Manager, TRIES, TypeName, busy, event_type_in::check_demand,
    touched, written,
};
use crate::{
    entity::{EventType, EventTypeName},
    ids::Ksuid,
    outbound::Sender,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, Directory, Jobs, Keys, Scan},
    problem::Problem,
    rules::{NAME_RULE, is_name},
    token::Caller,
};

/// What a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventTypesShown {
    /// Archived ones as well.
    pub archived: bool,
    /// With their schemas.
    pub schemas: bool,
}

/// Whether the caller may see the type.
pub(super) fn is_visible(kind: &EventType, caller: &Caller) -> bool {
    is_flagged_for(kind.feature_flag.as_ref(), caller)
}

fn is_flagged_for(flag: Option<&String>, caller: &Caller) -> bool {
    caller.app.is_none() || flag.is_none_or(|flag| caller.flags.contains(flag))
}

/// Whether the caller's endpoints can subscribe to the type.
pub(super) fn is_usable(kind: &EventTypeName, caller: &Caller) -> bool {
    !kind.archived && is_flagged_for(kind.feature_flag.as_ref(), caller)
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// The organization's event types by name.
    pub async fn event_types(
        &self,
        caller: &Caller,
        ask: Ask<TypeName>,
        shown: EventTypesShown,
    ) -> Result<Page<EventTypeOut>, Problem> {
        page::page(&EventTypes { directory: self.directory, caller, shown }, ask, true).await
    }

    /// One event type, archived or not.
    pub async fn event_type(&self, caller: &Caller, name: &str) -> Result<EventTypeOut, Problem> {
        Ok(self.find_event_type(caller, name).await?.into())
    }

    async fn find_event_type(&self, caller: &Caller, name: &str) -> Result<EventType, Problem> {
        let found = if is_name(name) { self.directory.event_type(&caller.org, name).await? } else { None };
        found.filter(|kind| is_visible(kind, caller)).ok_or_else(|| Problem::not_found("Event type"))
    }

    /// Creates an event type, or brings an archived one back with these contents.
    ///
    /// An event type has no id. That an earlier try of the same call made what stands shows by its contents and by
    /// its `updatedAt`, which is the time in `id`.
    pub async fn create_event_type(
        &self,
        caller: &Caller,
        id: Ksuid,
        body: &EventTypeIn,
    ) -> Result<EventTypeOut, Problem> {
        caller.must_be_organization()?;
        let name = body.check_with_name()?;
        for _ in 0..TRIES {
            let old = self.directory.event_type(&caller.org, name).await?;
            if let Some(old) = &old
                && *old == (EventType { rev: old.rev, created_at: old.created_at, ..body.made(name, id.time(), None) })
            {
                return Ok(old.clone().into());
            }
            if old.as_ref().is_some_and(|old| !old.archived) {
                return Err(exists());
            }
            let mut new = body.made(name, id.time(), old.as_ref());
            new.updated_at = id.time();
            if self.write_event_type(caller, &new, old.as_ref()).await? {
                return Ok(new.into());
            }
        }
        Err(busy())
    }

    /// Replaces or creates an event type.
    pub async fn put_event_type(
        &self,
        caller: &Caller,
        name: &str,
        body: &EventTypeIn,
    ) -> Result<Made<EventTypeOut>, Problem> {
        caller.must_be_organization()?;
        body.check()?;
        if !is_name(name) {
            return Err(Problem::invalid(&["path", "event_type_name"], NAME_RULE));
        }
        for _ in 0..TRIES {
            let old = self.directory.event_type(&caller.org, name).await?;
            let new = body.made(name, self.ambient.now(), old.as_ref());
            if self.write_event_type(caller, &new, old.as_ref()).await? {
                let made = if old.is_none() { Made::Created } else { Made::Existing };
                return Ok(made(new.into()));
            }
        }
        Err(busy())
    }

    /// Changes some fields.
    pub async fn patch_event_type(
        &self,
        caller: &Caller,
        name: &str,
        patch: &EventTypePatch,
    ) -> Result<EventTypeOut, Problem> {
        caller.must_be_organization()?;
        patch.check()?;
        self.change_event_type(caller, name, |kind| patch.apply(kind)).await.map(Into::into)
    }

    /// Archives an event type, or with `expunge` removes it altogether.
    pub async fn delete_event_type(&self, caller: &Caller, name: &str, expunge: bool) -> Result<(), Problem> {
        caller.must_be_organization()?;
        if !expunge {
            return self.change_event_type(caller, name, |kind| kind.archived = true).await.map(drop);
        }
        self.find_event_type(caller, name).await?;
        self.directory.expunge_event_type(&caller.org, name).await?;
        changed!("event_type.expunged", caller, event_type = name);
        Ok(())
    }

    async fn change_event_type(
        &self,
        caller: &Caller,
        name: &str,
        change: impl Fn(&mut EventType) + Send + Sync,
    ) -> Result<EventType, Problem> {
        for _ in 0..TRIES {
            let old = self.find_event_type(caller, name).await?;
            let mut new = old.clone();
            change(&mut new);
            new.rev = old.rev + 1;
            new.updated_at = touched(self.ambient.now(), old.updated_at);
            if self.write_event_type(caller, &new, Some(&old)).await? {
                return Ok(new);
            }
        }
        Err(busy())
    }

    pub(super) async fn write_event_type(
        &self,
        caller: &Caller,
        new: &EventType,
        old: Option<&EventType>,
    ) -> Result<bool, Problem> {
        check_demand(new)?;
        if new.validation.is_some() {
            self.look_at_event_types(caller).await?;
        }
        let done = written(self.directory.save_event_type(&caller.org, new, old).await?, exists)?;
        if done {
            changed!("event_type.written", caller, event_type = new.name, archived = new.archived);
        }
        Ok(done)
    }
}

fn exists() -> Problem {
    Problem::refused(409, "event_type_exists", "An event type of this name exists already")
}

struct EventTypes<'a, D> {
    directory: &'a D,
    caller: &'a Caller,
    shown: EventTypesShown,
}

impl<D: Directory> List for EventTypes<'_, D> {
    type Key = TypeName;
    type Row = EventTypeOut;

    async fn read(&self, part: Part<TypeName>) -> Result<Batch<TypeName, EventTypeOut>, Problem> {
        let scan = Scan { after: part.after.map(|name| name.0), ascending: part.ascending, limit: part.limit };
        let found = self.directory.event_types(&self.caller.org, &scan, self.shown.schemas).await?;
        let row = |kind: EventType| {
            let key = TypeName(kind.name.clone());
            let is_shown = is_visible(&kind, self.caller) && (self.shown.archived || !kind.archived);
            (key, is_shown.then(|| kind.into()))
        };
        Ok(Batch::of(found.into_iter().map(row).collect(), part.limit))
    }
}
