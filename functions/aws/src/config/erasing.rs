//! Deleted applications, as they are removed.

use postrider_core::{
    entity::Application,
    ids::{AppId, EndpointId},
    ports::{Remains, Saved, Scan, Sources as _, Unavailable},
};

use super::{APPLICATION, ConfigTable, document, endpoints::GRAVE, is_gone};
use crate::{
    cause::Cause,
    dynamo::{BadItem, Fields as _, Item, Range, batch_delete, batch_put, keyed},
};

impl ConfigTable {
    pub(crate) async fn remains(&self, app: AppId) -> Result<Remains, Unavailable> {
        Ok(match self.table.get(app, APPLICATION).await? {
            Some(item) if is_gone(&item) => Remains::Deleted,
            Some(_) => Remains::Alive,
            None => Remains::Nothing,
        })
    }

    /// Puts bare ids in place of some endpoints, and removes some of their uids; whether there are no others, and no
    /// sources.
    pub(crate) async fn strip(&self, app: AppId, some: usize) -> Result<bool, Unavailable> {
        let (keys, complete) = self.table.keys(&Range::prefixed(app, "ep_", true), some).await?;
        let ids = keys.iter().filter_map(|key| key.maybe_text("sk"));
        let graves = ids.map(|id| keyed(app, format_args!("{GRAVE}{id}"))).collect();
        // Before the endpoints go: without their ids their records would not be found.
        let failed = batch_put(&self.table, graves).await;
        if !failed.is_empty() {
            return Err(Unavailable::new("stripping endpoints", Cause(format!("{} were not", failed.len()))));
        }
        let (uids, no_more) = self.table.keys(&Range::prefixed(app, "uid#", true), some).await?;
        batch_delete(&self.table, keys.into_iter().chain(uids).collect()).await?;
        Ok(complete && no_more && self.disconnect(app, some).await?)
    }

    /// Deletes the sources that publish to a deleted application, with their secrets and uids; whether all were as they
    /// had been read.
    async fn disconnect(&self, app: AppId, some: usize) -> Result<bool, Unavailable> {
        let Some(mark) = self.table.get(app, APPLICATION).await? else { return Ok(true) };
        let org =
            document::<Application>(&mark).map_err(|error| Unavailable::new("reading an application", error))?.org;
        let mut scan = Scan { after: None, ascending: true, limit: some };
        let mut is_done = true;
        loop {
            let sources = self.sources(&org, &scan).await?;
            for source in sources.iter().filter(|source| source.app == app) {
                is_done &= self.delete_source(source).await? == Saved::Done;
            }
            if sources.len() < some {
                return Ok(is_done);
            }
            scan.after = sources.last().map(|source| source.id.to_string());
        }
    }

    pub(crate) async fn stripped(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<EndpointId>, Unavailable> {
        let after = after.map(|id| format!("{GRAVE}{id}"));
        self.table.list(&Range::prefixed(app, GRAVE, true).after(after), limit, endpoint_of).await
    }

    /// Removes some of the rows that are left, the application's own last; whether that is done.
    pub(crate) async fn forget(&self, app: AppId, some: usize) -> Result<bool, Unavailable> {
        let (mut keys, complete) = self.table.keys(&Range::whole(app), some).await?;
        keys.retain(|key| key.maybe_text("sk") != Some(APPLICATION));
        batch_delete(&self.table, keys).await?;
        if complete {
            batch_delete(&self.table, vec![keyed(app, APPLICATION)]).await?;
        }
        Ok(complete)
    }
}

fn endpoint_of(item: &Item) -> Result<EndpointId, BadItem> {
    let id = item.text("sk")?.strip_prefix(GRAVE).and_then(|id| id.parse().ok());
    id.ok_or(BadItem::Attribute("sk"))
}
