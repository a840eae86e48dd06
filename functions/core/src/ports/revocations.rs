//! Tokens that count no more.

use std::future::Future;

use super::Unavailable;
use crate::{
    access::{Revocation, Revoked},
    ids::OrgId,
};

/// What was revoked in each organization. All reads are strongly consistent.
pub trait Revocations: Send + Sync {
    /// What was revoked of it, even if that has expired.
    fn revocation(
        &self,
        org: &OrgId,
        of: &Revoked,
    ) -> impl Future<Output = Result<Option<Revocation>, Unavailable>> + Send;
    /// Writes it in place of exactly `old`. `Ok(false)`: somebody else wrote first.
    fn save_revocation(
        &self,
        org: &OrgId,
        of: &Revoked,
        new: &Revocation,
        old: Option<&Revocation>,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}
