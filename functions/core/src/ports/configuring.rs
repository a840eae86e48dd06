//! Applications, endpoints and event types: those who manage them, and those who read them.

use std::future::Future;

use super::Unavailable;
use crate::{
    entity::{Application, Endpoint, EventType, EventTypeName, Settings},
    ids::{AppId, EndpointId, OrgId},
};

/// A part of a list, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Starts after this key (exclusive), which need not exist; at the beginning of its direction if unset.
    pub after: Option<String>,
    /// Direction.
    pub ascending: bool,
    /// At most so many.
    pub limit: usize,
}

/// What came of a write that states what it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is written.
    Done,
    /// The uid belongs to another.
    UidTaken,
    /// Somebody else wrote first: read again.
    Stale,
}

/// Applications, endpoints and event types. All reads are strongly consistent; deleted things are not seen.
pub trait Directory: Send + Sync {
    /// An application of any organization.
    fn application(&self, id: AppId) -> impl Future<Output = Result<Option<Application>, Unavailable>> + Send;
    /// The id behind an application's uid.
    fn application_id(&self, org: &OrgId, uid: &str)
    -> impl Future<Output = Result<Option<AppId>, Unavailable>> + Send;
    /// An organization's applications by id.
    fn applications(
        &self,
        org: &OrgId,
        scan: &Scan,
    ) -> impl Future<Output = Result<Vec<Application>, Unavailable>> + Send;
    /// Creates (`old` unset), or replaces exactly `old`. Creating what stands already with the same id and `rev` is `Done`:
    /// a repeated call after a lost answer.
    fn save_application(
        &self,
        new: &Application,
        old: Option<&Application>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Deletes exactly `old`; its uid is free again.
    fn delete_application(&self, old: &Application) -> impl Future<Output = Result<Saved, Unavailable>> + Send;

    /// An endpoint.
    fn endpoint(
        &self,
        app: AppId,
        id: EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, Unavailable>> + Send;
    /// The id behind an endpoint's uid.
    fn endpoint_id(
        &self,
        app: AppId,
        uid: &str,
    ) -> impl Future<Output = Result<Option<EndpointId>, Unavailable>> + Send;
    /// An application's endpoints by id.
    fn endpoints(&self, app: AppId, scan: &Scan) -> impl Future<Output = Result<Vec<Endpoint>, Unavailable>> + Send;
    /// Those of the ids that exist, or existed: deleted ones without their secrets and headers.
    fn endpoints_even_deleted(
        &self,
        app: AppId,
        ids: &[EndpointId],
    ) -> impl Future<Output = Result<Vec<Endpoint>, Unavailable>> + Send;
    /// As [`Directory::save_application`].
    fn save_endpoint(
        &self,
        new: &Endpoint,
        old: Option<&Endpoint>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Deletes exactly `old`; its uid is free again.
    fn delete_endpoint(&self, old: &Endpoint) -> impl Future<Output = Result<Saved, Unavailable>> + Send;

    /// An event type.
    fn event_type(
        &self,
        org: &OrgId,
        name: &str,
    ) -> impl Future<Output = Result<Option<EventType>, Unavailable>> + Send;
    /// An organization's event types by name; their schemas only if asked for: they may be large.
    fn event_types(
        &self,
        org: &OrgId,
        scan: &Scan,
        schemas: bool,
    ) -> impl Future<Output = Result<Vec<EventType>, Unavailable>> + Send;
    /// Those of the names that exist.
    fn event_types_named(
        &self,
        org: &OrgId,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<EventTypeName>, Unavailable>> + Send;
    /// Creates (`old` unset), or replaces exactly `old`.
    fn save_event_type(
        &self,
        org: &OrgId,
        new: &EventType,
        old: Option<&EventType>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Removes the row itself.
    fn expunge_event_type(&self, org: &OrgId, name: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// What an organization has settled; nothing if it never has.
    fn settings(&self, org: &OrgId) -> impl Future<Output = Result<Option<Settings>, Unavailable>> + Send;
    /// Creates (`old` unset), or replaces exactly `old`.
    fn save_settings(
        &self,
        org: &OrgId,
        new: &Settings,
        old: Option<&Settings>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
}

/// An application with those who listen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The application.
    pub application: Application,
    /// Its endpoints by id, or the first of them.
    pub endpoints: Vec<Endpoint>,
    /// Whether these are all.
    pub complete: bool,
}

/// The part of the directory that publishing needs. All reads are strongly consistent; deleted things are not seen.
pub trait Subscribers: Send + Sync {
    /// An application with as many of its endpoints as one query gives.
    fn subscribers(&self, app: AppId) -> impl Future<Output = Result<Option<Audience>, Unavailable>> + Send;
    /// Creates an application, as [`Directory::save_application`] does.
    fn create_application(&self, new: &Application) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Endpoints of an application in the order of their ids, after one that need not exist; fewer than the limit means
    /// that there are no more. Nothing if there is no such application.
    fn endpoints_after(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Vec<Endpoint>>, Unavailable>> + Send;
    /// The id behind an application's uid.
    fn application_id(&self, org: &OrgId, uid: &str)
    -> impl Future<Output = Result<Option<AppId>, Unavailable>> + Send;
    /// What an organization demands of what is published; nothing if it never has settled anything.
    fn demands(&self, org: &OrgId) -> impl Future<Output = Result<Option<Settings>, Unavailable>> + Send;
    /// One of its event types.
    fn definition(
        &self,
        org: &OrgId,
        name: &str,
    ) -> impl Future<Output = Result<Option<EventType>, Unavailable>> + Send;
}
