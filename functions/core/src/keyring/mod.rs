//! The root keys of a deployment: one secret in Secrets Manager, from which everything else is derived.
//!
//! Its text is JSON: `{"current": "k1", "k1": "<at least 32 random characters>"}`. To rotate, add `k2` and make it
//! current: new seals and tokens use it, and what `k1` made still opens until `k1` is removed.
//!
//! Sealing is AES-256-GCM with the id of the secret's owner (an endpoint, a source) and the kind of the secret as associated
//! data, so that a sealed secret that is copied to another owner, or taken for one of another kind, does not open. The
//! nonce is random: 96 bits are safe for far more seals than endpoints exist.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::{
    ids::{EndpointId, Id},
    secret::{KeyType, SigningSecret},
};

mod sealed;

use sealed::Kind;
pub use sealed::Sealed;

const NONCE_LEN: usize = 12;
const SHORTEST_ROOT: usize = 32;

/// The root keys, by name. Clones share them.
#[derive(Clone)]
pub struct Keyring {
    current: Arc<str>,
    roots: Arc<BTreeMap<String, Vec<u8>>>,
}

/// The keyring or something sealed with it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret's text is not a keyring.
    #[error(
        "the keyring secret must be JSON such as {{\"current\": \"k1\", \"k1\": \"<32 or more random characters>\"}}"
    )]
    Malformed,
    /// Sealed or signed with a root key that is not in the keyring (any more, or yet: it may have been cached).
    #[error("the keyring has no key named {0}")]
    UnknownKey(String),
    /// Wrong key, wrong owner, or altered.
    #[error("the sealed secret does not open")]
    Broken,
}

