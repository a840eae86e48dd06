//! What organizations demand of what is published: event types that exist, payloads that satisfy a schema.
//!
//! Demands are remembered for half a minute, so that publishing does not read them for each event: an organization that has
//! never demanded anything costs one read in half a minute and function instance, a type with a schema another one. A
//! change counts within that time. A schema is read again only when its event type has changed.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_schema::{Compile, Rule};
use serde_json::Value;

use super::{Batch, Draft};
use crate::{
    entity::{EventType, Settings, Unlisted},
    ids::OrgId,
    ports::{Subscribers, Unavailable},
    problem::Problem,
    rules::{Check, MOST_ITEMS},
    time::Time,
};

/// How long demands are remembered.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Bytes that may be remembered of organizations, and of event types; all are forgotten when there are more.
const MOST: usize = 32 * 1024 * 1024;
/// Event types that are read at once.
const AT_ONCE: usize = 10;
/// Bytes of one without a schema, about.
const LEAST: usize = 1_024;

/// The demands of all organizations, as one instance knows them.
#[derive(Debug)]
pub(super) struct Demands {
    compile: Compile,
    settings: Remembered<OrgId, Settings>,
    kinds: Remembered<(OrgId, String), Arc<Kind>>,
}

/// What is demanded of the messages of one request.
#[derive(Debug, Default)]
pub(super) struct Demanded {
    settings: Settings,
    kinds: HashMap<String, Arc<Kind>>,
}

/// An event type, as far as it matters here.
#[derive(Debug)]
struct Kind {
    /// Unset where there is no such type.
    rev: Option<u64>,
    archived: bool,
    schema: Enforced,
}

#[derive(Debug)]
enum Enforced {
    Nothing,
    Schema(Box<dyn Rule>),
    /// It could be read when it was saved.
    Unreadable,
}

impl Demands {
    /// None known yet. Schemas are read with that.
    pub(super) fn new(compile: Compile) -> Self {
        Self { compile, settings: Remembered::default(), kinds: Remembered::default() }
    }

    /// Of messages of these types.
    pub(super) async fn of<D: Subscribers>(
        &self,
        directory: &D,
        org: &OrgId,
        event_types: impl Iterator<Item = &str>,
        now: Time,
    ) -> Result<Demanded, Unavailable> {
        let settings = match self.settings.fresh(org, now) {
            Some(settings) => settings,
            None => self.settings.keep(org.clone(), directory.demands(org).await?.unwrap_or_default(), LEAST, now),
        };
        if !settings.demands() {
            return Ok(Demanded { settings, ..Demanded::default() });
        }
        let names: BTreeSet<_> = event_types.collect();
        let kinds = names.into_iter().map(|name| self.kind(directory, org, name, now));
        let kinds = stream::iter(kinds.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(Demanded { settings, kinds })
    }

    async fn kind<D: Subscribers>(
        &self,
        directory: &D,
        org: &OrgId,
        name: &str,
        now: Time,
    ) -> Result<(String, Arc<Kind>), Unavailable> {
        let key = (org.clone(), name.to_owned());
        if let Some(kind) = self.kinds.fresh(&key, now) {
            return Ok((key.1, kind));
        }
        let found = directory.definition(org, name).await?;
        let known = self.kinds.any(&key).filter(|known| known.rev == found.as_ref().map(|kind| kind.rev));
        let kind = known.unwrap_or_else(|| Arc::new(Kind::of(found.as_ref(), self.compile)));
        let size = kind.size();
        Ok((name.to_owned(), self.kinds.keep(key, kind, size, now)))
    }
}

impl Kind {
    fn of(found: Option<&EventType>, compile: Compile) -> Self {
        let schema = match found.map(EventType::enforced) {
            Some(Some(schema)) => compile(schema).map_or_else(
                |fault| {
                    tracing::error!(
                        event_type = found.map(|kind| &kind.name),
                        ?fault,
                        "a schema cannot be read any more"
                    );
                    Enforced::Unreadable
                },
                Enforced::Schema,
            ),
            _ => Enforced::Nothing,
        };
        Self { rev: found.map(|kind| kind.rev), archived: found.is_some_and(|kind| kind.archived), schema }
    }

    fn size(&self) -> usize {
        match &self.schema {
            Enforced::Schema(schema) => LEAST + schema.size(),
            Enforced::Nothing | Enforced::Unreadable => LEAST,
        }
    }
}

impl Demanded {
    /// The open messages that do not satisfy it, with their places.
    pub(super) fn refused(&self, batch: &Batch<'_>) -> Vec<(usize, Problem)> {
        let refusal = |(place, draft)| Some((place, self.check(draft).err()?));
        batch.open().filter_map(refusal).collect()
    }

    /// 422 with the failing places.
    fn check(&self, draft: &Draft<'_>) -> Result<(), Problem> {
        let Some(kind) = self.kinds.get(&draft.event_type) else { return Ok(()) };
        let place = ["body", "eventType"];
        if kind.rev.is_none() && self.settings.unknown == Unlisted::Refuse {
            return Err(Problem::invalid(&place, "there is no such event type, and the organization demands one"));
        }
        if kind.archived && self.settings.archived == Unlisted::Refuse {
            return Err(Problem::invalid(&place, "the event type is archived"));
        }
        match &kind.schema {
            Enforced::Nothing => Ok(()),
            Enforced::Schema(schema) => satisfies(&**schema, draft),
            Enforced::Unreadable => {
                Err(Problem::invalid(&place, "the schema of this event type cannot be used: save it again"))
            }
        }
    }
}

fn satisfies(schema: &dyn Rule, draft: &Draft<'_>) -> Result<(), Problem> {
    let (text, _) = draft.content();
    let place = draft.content_place();
    let mut check = Check::default();
    match serde_json::from_str::<Value>(text) {
        Ok(payload) => {
            for fault in schema.faults(&payload, MOST_ITEMS) {
                let loc: Vec<_> = place.iter().copied().chain(fault.path.iter().map(String::as_str)).collect();
                check.fail(&loc, fault.msg);
            }
        }
        Err(_) => check.fail(place, "must be JSON, not nested too deep, to be held against the event type's schema"),
    }
    check.finish()
}

/// What was looked up, and until when it counts.
#[derive(Debug)]
struct Remembered<K, V>(Mutex<Known<K, V>>);

#[derive(Debug)]
struct Known<K, V> {
    all: HashMap<K, Entry<V>>,
    /// Bytes of all.
    size: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until: Time,
    size: usize,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Known { all: HashMap::new(), size: 0 }))
    }
}

impl<K: Hash + Eq, V: Clone> Remembered<K, V> {
    fn fresh(&self, key: &K, now: Time) -> Option<V> {
        self.known().all.get(key).filter(|entry| entry.until > now).map(|entry| entry.value.clone())
    }

    /// However old.
    fn any(&self, key: &K) -> Option<V> {
        self.known().all.get(key).map(|entry| entry.value.clone())
    }

    fn keep(&self, key: K, value: V, size: usize, now: Time) -> V {
        let mut known = self.known();
        if known.size + size > MOST {
            known.all.clear();
            known.size = 0;
        }
        let entry = Entry { value: value.clone(), until: now.plus(REMEMBERED), size };
        known.size += size;
        if let Some(before) = known.all.insert(key, entry) {
            known.size -= before.size;
        }
        value
    }

    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
