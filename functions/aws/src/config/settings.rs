//! What organizations have settled.

use postrider_core::{
    entity::Settings,
    ids::OrgId,
    ports::{Saved, Unavailable},
};

use super::{
    ConfigTable,
    rows::{Over, only, row, save},
};

const SETTINGS: &str = "settings";

impl ConfigTable {
    pub(super) async fn get_settings(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        only(self.table.get(org, SETTINGS).await?)
    }

    pub(super) async fn put_settings(
        &self,
        org: &OrgId,
        new: &Settings,
        old: Option<&Settings>,
    ) -> Result<Saved, Unavailable> {
        let row = row(org, SETTINGS, new, new.rev)?;
        save(&self.table, row, old.map_or(Over::NewName, |old| Over::Rev(old.rev)), Vec::new()).await
    }
}
