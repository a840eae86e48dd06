//! Access: who is let in, and tokens made and revoked.
//!
//! A caller shows a bearer token: one of ours ([`crate::token`]) or one of an issuer that the operator trusts ([`oidc`]).
//! The [`Door`] checks it, and whether it was revoked. What was revoked is remembered for [`REVOCATION_DELAY`], so that
//! checking costs next to nothing: so long a revoked token may still be let in by another process.
//!
//! A token that is made here never lets do more than the one that it was made with, and whether that one was revoked is
//! read again first: a revoked token leaves no successor. Those that it had made before stand, so that a token can be
//! replaced by one that it makes itself; the audit log has their ids.

mod cache;
mod door;
pub mod oidc;
mod portal;
mod revocation;
#[cfg(test)]
mod tests;
mod tokens;

use std::time::Duration;

pub use cache::REVOCATION_DELAY;
pub use door::Door;
pub use portal::{PortalAccess, PortalAccessIn};
pub use revocation::{Cut, Revocation, Revoked};
pub use tokens::{ExpireIn, RevokeIn, TokenIn, TokenOut};

use crate::{
    ids::Ksuid,
    ports::{Keys, Unavailable},
    problem::Problem,
    token::{self, Caller},
};

/// The use cases of tokens, over the ports.
#[derive(Debug)]
pub struct Access<'a, D, R, K, F> {
    /// Where applications are stored.
    pub directory: &'a D,
    /// What was revoked.
    pub revocations: &'a R,
    /// Sign tokens.
    pub keys: &'a K,
    /// Checks tokens, and remembers what was revoked.
    pub door: &'a Door<F>,
    /// Where customers find their portal.
    pub portal_url: &'a str,
}

/// Makes the token `id`.
async fn mint<K: Keys>(keys: &K, caller: &Caller, id: Ksuid, lifetime: Duration) -> Result<String, Problem> {
    let token = token::mint(&keys.keyring(None).await?, caller, id, lifetime);
    token.map_err(|error| Unavailable::new("signing a token", error).into())
}
