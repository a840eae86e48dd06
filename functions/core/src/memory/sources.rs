//! Sources in memory.

use super::{Memory, State, directory::select, verdict};
use crate::{
    ids::{OrgId, SourceId},
    ports::{Saved, Scan, Sources, Unavailable},
    source::Source,
};

impl Sources for Memory {
    async fn source(&self, id: SourceId) -> Result<Option<Source>, Unavailable> {
        Ok(self.state().sources.get(&id).cloned())
    }

    async fn source_id(&self, org: &OrgId, uid: &str) -> Result<Option<SourceId>, Unavailable> {
        Ok(self.state().source_with(org, Some(uid)))
    }

    async fn sources(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Source>, Unavailable> {
        let state = self.state();
        let all = state.sources.values().filter(|source| source.org == *org);
        Ok(select(all.map(|source| (source.id.to_string(), source.clone())), scan))
    }

    async fn save_source(&self, new: &Source, old: Option<&Source>) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        let uid_taken = state.source_with(&new.org, new.uid.as_deref()).is_some_and(|id| id != new.id);
        let standing = state.sources.get(&new.id).map(|source| source.rev);
        let saved = verdict(standing, new.rev, old.map(|old| old.rev), uid_taken);
        if saved == Saved::Done {
            state.sources.insert(new.id, new.clone());
        }
        Ok(saved)
    }

    async fn delete_source(&self, old: &Source) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        if state.sources.get(&old.id).map(|source| source.rev) != Some(old.rev) {
            return Ok(Saved::Stale);
        }
        state.sources.remove(&old.id);
        Ok(Saved::Done)
    }
}

impl State {
    fn source_with(&self, org: &OrgId, uid: Option<&str>) -> Option<SourceId> {
        let mut all = self.sources.values();
        all.find(|source| uid.is_some() && source.org == *org && source.uid.as_deref() == uid).map(|source| source.id)
    }
}
