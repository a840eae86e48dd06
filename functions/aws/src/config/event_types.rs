//! Event types.

use postrider_core::{
    entity::{EventType, EventTypeName},
    ids::OrgId,
    ports::{Saved, Scan, Unavailable},
};

use super::{
    ConfigTable,
    rows::{Over, document, only, row, save},
};
use crate::dynamo::{BadItem, Item, Place, Range, batch_get, readable};

const PREFIX: &str = "type#";

/// Without its schemas: all of a page's may be larger than the function's memory.
fn outline(item: &Item) -> Result<EventType, BadItem> {
    Ok(EventType { schemas: None, ..document(item)? })
}

fn sort_key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

impl ConfigTable {
    pub(super) async fn get_event_type(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        only(self.table.get(org, sort_key(name)).await?)
    }

    pub(super) async fn list_event_types(
        &self,
        org: &OrgId,
        scan: &Scan,
        schemas: bool,
    ) -> Result<Vec<EventType>, Unavailable> {
        let after = scan.after.as_deref().map(sort_key);
        let range = Range::prefixed(org, PREFIX, scan.ascending).after(after);
        self.table.list(&range, scan.limit, if schemas { document } else { outline }).await
    }

    pub(super) async fn get_event_types(
        &self,
        org: &OrgId,
        names: &[String],
    ) -> Result<Vec<EventTypeName>, Unavailable> {
        let place = |name: &String| -> Place<'_> { (&self.table.name, org.to_string(), sort_key(name)) };
        let items = batch_get(&self.table.client, &names.iter().map(place).collect()).await?;
        Ok(items.values().flatten().filter_map(|item| readable(item, document)).collect())
    }

    pub(super) async fn put_event_type(
        &self,
        org: &OrgId,
        new: &EventType,
        old: Option<&EventType>,
    ) -> Result<Saved, Unavailable> {
        let row = row(org, sort_key(&new.name), new, new.rev)?;
        save(&self.table, row, old.map_or(Over::NewName, |old| Over::Rev(old.rev)), Vec::new()).await
    }

    pub(super) async fn remove_event_type(&self, org: &OrgId, name: &str) -> Result<(), Unavailable> {
        self.table.delete(org, sort_key(name)).await
    }
}