impl Keyring {
    /// Reads the text of the secret.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut all: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
        let current = all.remove("current").ok_or(KeyError::Malformed)?;
        let roots: BTreeMap<_, _> = all.into_iter().map(|(name, root)| (name, root.into_bytes())).collect();
        if !roots.contains_key(&current) || roots.values().any(|root| root.len() < SHORTEST_ROOT) {
            return Err(KeyError::Malformed);
        }
        Ok(Self { current: current.into(), roots: Arc::new(roots) })
    }

    /// The name of the key that new seals and tokens use.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Whether it has a key of that name.
    pub fn has(&self, name: &str) -> bool {
        self.roots.contains_key(name)
    }

    /// A key for one purpose, derived from a root key. One root key never serves two purposes directly.
    pub(crate) fn derive(&self, name: &str, purpose: &str) -> Result<[u8; 32], KeyError> {
        let root = self.roots.get(name).ok_or_else(|| KeyError::UnknownKey(name.to_owned()))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(root).map_err(|_| KeyError::Malformed)?;
        mac.update(purpose.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// Seals a signing secret for one endpoint.
    pub fn seal(
        &self,
        secret: &SigningSecret,
        endpoint: EndpointId,
        nonce: [u8; NONCE_LEN],
    ) -> Result<Sealed, KeyError> {
        let kind = match secret.key_type() {
            KeyType::HmacSha256 => Kind::Hmac,
            KeyType::Ed25519 => Kind::Ed25519,
        };
        self.close(kind, secret.bytes(), endpoint, nonce)
    }

    /// Opens a signing secret that was sealed for that endpoint.
    pub fn open(&self, sealed: &Sealed, endpoint: EndpointId) -> Result<SigningSecret, KeyError> {
        let key = self.reopen(sealed, endpoint)?;
        let opened = match sealed.kind {
            Kind::Hmac => SigningSecret::from_bytes(key).ok(),
            Kind::Ed25519 => key.try_into().ok().map(SigningSecret::generate_asymmetric),
            Kind::Text => None,
        };
        opened.ok_or(KeyError::Broken)
    }

    /// Seals a password, a token or a third party's secret, with which requests from or to its owner are authenticated.
    pub fn seal_text(&self, text: &str, owner: impl Id, nonce: [u8; NONCE_LEN]) -> Result<Sealed, KeyError> {
        self.close(Kind::Text, text.as_bytes(), owner, nonce)
    }

    /// Opens what was sealed as a text for that owner.
    pub fn open_text(&self, sealed: &Sealed, owner: impl Id) -> Result<String, KeyError> {
        if sealed.kind != Kind::Text {
            return Err(KeyError::Broken);
        }
        String::from_utf8(self.reopen(sealed, owner)?).map_err(|_| KeyError::Broken)
    }

    fn close(&self, kind: Kind, secret: &[u8], owner: impl Id, nonce: [u8; NONCE_LEN]) -> Result<Sealed, KeyError> {
        let aad = kind.bound_to(owner);
        let payload = Payload { msg: secret, aad: aad.as_bytes() };
        let sealed = self.cipher(&self.current)?.encrypt(&Nonce::from(nonce), payload);
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed.map_err(|_| KeyError::Broken)?);
        Ok(Sealed { key: self.current.to_string(), kind, bytes })
    }

    fn reopen(&self, sealed: &Sealed, owner: impl Id) -> Result<Vec<u8>, KeyError> {
        let (nonce, bytes) = sealed.bytes.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Broken)?;
        let aad = sealed.kind.bound_to(owner);
        let payload = Payload { msg: bytes, aad: aad.as_bytes() };
        self.cipher(&sealed.key)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| KeyError::Broken)
    }

    fn cipher(&self, name: &str) -> Result<Aes256Gcm, KeyError> {
        Ok(Aes256Gcm::new(&self.derive(name, "postrider/seal/1")?.into()))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(current {})", self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ksuid;

    const ONE: &str = r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#;
    const TWO: &str =
        r#"{"current":"k2","k1":"0123456789abcdef0123456789abcdef","k2":"fedcba9876543210fedcba9876543210"}"#;

    fn endpoint(n: u8) -> EndpointId {
        EndpointId::from_ksuid(Ksuid::from_bytes([n; 20]))
    }

    #[test]
    fn opens_for_its_endpoint_only_and_after_a_root_rotation() {
        let (before, after) = (Keyring::parse(ONE).expect("keyring"), Keyring::parse(TWO).expect("keyring"));
        let secret = SigningSecret::generate([3; 24]);
        let sealed = before.seal(&secret, endpoint(1), [5; 12]).expect("seals");
        assert_eq!(after.open(&sealed, endpoint(1)), Ok(secret.clone()));
        assert_eq!(after.open(&sealed, endpoint(2)), Err(KeyError::Broken));
        let newer = after.seal(&secret, endpoint(1), [5; 12]).expect("seals");
        assert_eq!(before.open(&newer, endpoint(1)), Err(KeyError::UnknownKey("k2".to_owned())));
    }

    #[test]
    fn survives_storage_and_notices_a_changed_bit() {
        let ring = Keyring::parse(ONE).expect("keyring");
        let secret = SigningSecret::generate([3; 24]);
        let sealed = ring.seal(&secret, endpoint(1), [5; 12]).expect("seals");
        let stored = serde_json::to_string(&sealed).expect("JSON");
        let mut read: Sealed = serde_json::from_str(&stored).expect("reads back");
        assert_eq!(ring.open(&read, endpoint(1)), Ok(secret));
        read.bytes[20] ^= 1;
        assert_eq!(ring.open(&read, endpoint(1)), Err(KeyError::Broken));
    }

    fn stored(sealed: &Sealed) -> String {
        serde_json::to_value(sealed).expect("JSON").as_str().expect("text").to_owned()
    }

    fn read(text: &str) -> Sealed {
        serde_json::from_value(text.into()).expect("a sealed secret")
    }

    #[test]
    fn what_was_stored_before_there_were_kinds_still_opens() {
        let before = "k1:BQUFBQUFBQUFBQUFr/VCnKtxgfQH24io0BC0x9WurET7Sl1ARMIb+SW3M8PZidWpLcBZTQ==";
        let secret = Keyring::parse(ONE).expect("keyring").open(&read(before), endpoint(1));
        assert_eq!(secret, Ok(SigningSecret::generate([3; 24])));
    }

    #[test]
    fn each_kind_opens_as_what_it_is_and_as_nothing_else() {
        let ring = Keyring::parse(ONE).expect("keyring");
        let asymmetric = SigningSecret::generate_asymmetric([3; 32]);
        let symmetric = SigningSecret::from_bytes(vec![3; 32]).expect("a key");
        let key = ring.seal(&asymmetric, endpoint(1), [5; 12]).expect("seals");
        let text = ring.seal_text("p:ss", endpoint(1), [5; 12]).expect("seals");
        let old = ring.seal(&symmetric, endpoint(1), [5; 12]).expect("seals");
        assert_eq!(ring.open(&read(&stored(&key)), endpoint(1)), Ok(asymmetric));
        assert_eq!(ring.open(&read(&stored(&old)), endpoint(1)), Ok(symmetric));
        assert_eq!(ring.open_text(&read(&stored(&text)), endpoint(1)), Ok("p:ss".to_owned()));
        assert_eq!(ring.open_text(&text, endpoint(2)), Err(KeyError::Broken));
        assert_eq!(ring.open_text(&key, endpoint(1)), Err(KeyError::Broken));
        assert_eq!(ring.open(&text, endpoint(1)), Err(KeyError::Broken));
        let relabeled = read(&stored(&key).replace("ed25519.", ""));
        assert_eq!(ring.open(&relabeled, endpoint(1)), Err(KeyError::Broken), "the label is sealed too");
        let relabeled = read(&stored(&old).replace("k1:", "k1:text."));
        assert_eq!(ring.open_text(&relabeled, endpoint(1)), Err(KeyError::Broken));
    }

    #[test]
    fn refuses_short_or_missing_root_keys() {
        for text in ["", "{}", r#"{"current":"k1"}"#, r#"{"current":"k1","k1":"short"}"#] {
            assert!(Keyring::parse(text).is_err(), "{text}");
        }
    }
}
