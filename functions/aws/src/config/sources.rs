//! Sources.

use std::collections::HashMap;

use postrider_core::{
    ids::{OrgId, SourceId},
    ports::{Saved, Scan, Sources, Unavailable},
    source::Source,
};

use super::{
    ConfigTable,
    rows::{Over, Owner, at_rev, document, id_of_uid, only, row, save},
};
use crate::dynamo::{Fields as _, Place, Range, Role, Write, batch_get, keyed, readable, transact};

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
        let (mut found, mut after) = (Vec::new(), scan.after.clone());
        // More than once only where a source was deleted between the two reads.
        while found.len() < scan.limit {
            let range = Range::prefixed(list(org), "src_", scan.ascending).after(after);
            let wanted = scan.limit - found.len();
            let ids = self.table.list(&range, wanted, |item| item.parsed::<SourceId>("sk")).await?;
            let mut standing = self.sources_by_id(&ids).await?;
            found.extend(ids.iter().filter_map(|id| standing.remove(id)));
            if ids.len() < wanted {
                break;
            }
            after = ids.last().map(ToString::to_string);
        }
        Ok(found)
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

impl ConfigTable {
    async fn sources_by_id(&self, ids: &[SourceId]) -> Result<HashMap<SourceId, Source>, Unavailable> {
        let place = |id: &SourceId| -> Place<'_> { (&self.table.name, id.to_string(), SOURCE.to_owned()) };
        let items = batch_get(&self.table.client, &ids.iter().map(place).collect()).await?;
        let found = items.values().flatten().filter_map(|item| readable(item, document::<Source>));
        Ok(found.map(|source| (source.id, source)).collect())
    }
}
