//! Erasing in memory.

use super::Memory;
use crate::{
    claim::ClaimKey,
    delivery::Delivery,
    ids::{AppId, EndpointId, MessageId},
    ports::{Erasing, Expunging, Holdings, Paced, Remains, Unavailable},
};

/// Things that one call removes.
const SOME: usize = 2;

impl Expunging for Memory {
    async fn remove_payload(&self, app: AppId, message: MessageId) -> Result<(), Unavailable> {
        self.state().messages.entry((app, message)).and_modify(|message| message.payload = None);
        Ok(())
    }

    async fn replace(&self, new: &Delivery, old: Option<&Delivery>) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let key = (new.endpoint, new.message);
        let standing = state.deliveries.get(&key).map(|standing| (standing.rev, standing.state));
        let fits = standing == old.map(|old| (old.rev, old.state));
        if fits {
            state.deliveries.insert(key, new.clone());
        }
        Ok(fits)
    }
}

impl Erasing for Memory {
    async fn remains(&self, app: AppId) -> Result<Remains, Unavailable> {
        let state = self.state();
        Ok(match (state.applications.contains_key(&app), state.marks.contains(&app)) {
            (true, _) => Remains::Alive,
            (false, true) => Remains::Deleted,
            (false, false) => Remains::Nothing,
        })
    }

    async fn strip(&self, app: AppId) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let of_app: Vec<_> = state.endpoints.keys().filter(|(of, _)| *of == app).copied().collect();
        for key in of_app.iter().take(SOME) {
            state.endpoints.remove(key);
            state.stripped.insert(*key);
        }
        let buried: Vec<_> = state.deleted.keys().filter(|(of, _)| *of == app).copied().collect();
        state.deleted.retain(|(of, _), _| *of != app);
        state.stripped.extend(buried);
        state.sources.retain(|_, source| source.app != app);
        Ok(of_app.len() <= SOME)
    }

    async fn stripped(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<EndpointId>, Unavailable> {
        let state = self.state();
        let of_app = state.stripped.iter().filter(|(of, id)| *of == app && after.is_none_or(|after| *id > after));
        Ok(of_app.map(|(_, id)| *id).take(limit).collect())
    }

    async fn clear(&self, holdings: Holdings) -> Result<bool, Unavailable> {
        let mut state = self.state();
        match holdings {
            Holdings::Application(app) => {
                let messages: Vec<_> = state.messages.keys().filter(|(of, _)| *of == app).copied().collect();
                messages.iter().take(SOME).for_each(|key| drop(state.messages.remove(key)));
                state.pages.retain(|(of, ..), _| *of != app);
                state.claims.retain(|key, _| !matches!(key, ClaimKey::EventId(of, _) if *of == app));
                state
                    .paces
                    .retain(|(of, _), _| !matches!(of, Paced::Application(of) | Paced::Publishing(of) if *of == app));
                Ok(messages.len() <= SOME)
            }
            Holdings::Endpoint(endpoint) => {
                let keys: Vec<_> = state.deliveries.keys().filter(|(of, _)| *of == endpoint).copied().collect();
                keys.iter().take(SOME).for_each(|key| drop(state.deliveries.remove(key)));
                state.listed.retain(|(of, _), _| *of != endpoint);
                state.confirmed.retain(|(of, _), _| *of != endpoint);
                state.valves.remove(&endpoint);
                Ok(keys.len() <= SOME)
            }
        }
    }

    async fn forget(&self, app: AppId) -> Result<bool, Unavailable> {
        let mut state = self.state();
        state.stripped.retain(|(of, _)| *of != app);
        state.marks.remove(&app);
        Ok(true)
    }
}
