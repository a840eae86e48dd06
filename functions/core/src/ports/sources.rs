//! Sources: those who manage them, and those who receive with them.

use std::future::Future;

use super::{Saved, Scan, Unavailable};
use crate::{
    ids::{OrgId, SourceId},
    source::Source,
};

/// The sources of all organizations. All reads are strongly consistent.
pub trait Sources: Send + Sync {
    /// A source of any organization.
    fn source(&self, id: SourceId) -> impl Future<Output = Result<Option<Source>, Unavailable>> + Send;
    /// The id behind a source's uid.
    fn source_id(&self, org: &OrgId, uid: &str) -> impl Future<Output = Result<Option<SourceId>, Unavailable>> + Send;
    /// An organization's sources by id.
    fn sources(&self, org: &OrgId, scan: &Scan) -> impl Future<Output = Result<Vec<Source>, Unavailable>> + Send;
    /// As [`super::Directory::save_application`].
    fn save_source(
        &self,
        new: &Source,
        old: Option<&Source>,
    ) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
    /// Deletes exactly `old`, with its secrets; its uid is free again.
    fn delete_source(&self, old: &Source) -> impl Future<Output = Result<Saved, Unavailable>> + Send;
}
