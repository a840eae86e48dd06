//! Signing secrets of endpoints: showing the current one, and replacing it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Manager, TRIES, busy, endpoint_in};
use crate::{
    entity::{Endpoint, OldSecret, Secrets},
    find,
    given::object,
    ids::EndpointId,
    keyring::Sealed,
    operational::Subject,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys},
    problem::Problem,
    rules::Check,
    secret::{KeyType, SigningSecret},
    shapes,
    time::Time,
    token::Caller,
};

/// Old keys that still count.
const MOST_OLD: usize = 10;
pub(super) const LONGEST_GRACE_SECS: u32 = 604_800;
pub(super) const DEFAULT_GRACE_SECS: u32 = 86_400;

/// How to replace a signing secret.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EndpointSecretRotateIn")]
pub struct Rotation {
    /// The new secret, if you bring one; otherwise one is generated.
    #[serde(default)]
    #[schemars(with = "Option<shapes::Secret>")]
    key: Option<String>,
    /// Seconds for which the secret before goes on signing too; a day unless given.
    #[serde(default)]
    #[schemars(range(max = LONGEST_GRACE_SECS), example = DEFAULT_GRACE_SECS)]
    grace_period_seconds: Option<u32>,
    #[serde(default, deserialize_with = "object")]
    delivery: Option<Generated>,
}

/// What kind of secret is generated, if none is brought.
// Beside the contract, like `delivery` on an endpoint.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EndpointSecretDeliveryIn")]
struct Generated {
    /// The kind; that of the secret before unless given.
    #[serde(default)]
    key_type: Option<KeyType>,
}

/// A rotation that satisfies the rules.
struct Wanted {
    key: Option<SigningSecret>,
    kind: Option<KeyType>,
    grace: Duration,
}

/// What verifies the signatures: the current symmetric key, or the public half of the current pair.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointSecretOut")]
pub struct SecretOut {
    /// `whsec_` and the shared secret, or `whpk_` and the public key, in base64.
    #[schemars(regex(pattern = r"^wh(sec|pk)_[A-Za-z0-9+/]+={0,2}$"), example = &"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    key: String,
}

impl Rotation {
    fn check(&self) -> Result<Wanted, Problem> {
        let mut check = Check::default();
        let key = self.key.as_deref().and_then(|text| endpoint_in::secret(&mut check, "key", text));
        let grace = self.grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECS);
        check_grace(&mut check, grace);
        let kind = self.delivery.as_ref().and_then(|delivery| delivery.key_type);
        if key.as_ref().is_some_and(|key| kind.is_some_and(|kind| kind != key.key_type())) {
            check.fail(&["body", "delivery", "keyType"], "is not the kind of the key that was given");
        }
        check.finish()?;
        Ok(Wanted { key, kind, grace: Duration::from_secs(u64::from(grace)) })
    }
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// The secret that signs first, as far as a receiver needs it: of a pair, never the private half.
    pub async fn secret(&self, caller: &Caller, app: &str, segment: &str) -> Result<SecretOut, Problem> {
        let endpoint = self.find_endpoint(caller, app, segment).await?;
        let secret = self.open(&endpoint.secrets.current, endpoint.id).await?;
        changed!("endpoint.secret.revealed", caller, app = %endpoint.app, endpoint = %endpoint.id);
        Ok(SecretOut { key: secret.reveal() })
    }

    /// Replaces the secret; the one before goes on signing as well for the grace period.
    ///
    /// To repeat it is harmless: the same key again changes nothing, and a generated key that the caller never saw
    /// only signs in addition until its grace ends.
    pub async fn rotate(&self, caller: &Caller, app: &str, segment: &str, wanted: &Rotation) -> Result<(), Problem> {
        let application = find::application(self.directory, caller, app).await?;
        let app = application.id;
        let wanted = wanted.check()?;
        let endpoint = find::endpoint(self.directory, app, segment).await?;
        let key = self.new_key(&wanted, &endpoint).await?;
        let sealed = self.seal(&key, endpoint.id).await?;
        let mut read = Some(endpoint);
        for _ in 0..TRIES {
            let old = match read.take() {
                Some(endpoint) => endpoint,
                None => find::endpoint(self.directory, app, segment).await?,
            };
            if self.is(&old.secrets.current, &key, old.id).await? {
                return Ok(());
            }
            let mut new = old.clone();
            let now = self.ambient.now();
            new.secrets.old.retain(|old| old.expires_at > now);
            self.forget(&mut new, &key).await?;
            replace(&mut new.secrets, sealed.clone(), now, wanted.grace)?;
            if self.replace_endpoint(caller, &mut new, &old).await? {
                changed!("endpoint.secret.rotated", caller, app = %app, endpoint = %old.id);
                self.tell(Subject::from(&application).endpoint_updated(&new)).await;
                return Ok(());
            }
        }
        Err(busy())
    }

    /// The key that was brought, or a generated one; without another wish, of the kind that the endpoint has.
    async fn new_key(&self, wanted: &Wanted, endpoint: &Endpoint) -> Result<SigningSecret, Problem> {
        if let Some(key) = &wanted.key {
            return Ok(key.clone());
        }
        let kind = match wanted.kind {
            Some(kind) => kind,
            // One that does not open any more is replaced by the usual kind.
            None => self
                .opened(&endpoint.secrets.current, endpoint.id)
                .await?
                .map_or(KeyType::HmacSha256, |key| key.key_type()),
        };
        Ok(self.generate(kind))
    }

    pub(super) fn generate(&self, kind: KeyType) -> SigningSecret {
        match kind {
            KeyType::HmacSha256 => SigningSecret::generate(self.ambient.random()),
            KeyType::Ed25519 => SigningSecret::generate_asymmetric(self.ambient.random()),
        }
    }

    async fn is(&self, sealed: &Sealed, key: &SigningSecret, endpoint: EndpointId) -> Result<bool, Problem> {
        Ok(self.opened(sealed, endpoint).await?.is_some_and(|opened| opened == *key))
    }

    /// A key that becomes current again signs once, not twice.
    async fn forget(&self, endpoint: &mut Endpoint, key: &SigningSecret) -> Result<(), Problem> {
        let mut kept = Vec::with_capacity(endpoint.secrets.old.len());
        for old in std::mem::take(&mut endpoint.secrets.old) {
            if !self.is(&old.key, key, endpoint.id).await? {
                kept.push(old);
            }
        }
        endpoint.secrets.old = kept;
        Ok(())
    }
}

/// The old key may go on for at most a week.
pub(super) fn check_grace(check: &mut Check, seconds: u32) {
    if seconds > LONGEST_GRACE_SECS {
        check.fail(&["body", "gracePeriodSeconds"], format!("must be 0 to {LONGEST_GRACE_SECS}"));
    }
}

/// Puts a key in place of the current one, which counts among the old ones until its grace ends.
pub(super) fn replace(secrets: &mut Secrets, key: Sealed, now: Time, grace: Duration) -> Result<(), Problem> {
    let before = std::mem::replace(&mut secrets.current, key);
    let old = &mut secrets.old;
    if grace.is_zero() {
        return Ok(());
    }
    if old.len() >= MOST_OLD {
        let next = old.first().map_or(now, |old| old.expires_at);
        let detail =
            format!("At most {MOST_OLD} old keys can be in their grace period; the next one expires at {next}");
        return Err(Problem::refused(400, "limit_reached", detail));
    }
    old.push(OldSecret { key: before, expires_at: now.plus(grace) });
    old.sort_by_key(|old| old.expires_at);
    Ok(())
}
