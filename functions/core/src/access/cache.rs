//! What was revoked, remembered for a while: a token that is shown again and again costs one read in that while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::future::try_join_all;

use super::{Revocation, Revoked};
use crate::{
    ids::OrgId,
    ports::{Revocations, Unavailable},
    time::Time,
    token::Caller,
};

/// A revocation counts everywhere after this long.
pub const REVOCATION_DELAY: Duration = Duration::from_secs(30);
/// Things that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 10_000;

type Key = (OrgId, Revoked);

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<Key, Seen>>);

#[derive(Debug, Clone)]
struct Seen {
    read: Time,
    revocation: Option<Revocation>,
}

impl Cache {
    /// Whether the caller's token was revoked.
    pub(super) async fn is_revoked<R: Revocations>(
        &self,
        revocations: &R,
        caller: &Caller,
        now: Time,
    ) -> Result<bool, Unavailable> {
        let Some(token) = &caller.token else { return Ok(false) };
        let all = Revoked::of(caller).into_iter().map(|of| self.get(revocations, (caller.org.clone(), of), now));
        let all = try_join_all(all).await?;
        Ok(all.into_iter().flatten().any(|revocation| revocation.counts_for(token.issued_at, now)))
    }

    /// Forgets what was changed here.
    pub(super) fn forget(&self, org: &OrgId, of: &Revoked) {
        self.lock().remove(&(org.clone(), of.clone()));
    }

    async fn get<R: Revocations>(
        &self,
        revocations: &R,
        key: Key,
        now: Time,
    ) -> Result<Option<Revocation>, Unavailable> {
        let fresh = |seen: &&Seen| seen.read <= now && seen.read.until(now) < REVOCATION_DELAY;
        if let Some(seen) = self.lock().get(&key).filter(fresh) {
            return Ok(seen.revocation.clone());
        }
        let revocation = revocations.revocation(&key.0, &key.1).await?;
        let mut all = self.lock();
        if all.len() >= REMEMBERED && !all.contains_key(&key) {
            all.clear();
        }
        all.insert(key, Seen { read: now, revocation: revocation.clone() });
        Ok(revocation)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
