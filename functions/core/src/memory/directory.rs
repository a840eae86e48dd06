//! The directory in memory.

use super::{Memory, State, verdict};
use crate::{
    entity::{Application, Endpoint, EventType, EventTypeName, Settings},
    ids::{AppId, EndpointId, Id as _, Ksuid, OrgId},
    ports::{Audience, Directory, Saved, Scan, Subscribers, Unavailable},
};

impl Directory for Memory {
    async fn application(&self, id: AppId) -> Result<Option<Application>, Unavailable> {
        Ok(self.state().applications.get(&id).cloned())
    }

    async fn application_id(&self, org: &OrgId, uid: &str) -> Result<Option<AppId>, Unavailable> {
        Ok(self.state().application_with(org, Some(uid)))
    }

    async fn applications(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Application>, Unavailable> {
        let state = self.state();
        let all = state.applications.values().filter(|app| app.org == *org);
        Ok(select(all.map(|app| (app.id.to_string(), app.clone())), scan))
    }

    async fn save_application(&self, new: &Application, old: Option<&Application>) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        let uid_taken = state.application_with(&new.org, new.uid.as_deref()).is_some_and(|id| id != new.id);
        let standing = state.applications.get(&new.id).map(|app| app.rev);
        let saved = verdict(standing, new.rev, old.map(|old| old.rev), uid_taken);
        if saved == Saved::Done {
            state.applications.insert(new.id, new.clone());
        }
        Ok(saved)
    }

    async fn delete_application(&self, old: &Application) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        if state.applications.get(&old.id).map(|app| app.rev) != Some(old.rev) {
            return Ok(Saved::Stale);
        }
        state.applications.remove(&old.id);
        state.marks.insert(old.id);
        Ok(Saved::Done)
    }

    async fn endpoint(&self, app: AppId, id: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        Ok(self.state().endpoints.get(&(app, id)).cloned())
    }

    async fn endpoint_id(&self, app: AppId, uid: &str) -> Result<Option<EndpointId>, Unavailable> {
        Ok(self.state().endpoint_with(app, Some(uid)))
    }

    async fn endpoints(&self, app: AppId, scan: &Scan) -> Result<Vec<Endpoint>, Unavailable> {
        let state = self.state();
        let all = state.endpoints.values().filter(|endpoint| endpoint.app == app);
        Ok(select(all.map(|endpoint| (endpoint.id.to_string(), endpoint.clone())), scan))
    }

    async fn endpoints_even_deleted(&self, app: AppId, ids: &[EndpointId]) -> Result<Vec<Endpoint>, Unavailable> {
        let state = self.state();
        let find = |id: &EndpointId| state.endpoints.get(&(app, *id)).or_else(|| state.deleted.get(&(app, *id)));
        Ok(ids.iter().filter_map(|id| find(id).cloned()).collect())
    }

    async fn save_endpoint(&self, new: &Endpoint, old: Option<&Endpoint>) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        let uid_taken = state.endpoint_with(new.app, new.uid.as_deref()).is_some_and(|id| id != new.id);
        let standing = state.endpoints.get(&(new.app, new.id)).map(|endpoint| endpoint.rev);
        let saved = verdict(standing, new.rev, old.map(|old| old.rev), uid_taken);
        if saved == Saved::Done {
            state.endpoints.insert((new.app, new.id), new.clone());
        }
        Ok(saved)
    }

    async fn delete_endpoint(&self, old: &Endpoint) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        let key = (old.app, old.id);
        if state.endpoints.get(&key).map(|endpoint| endpoint.rev) != Some(old.rev) {
            return Ok(Saved::Stale);
        }
        if let Some(endpoint) = state.endpoints.remove(&key) {
            state.deleted.insert(key, endpoint);
        }
        Ok(Saved::Done)
    }

    async fn event_type(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        Ok(self.state().event_types.get(&(org.clone(), name.to_owned())).cloned())
    }

    async fn event_types(&self, org: &OrgId, scan: &Scan, schemas: bool) -> Result<Vec<EventType>, Unavailable> {
        let state = self.state();
        let all = state.event_types.iter().filter(|((of, _), _)| of == org);
        let kept = |kind: &EventType| EventType { schemas: kind.schemas.clone().filter(|_| schemas), ..kind.clone() };
        Ok(select(all.map(|((_, name), kind)| (name.clone(), kept(kind))), scan))
    }

    async fn event_types_named(&self, org: &OrgId, names: &[String]) -> Result<Vec<EventTypeName>, Unavailable> {
        let state = self.state();
        let found = names.iter().filter_map(|name| state.event_types.get(&(org.clone(), name.clone())).cloned());
        let name = |EventType { name, archived, feature_flag, .. }| EventTypeName { name, archived, feature_flag };
        Ok(found.map(name).collect())
    }

    async fn save_event_type(
        &self,
        org: &OrgId,
        new: &EventType,
        old: Option<&EventType>,
    ) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        let key = (org.clone(), new.name.clone());
        if state.event_types.get(&key).map(|kind| kind.rev) != old.map(|old| old.rev) {
            return Ok(Saved::Stale);
        }
        state.event_types.insert(key, new.clone());
        Ok(Saved::Done)
    }

    async fn expunge_event_type(&self, org: &OrgId, name: &str) -> Result<(), Unavailable> {
        self.state().event_types.remove(&(org.clone(), name.to_owned()));
        Ok(())
    }

    async fn settings(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        Ok(self.state().settings.get(org).copied())
    }

    async fn save_settings(&self, org: &OrgId, new: &Settings, old: Option<&Settings>) -> Result<Saved, Unavailable> {
        let mut state = self.state();
        if state.settings.get(org) != old {
            return Ok(Saved::Stale);
        }
        state.settings.insert(org.clone(), *new);
        Ok(Saved::Done)
    }
}

