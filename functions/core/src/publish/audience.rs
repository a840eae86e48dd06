//! From what a path says to an application with those who listen to it; it is created where a message brings it along.

use super::Publisher;
use crate::{
    ids::{AppId, OrgId},
    manage::ApplicationIn,
    ports::{Ambient, Audience, Saved, Subscribers, Unavailable},
    problem::Problem,
    rules::is_name,
};

/// Cached uids; the cache is emptied when it is full.
const CACHED_UIDS: usize = 10_000;

impl<D: Subscribers, L, Q, A: Ambient> Publisher<D, L, Q, A> {
    /// The audience of an application, given by id or uid; if there is none, it is created as `wanted` says.
    pub(super) async fn audience(
        &self,
        org: &OrgId,
        app: &str,
        wanted: Option<&ApplicationIn>,
    ) -> Result<Audience, Problem> {
        if let Some(found) = self.find(org, app).await? {
            return Ok(found);
        }
        let wanted = wanted.ok_or_else(|| Problem::not_found("Application"))?;
        let application = wanted.missing(org, self.ambient.ksuid(), app)?;
        if self.directory.create_application(&application).await? == Saved::Done {
            tracing::info!(action = "application.created", %org, app = %application.id, "Changed");
            return Ok(Audience { application, endpoints: Vec::new(), complete: true });
        }
        // Somebody else was faster.
        let found = self.find(org, app).await?;
        found.ok_or_else(|| Unavailable::new("creating an application", "others change it at the same time").into())
    }

    async fn find(&self, org: &OrgId, app: &str) -> Result<Option<Audience>, Problem> {
        if let Ok(id) = app.parse() {
            let found = self.directory.subscribers(id).await?;
            return Ok(found.filter(|found| found.application.org == *org));
        }
        if !is_name(app) {
            return Ok(None);
        }
        let key = (org.clone(), app.to_owned());
        if let Some(id) = self.cached(&key)
            && let Some(found) = self.of_uid(id, &key).await?
        {
            return Ok(Some(found));
        }
        let Some(id) = self.directory.application_id(org, app).await? else { return Ok(None) };
        let found = self.of_uid(id, &key).await?;
        if found.is_some() {
            self.cache(key, id);
        }
        Ok(found)
    }

    async fn of_uid(&self, id: AppId, (org, uid): &(OrgId, String)) -> Result<Option<Audience>, Problem> {
        let found = self.directory.subscribers(id).await?;
        Ok(found
            .filter(|Audience { application, .. }| application.org == *org && application.uid.as_ref() == Some(uid)))
    }

    fn cached(&self, key: &(OrgId, String)) -> Option<AppId> {
        self.uids.lock().ok()?.get(key).copied()
    }

    fn cache(&self, key: (OrgId, String), id: AppId) {
        if let Ok(mut uids) = self.uids.lock() {
            if uids.len() >= CACHED_UIDS {
                uids.clear();
            }
            uids.insert(key, id);
        }
    }
}
