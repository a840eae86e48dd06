//! Event types.

use postrider_core::{
    entity::{EventType, EventTypeName, Validation},
    ids::OrgId,
    ports::{Saved, Scan, Unavailable},
    time::Time,
};
use serde::Deserialize;

use super::{
    ConfigTable,
    rows::{Over, document, only, row, save},
};
use crate::dynamo::{BadItem, Item, Place, Range, batch_get, readable};

const PREFIX: &str = "type#";

/// An event type without its schemas, which are not even read: a page of them may be larger than the function's memory.
#[derive(Deserialize)]
struct Outline {
    name: String,
    description: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    validation: Option<Validation>,
    #[serde(default)]
    feature_flag: Option<String>,
    created_at: Time,
    updated_at: Time,
    rev: u64,
}

fn outline(item: &Item) -> Result<EventType, BadItem> {
    let outline: Outline = document(item)?;
    Ok(EventType {
        name: outline.name,
        description: outline.description,
        archived: outline.archived,
        deprecated: outline.deprecated,
        schemas: None,
        validation: outline.validation,
        feature_flag: outline.feature_flag,
        created_at: outline.created_at,
        updated_at: outline.updated_at,
        rev: outline.rev,
    })
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