impl Subscribers for Memory {
    async fn subscribers(&self, app: AppId) -> Result<Option<Audience>, Unavailable> {
        let state = self.state();
        let of_app = state.endpoints.range(first(app)..);
        let mut endpoints: Vec<_> =
            of_app.take_while(|((of, _), _)| *of == app).take(ONE_QUERY + 1).map(|(_, found)| found.clone()).collect();
        let complete = endpoints.len() <= ONE_QUERY;
        endpoints.truncate(ONE_QUERY);
        Ok(state.applications.get(&app).map(|found| Audience { application: found.clone(), endpoints, complete }))
    }

    async fn create_application(&self, new: &Application) -> Result<Saved, Unavailable> {
        self.save_application(new, None).await
    }

    async fn endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        let state = self.state();
        let of_app = state.endpoints.range(first(app)..).take_while(|((of, _), _)| *of == app);
        let found = of_app.filter(|((_, id), _)| after.is_none_or(|after| *id > after)).take(limit);
        Ok(state.applications.contains_key(&app).then(|| found.map(|(_, endpoint)| endpoint.clone()).collect()))
    }

    async fn application_id(&self, org: &OrgId, uid: &str) -> Result<Option<AppId>, Unavailable> {
        Ok(self.state().application_with(org, Some(uid)))
    }

    async fn demands(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        self.settings(org).await
    }

    async fn definition(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        self.event_type(org, name).await
    }
}

/// Endpoints that one query gives.
const ONE_QUERY: usize = 1_000;

fn first(app: AppId) -> (AppId, EndpointId) {
    (app, EndpointId::from_ksuid(Ksuid::from_bytes([0; 20])))
}

impl State {
    fn application_with(&self, org: &OrgId, uid: Option<&str>) -> Option<AppId> {
        let mut all = self.applications.values();
        all.find(|app| uid.is_some() && app.org == *org && app.uid.as_deref() == uid).map(|app| app.id)
    }

    fn endpoint_with(&self, app: AppId, uid: Option<&str>) -> Option<EndpointId> {
        let mut all = self.endpoints.values();
        all.find(|found| uid.is_some() && found.app == app && found.uid.as_deref() == uid).map(|found| found.id)
    }
}

/// Of rows in ascending order of their keys.
pub(super) fn select<T>(rows: impl DoubleEndedIterator<Item = (String, T)>, scan: &Scan) -> Vec<T> {
    let beyond =
        |key: &str| scan.after.as_deref().is_none_or(|after| if scan.ascending { key > after } else { key < after });
    let rows = rows.filter(|(key, _)| beyond(key)).map(|(_, row)| row);
    if scan.ascending { rows.take(scan.limit).collect() } else { rows.rev().take(scan.limit).collect() }
}
