//! Endpoints.

use std::collections::HashMap;

use postrider_core::{
    entity::{Endpoint, Secrets},
    ids::{AppId, EndpointId},
    keyring::Sealed,
    outbound::without_userinfo,
    ports::{Saved, Scan, Unavailable},
};

use super::{
    ConfigTable,
    rows::{Over, Owner, at_rev, document, only, row, save},
};
use crate::dynamo::{Fields as _, Place, Range, Role, Write, batch_get, keyed, readable, transact};

fn owner(endpoint: &Endpoint) -> Owner {
    Owner { pk: endpoint.app.to_string(), id: endpoint.id.to_string() }
}

/// What is remembered of a deleted endpoint.
fn remains(endpoint: &Endpoint) -> Endpoint {
    let secrets = Secrets { current: Sealed::none(), old: Vec::new() };
    let (headers, delivery) = (std::collections::BTreeMap::new(), postrider_core::manner::Manner::default());
    Endpoint { headers, secrets, delivery, url: without_userinfo(&endpoint.url), ..endpoint.clone() }
}

/// What a deleted endpoint's sort key begins with.
pub(super) const GRAVE: &str = "gone#";

fn grave(id: EndpointId) -> String {
    format!("{GRAVE}{id}")
}

impl ConfigTable {
    pub(crate) async fn get_endpoint(&self, app: AppId, id: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        only(self.table.get(app, id).await?)
    }

    pub(super) async fn list_endpoints(&self, app: AppId, scan: &Scan) -> Result<Vec<Endpoint>, Unavailable> {
        let range = Range::prefixed(app, "ep_", scan.ascending).after(scan.after.clone());
        self.table.list(&range, scan.limit, document).await
    }

    pub(super) async fn get_endpoints_even_deleted(
        &self,
        app: AppId,
        ids: &[EndpointId],
    ) -> Result<Vec<Endpoint>, Unavailable> {
        let place = |sk: String| -> Place<'_> { (&self.table.name, app.to_string(), sk) };
        let places = ids.iter().flat_map(|id| [place(id.to_string()), place(grave(*id))]).collect();
        let items = batch_get(&self.table.client, &places).await?;
        let mut found = HashMap::new();
        for item in items.values().flatten() {
            let is_grave = item.maybe_text("sk").is_some_and(|sk| sk.starts_with(GRAVE));
            let Some(endpoint) = readable(item, document::<Endpoint>) else { continue };
            if is_grave {
                found.entry(endpoint.id).or_insert(endpoint);
            } else {
                found.insert(endpoint.id, endpoint);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    pub(crate) async fn put_endpoint(&self, new: &Endpoint, old: Option<&Endpoint>) -> Result<Saved, Unavailable> {
        let row = row(new.app, new.id, new, new.rev)?;
        let old_uid = old.and_then(|old| old.uid.as_deref());
        let others = owner(new).change(old_uid, new.uid.as_deref());
        save(&self.table, row, old.map_or(Over::NewId, |old| Over::Rev(old.rev)), others).await
    }

    pub(super) async fn bury_endpoint(&self, old: &Endpoint) -> Result<Saved, Unavailable> {
        let remains = row(old.app, grave(old.id), &remains(old), old.rev + 1)?;
        let mut writes = vec![
            Write::Delete(Role::Main, keyed(old.app, old.id), Some(at_rev(old.rev))),
            Write::Put(Role::Other, remains, None),
        ];
        writes.extend(old.uid.as_deref().map(|uid| owner(old).give_back(uid)));
        let outcome = transact(&self.table, writes).await?;
        Ok(if outcome.is_ok() { Saved::Done } else { Saved::Stale })
    }
}
