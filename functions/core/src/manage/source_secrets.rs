//! Secrets of sources: sealed, replaced, never shown.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Manager, TRIES, busy,
    secrets::{DEFAULT_GRACE_SECS, LONGEST_GRACE_SECS, check_grace, replace},
    source_in::{Checked, check_secret},
};
use crate::{
    entity::Secrets,
    find,
    ids::SourceId,
    keyring::Sealed,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys, Sources, Unavailable},
    problem::Problem,
    receive::SECRET_LIMIT,
    rules::Check,
    source::Source,
    token::Caller,
};

/// How to replace a source's secret.
// Not `Debug`: it holds a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourceSecretRotateIn")]
pub struct SourceRotation {
    /// The new secret. `key` is another name of it.
    #[serde(alias = "key")]
    #[schemars(length(min = 1, max = SECRET_LIMIT), example = &"It_is_another_secret")]
    secret: String,
    /// Seconds for which what the secret before has signed is accepted too; a day unless given.
    #[serde(default)]
    #[schemars(range(max = LONGEST_GRACE_SECS), example = DEFAULT_GRACE_SECS)]
    grace_period_seconds: Option<u32>,
}

impl<D: Directory + Sources, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Replaces the secret; what the one before has signed is accepted as well for the grace period. So the new secret can
    /// be known here before the sender uses it. The same secret again changes nothing.
    pub async fn rotate_source(&self, caller: &Caller, segment: &str, wanted: &SourceRotation) -> Result<(), Problem> {
        caller.must_be_organization()?;
        for _ in 0..TRIES {
            let old = find::source(self.directory, caller, segment).await?;
            let grace = wanted.check(&old)?;
            if self.text_of(&old.secrets.current, old.id).await?.as_deref() == Some(wanted.secret.as_str()) {
                return Ok(());
            }
            let (mut new, now) = (old.clone(), self.ambient.now());
            new.secrets.old.retain(|old| old.expires_at > now);
            replace(&mut new.secrets, self.seal_text(&wanted.secret, old.id).await?, now, grace)?;
            if self.replace_source(caller, &mut new, &old).await? {
                changed!("source.secret.rotated", caller, source = %old.id);
                return Ok(());
            }
        }
        Err(busy())
    }

    /// The secrets that a source has after a PUT: the one that was given, in place of all; or those that stand, if they can
    /// be secrets of what the source is now.
    pub(super) async fn secrets_of(&self, body: &Checked, old: &Source) -> Result<Secrets, Problem> {
        if let Some(secret) = &body.secret {
            return Ok(Secrets { current: self.seal_text(secret, old.id).await?, old: Vec::new() });
        }
        let stays = body.preset.kind() == old.preset.kind()
            && match self.text_of(&old.secrets.current, old.id).await? {
                Some(secret) => body.preset.check_secret(&secret).is_ok(),
                None => true,
            };
        if stays {
            return Ok(old.secrets.clone());
        }
        let why = "must be given again: the one that stands was given for something else";
        Err(Problem::invalid(&["body", "config", "secret"], why))
    }

    pub(super) async fn seal_text(&self, secret: &str, source: SourceId) -> Result<Sealed, Problem> {
        let sealed = self.keys.keyring(None).await?.seal_text(secret, source, self.ambient.random());
        sealed.map_err(|error| Unavailable::new("sealing a source's secret", error).into())
    }

    /// The secret, if it still opens: the root key that sealed it may be gone.
    async fn text_of(&self, sealed: &Sealed, source: SourceId) -> Result<Option<String>, Problem> {
        let opened = self.keys.opened(|ring| ring.open_text(sealed, source)).await?;
        Ok(opened.inspect_err(|error| tracing::warn!(%source, %error, "a secret does not open any more")).ok())
    }
}

impl SourceRotation {
    fn check(&self, source: &Source) -> Result<Duration, Problem> {
        let mut check = Check::default();
        check_secret(&mut check, &["body", "secret"], &source.preset, &self.secret);
        let grace = self.grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECS);
        check_grace(&mut check, grace);
        check.finish()?;
        Ok(Duration::from_secs(grace.into()))
    }
}
