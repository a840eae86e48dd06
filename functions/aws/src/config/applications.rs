//! Applications.

use postrider_core::{
    entity::{Application, Endpoint},
    ids::{AppId, EndpointId, OrgId},
    ports::{Audience, Saved, Scan, Unavailable},
};

use super::{
    ConfigTable,
    rows::{Over, Owner, at_rev, document, is_gone, listed, only, row, save},
};
use crate::dynamo::{BadItem, Cancelled, Fields as _, Item, Range, Role, Write, keyed, number, transact};

/// The sort key of an application's row.
pub(crate) const APPLICATION: &str = "app";

/// A row of an application's partition, as publishing reads them.
enum Row {
    Application(Box<Application>),
    Endpoint(Box<Endpoint>),
    Gone,
    /// The application itself cannot be read: that is not the same as having none.
    Damaged(BadItem),
}

fn row_of(item: &Item) -> Result<Row, BadItem> {
    if is_gone(item) {
        return Ok(Row::Gone);
    }
    match item.text("sk")? {
        APPLICATION => Ok(document(item).map_or_else(Row::Damaged, Row::Application)),
        _ => document(item).map(Row::Endpoint),
    }
}

fn owner(app: &Application) -> Owner {
    Owner { pk: app.org.to_string(), id: app.id.to_string() }
}

impl ConfigTable {
    pub(crate) async fn get_application(&self, id: AppId) -> Result<Option<Application>, Unavailable> {
        only(self.table.get(id, APPLICATION).await?)
    }

    /// By one query, which gives a megabyte: an application with more endpoints is not read whole for each message.
    pub(super) async fn audience(&self, app: AppId) -> Result<Option<Audience>, Unavailable> {
        let mut range = Range::prefixed(app, "ep_", true);
        APPLICATION.clone_into(&mut range.low);
        let (mut application, mut endpoints) = (None, Vec::new());
        let (rows, complete) = self.table.first(&range, row_of).await?;
        for row in rows {
            match row {
                Row::Application(found) => application = Some(*found),
                Row::Endpoint(found) => endpoints.push(*found),
                Row::Gone => {}
                Row::Damaged(error) => return Err(Unavailable::new("reading an application", error)),
            }
        }
        Ok(application.map(|application| Audience { application, endpoints, complete }))
    }

    pub(super) async fn get_endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        let range = Range::prefixed(app, "ep_", true).after(after.map(|id| id.to_string()));
        let (application, endpoints) =
            futures::try_join!(self.get_application(app), self.table.list(&range, limit, document))?;
        Ok(application.map(|_| endpoints))
    }

    pub(super) async fn list_applications(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Application>, Unavailable> {
        let rows = (org, "app_", APPLICATION);
        listed(&self.table, rows, scan, |application: &Application| application.id).await
    }

    pub(super) async fn put_application(
        &self,
        new: &Application,
        old: Option<&Application>,
    ) -> Result<Saved, Unavailable> {
        let row = row(new.id, APPLICATION, new, new.rev)?;
        let old_uid = old.and_then(|old| old.uid.as_deref());
        let mut others = owner(new).change(old_uid, new.uid.as_deref());
        if old.is_none() {
            others.push(Write::Put(Role::Other, keyed(&new.org, new.id), None));
        }
        save(&self.table, row, old.map_or(Over::NewId, |old| Over::Rev(old.rev)), others).await
    }

    pub(super) async fn bury_application(&self, old: &Application) -> Result<Saved, Unavailable> {
        let mut gone = row(old.id, APPLICATION, old, old.rev + 1)?;
        gone.insert("gone".to_owned(), aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        let mut writes = vec![
            Write::Put(Role::Main, gone, Some(at_rev(old.rev))),
            Write::Delete(Role::Other, keyed(&old.org, old.id), None),
        ];
        writes.extend(old.uid.as_deref().map(|uid| owner(old).give_back(uid)));
        Ok(match transact(&self.table, writes).await? {
            Ok(()) => Saved::Done,
            // Deleted from exactly this revision: by us, and the answer was lost.
            Err(Cancelled::Main(item)) if is_gone(&item) && item.get("rev") == Some(&number(old.rev + 1)) => {
                Saved::Done
            }
            Err(_) => Saved::Stale,
        })
    }
}
