//! The door: from a token to a caller.

use super::{
    Revoked,
    cache::Cache,
    oidc::{Head, Issuer},
};
use crate::{
    ids::OrgId,
    outbound::Fetcher,
    ports::{Keys, Revocations},
    problem::Problem,
    time::Time,
    token::{self, Caller, unauthenticated},
};

/// Checks tokens. Made once per process, for what it remembers.
#[derive(Debug)]
pub struct Door<F> {
    issuer: Option<Issuer<F>>,
    revoked: Cache,
}

impl<F: Fetcher> Door<F> {
    /// Lets tokens of ours in, and those of the issuer if there is one.
    pub fn new(issuer: Option<Issuer<F>>) -> Self {
        Self { issuer, revoked: Cache::default() }
    }

    /// Checks a token, and that it was not revoked.
    pub async fn admit<K: Keys, R: Revocations>(
        &self,
        keys: &K,
        revocations: &R,
        token: &str,
        now: Time,
    ) -> Result<Caller, Problem> {
        let caller = self.identify(keys, token, now).await?;
        self.is_let_in(revocations, &caller, now).await?;
        Ok(caller)
    }

    /// As [`Self::admit`] found, but by what is so now: for what outlives the token.
    pub(super) async fn admit_again<R: Revocations>(
        &self,
        revocations: &R,
        caller: &Caller,
        now: Time,
    ) -> Result<(), Problem> {
        for of in Revoked::of(caller) {
            self.forget(&caller.org, &of);
        }
        self.is_let_in(revocations, caller, now).await
    }

    async fn is_let_in<R: Revocations>(&self, revocations: &R, caller: &Caller, now: Time) -> Result<(), Problem> {
        if self.revoked.is_revoked(revocations, caller, now).await? {
            return Err(unauthenticated("The token has been revoked; get a new one"));
        }
        Ok(())
    }

    /// Whose token it is, revoked or not.
    pub(super) async fn identify<K: Keys>(&self, keys: &K, token: &str, now: Time) -> Result<Caller, Problem> {
        // A text that is no token at all is not worth a look at the keyring.
        let head = Head::of(token).ok_or_else(token::invalid)?;
        match (&self.issuer, head.alg.as_str()) {
            (_, "HS256") => {
                let key = head.kid.as_deref().ok_or_else(token::invalid)?;
                token::verify(&keys.keyring(Some(key)).await?, key, token, now)
            }
            (Some(issuer), _) => issuer.verify(&head, token, now).await,
            (None, _) => Err(token::invalid()),
        }
    }

    /// What was revoked here counts here at once.
    pub(super) fn forget(&self, org: &OrgId, of: &Revoked) {
        self.revoked.forget(org, of);
    }
}
