//! What a batch needs to know: records, endpoints and limits, from memory where that is fresh.

use std::{collections::HashMap, time::Duration};

use super::{Courier, Job, Queues, Store};
use crate::{
    entity::Endpoint,
    message::Envelope,
    outbound::Sender,
    ports::{Ambient, Keys, Known, Owner, Unavailable},
    time::Time,
};

/// An endpoint's configuration is used for this long, unless a queue message names a newer revision.
pub const CACHED: Duration = Duration::from_secs(10);
const CACHED_ENDPOINTS: usize = 10_000;

/// An endpoint as it is remembered.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    endpoint: Endpoint,
    owner: Option<Owner>,
    since: Time,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Reads the records of the batch, and the endpoints that are not cached.
    pub(super) async fn know(&self, jobs: &[Job]) -> Result<Known, Unavailable> {
        let now = self.ambient.now();
        let mut cached = HashMap::new();
        let mut missing = Vec::new();
        for Job { envelope, .. } in jobs {
            match self.cached(envelope, now) {
                Some(found) => drop(cached.insert(found.endpoint.id, found)),
                None if missing.contains(&(envelope.app, envelope.endpoint)) => {}
                None => missing.push((envelope.app, envelope.endpoint)),
            }
        }
        let keys: Vec<_> = jobs.iter().map(Job::key).collect();
        let mut known = self.store.load(&keys, &missing).await?;
        self.remember(&known, now);
        for (id, found) in cached {
            known.owners.extend(found.owner.map(|owner| (found.endpoint.app, owner)));
            known.endpoints.entry(id).or_insert(found.endpoint);
        }
        Ok(known)
    }

    fn cached(&self, envelope: &Envelope, now: Time) -> Option<Cached> {
        let cache = self.endpoints.lock().ok()?;
        let found = cache.get(&envelope.endpoint)?;
        let fresh =
            found.since.plus(CACHED) > now && found.endpoint.rev >= envelope.rev && found.endpoint.app == envelope.app;
        fresh.then(|| found.clone())
    }

    pub(super) fn remember(&self, known: &Known, now: Time) {
        let Ok(mut cache) = self.endpoints.lock() else { return };
        if cache.len() >= CACHED_ENDPOINTS {
            cache.clear();
        }
        for endpoint in known.endpoints.values() {
            let owner = known.owners.get(&endpoint.app).cloned();
            cache.insert(endpoint.id, Cached { endpoint: endpoint.clone(), owner, since: now });
        }
    }

    /// Replaces what is remembered of an endpoint, keeping its age.
    pub(super) fn renew(&self, endpoint: &Endpoint) {
        if let Ok(mut cache) = self.endpoints.lock()
            && let Some(found) = cache.get_mut(&endpoint.id)
        {
            found.endpoint = endpoint.clone();
        }
    }
}
