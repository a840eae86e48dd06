//! Sources.

use postrider_core::{
    ids::{OrgId, SourceId},
    ports::{Saved, Scan, Sources, Unavailable},
    source::Source,
};

use super::{
    ConfigTable,
    rows::{Over, Owner, at_rev, id_of_uid, listed, only, row, save},
};
use crate::dynamo::{Role, Write, keyed, transact};

/// The sort key of a source's row.
const SOURCE: &str = "source";

/// The partition with an organization's list of sources, and their uids: apart from those of its applications.
fn list(org: &OrgId) -> String {
    format!("{org}#sources")
}

fn owner(source: &Source) -> Owner {
    Owner { pk: list(&source.org), id: source.id.to_string() }
}

impl Sources for ConfigTable {
    async fn source(&self, id: SourceId) -> Result<Option<Source>, Unavailable> {
        only(self.table.get(id, SOURCE).await?)
    }

    async fn source_id(&self, org: &OrgId, uid: &str) -> Result<Option<SourceId>, Unavailable> {
        id_of_uid(&self.table, list(org), uid).await
    }

    async fn sources(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Source>, Unavailable> {
        listed(&self.table, (list(org), "src_", SOURCE), scan, |source: &Source| source.id).await
    }

    async fn save_source(&self, new: &Source, old: Option<&Source>) -> Result<Saved, Unavailable> {
        let row = row(new.id, SOURCE, new, new.rev)?;
        let mut others = owner(new).change(old.and_then(|old| old.uid.as_deref()), new.uid.as_deref());
        if old.is_none() {
            others.push(Write::Put(Role::Other, keyed(list(&new.org), new.id), None));
        }
        save(&self.table, row, old.map_or(Over::NewId, |old| Over::Rev(old.rev)), others).await
    }

    async fn delete_source(&self, old: &Source) -> Result<Saved, Unavailable> {
        let mut writes = vec![
            Write::Delete(Role::Main, keyed(old.id, SOURCE), Some(at_rev(old.rev))),
            Write::Delete(Role::Other, keyed(list(&old.org), old.id), None),
        ];
        writes.extend(old.uid.as_deref().map(|uid| owner(old).give_back(uid)));
        let outcome = transact(&self.table, writes).await?;
        Ok(if outcome.is_ok() { Saved::Done } else { Saved::Stale })
    }
}
