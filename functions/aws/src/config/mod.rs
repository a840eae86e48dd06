//! The config table: applications, endpoints, event types and sources.
//!
//! | item | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | application | `app_…` | `app` | `doc`, `rev`; `gone` once it is deleted |
//! | endpoint | `app_…` | `ep_…` | `doc`, `rev` |
//! | deleted endpoint | `app_…` | `gone#ep_…` | `doc` without secrets and headers, `rev`; neither in a deleted application |
//! | endpoint's uid | `app_…` | `uid#<uid>` | `id` |
//! | application in its organization | `org_…` | `app_…` | |
//! | application's uid | `org_…` | `uid#<uid>` | `id` |
//! | event type | `org_…` | `type#<name>` | `doc`, `rev` |
//! | what the organization has settled | `org_…` | `settings` | `doc`, `rev` |
//! | source | `src_…` | `source` | `doc`, `rev` |
//! | source in its organization | `org_…#sources` | `src_…` | |
//! | source's uid | `org_…#sources` | `uid#<uid>` | `id` |
//!
//! A partition's order (`app` < `ep_` < `gone#` < `uid#`) lets publishing read an application and its endpoints by one
//! query. Every write states the revision it replaces; what belongs together is written in one transaction.

mod applications;
mod endpoints;
mod erasing;
mod event_types;
mod rows;
mod settings;
mod sources;

use aws_sdk_dynamodb::Client;
use postrider_core::{
    entity::{Application, Endpoint, EventType, EventTypeName, Settings},
    ids::{AppId, EndpointId, OrgId},
    ports::{Audience, Directory, Saved, Scan, Subscribers, Unavailable},
};

pub(crate) use applications::APPLICATION;
pub(crate) use rows::{document, is_gone};

use crate::dynamo::Table;

/// The config table.
#[derive(Debug, Clone)]
pub struct ConfigTable {
    table: Table,
}

impl ConfigTable {
    pub(crate) fn new(client: Client, table: &str) -> Self {
        Self { table: Table::new(client, table) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.table.name
    }
}

impl Subscribers for ConfigTable {
    async fn subscribers(&self, app: AppId) -> Result<Option<Audience>, Unavailable> {
        self.audience(app).await
    }

    async fn create_application(&self, new: &Application) -> Result<Saved, Unavailable> {
        self.put_application(new, None).await
    }

    async fn endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        self.get_endpoints_after(app, after, limit).await
    }

    async fn application_id(&self, org: &OrgId, uid: &str) -> Result<Option<AppId>, Unavailable> {
        rows::id_of_uid(&self.table, org, uid).await
    }

    async fn demands(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        self.get_settings(org).await
    }

    async fn definition(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        self.get_event_type(org, name).await
    }
}

impl Directory for ConfigTable {
    async fn application(&self, id: AppId) -> Result<Option<Application>, Unavailable> {
        self.get_application(id).await
    }

    async fn application_id(&self, org: &OrgId, uid: &str) -> Result<Option<AppId>, Unavailable> {
        rows::id_of_uid(&self.table, org, uid).await
    }

    async fn applications(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Application>, Unavailable> {
        self.list_applications(org, scan).await
    }

    async fn save_application(&self, new: &Application, old: Option<&Application>) -> Result<Saved, Unavailable> {
        self.put_application(new, old).await
    }

    async fn delete_application(&self, old: &Application) -> Result<Saved, Unavailable> {
        self.bury_application(old).await
    }

    async fn endpoint(&self, app: AppId, id: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        self.get_endpoint(app, id).await
    }

    async fn endpoint_id(&self, app: AppId, uid: &str) -> Result<Option<EndpointId>, Unavailable> {
        rows::id_of_uid(&self.table, app, uid).await
    }

    async fn endpoints(&self, app: AppId, scan: &Scan) -> Result<Vec<Endpoint>, Unavailable> {
        self.list_endpoints(app, scan).await
    }

    async fn endpoints_even_deleted(&self, app: AppId, ids: &[EndpointId]) -> Result<Vec<Endpoint>, Unavailable> {
        self.get_endpoints_even_deleted(app, ids).await
    }

    async fn save_endpoint(&self, new: &Endpoint, old: Option<&Endpoint>) -> Result<Saved, Unavailable> {
        self.put_endpoint(new, old).await
    }

    async fn delete_endpoint(&self, old: &Endpoint) -> Result<Saved, Unavailable> {
        self.bury_endpoint(old).await
    }

    async fn event_type(&self, org: &OrgId, name: &str) -> Result<Option<EventType>, Unavailable> {
        self.get_event_type(org, name).await
    }

    async fn event_types(&self, org: &OrgId, scan: &Scan, schemas: bool) -> Result<Vec<EventType>, Unavailable> {
        self.list_event_types(org, scan, schemas).await
    }

    async fn event_types_named(&self, org: &OrgId, names: &[String]) -> Result<Vec<EventTypeName>, Unavailable> {
        self.get_event_types(org, names).await
    }

    async fn save_event_type(
        &self,
        org: &OrgId,
        new: &EventType,
        old: Option<&EventType>,
    ) -> Result<Saved, Unavailable> {
        self.put_event_type(org, new, old).await
    }

    async fn expunge_event_type(&self, org: &OrgId, name: &str) -> Result<(), Unavailable> {
        self.remove_event_type(org, name).await
    }

    async fn settings(&self, org: &OrgId) -> Result<Option<Settings>, Unavailable> {
        self.get_settings(org).await
    }

    async fn save_settings(&self, org: &OrgId, new: &Settings, old: Option<&Settings>) -> Result<Saved, Unavailable> {
        self.put_settings(org, new, old).await
    }
}
