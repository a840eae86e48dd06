//! The root keys of a deployment: one secret in Secrets Manager, from which everything else is derived.
//!
//! Its text is JSON: `{"current": "k1", "k1": "<at least 32 random characters>"}`. To rotate, add `k2` and make it
//! current: new seals and tokens use it, and what `k1` made still opens until `k1` is removed.
//!
//! Sealing is AES-256-GCM with the endpoint's id as associated data, so that a sealed secret copied to another
//! endpoint does not open there. The nonce is random: 96 bits are safe for far more seals than endpoints exist.

use std::{collections::BTreeMap, fmt};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::Sha256;

use crate::{ids::EndpointId, secret::SigningSecret};

const NONCE_LEN: usize = 12;
const SHORTEST_ROOT: usize = 32;

/// The root keys, by name.
#[derive(Clone)]
pub struct Keyring {
    current: String,
    roots: BTreeMap<String, Vec<u8>>,
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
    /// Wrong key, wrong endpoint, or altered.
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
        Ok(Self { current, roots })
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
        let aad = endpoint.to_string();
        let payload = Payload { msg: secret.bytes(), aad: aad.as_bytes() };
        let sealed = self.cipher(&self.current)?.encrypt(&Nonce::from(nonce), payload);
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed.map_err(|_| KeyError::Broken)?);
        Ok(Sealed { key: self.current.clone(), bytes })
    }

    /// Opens what was sealed for that endpoint.
    pub fn open(&self, sealed: &Sealed, endpoint: EndpointId) -> Result<SigningSecret, KeyError> {
        let (nonce, bytes) = sealed.bytes.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Broken)?;
        let aad = endpoint.to_string();
        let payload = Payload { msg: bytes, aad: aad.as_bytes() };
        let key = self.cipher(&sealed.key)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| KeyError::Broken)?;
        SigningSecret::from_bytes(key).map_err(|_| KeyError::Broken)
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

/// A sealed secret: the name of the root key, then nonce and ciphertext in base64, as `k1:…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    key: String,
    bytes: Vec<u8>,
}

impl Sealed {
    /// In place of a secret that was forgotten: opens nowhere.
    pub const fn none() -> Self {
        Self { key: String::new(), bytes: Vec::new() }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}:…)", self.key)
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.key, STANDARD.encode(&self.bytes)))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let (key, encoded) = text.rsplit_once(':').ok_or_else(|| D::Error::custom("not a sealed secret"))?;
        let bytes = STANDARD.decode(encoded).map_err(D::Error::custom)?;
        Ok(Self { key: key.to_owned(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id as _, Ksuid};

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

    #[test]
    fn refuses_short_or_missing_root_keys() {
        for text in ["", "{}", r#"{"current":"k1"}"#, r#"{"current":"k1","k1":"short"}"#] {
            assert!(Keyring::parse(text).is_err(), "{text}");
        }
    }
}
