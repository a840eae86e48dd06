//! Sealed secrets as they are stored.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ids::Id;

/// What a sealed secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A symmetric signing key.
    Hmac,
    /// The seed of an asymmetric one.
    Ed25519,
    /// A password or a token.
    Text,
}

impl Kind {
    /// Before the base64, whose alphabet has no dot. Symmetric keys were the only ones at first and go without.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Hmac => "",
            Self::Ed25519 => "ed25519.",
            Self::Text => "text.",
        }
    }

    fn read(text: &str) -> (Self, &str) {
        let prefixed = |kind: Self| Some((kind, text.strip_prefix(kind.prefix())?));
        [Self::Ed25519, Self::Text].into_iter().find_map(prefixed).unwrap_or((Self::Hmac, text))
    }

    /// The associated data.
    pub(super) fn bound_to(self, owner: impl Id) -> String {
        format!("{}{owner}", self.prefix())
    }
}

/// A sealed secret: the name of the root key, what it is, then nonce and ciphertext in base64, as `k1:…`,
/// `k1:ed25519.…` or `k1:text.…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(super) key: String,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

impl Sealed {
    /// In place of a secret that was forgotten: opens nowhere.
    pub const fn none() -> Self {
        Self { key: String::new(), kind: Kind::Hmac, bytes: Vec::new() }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}:…)", self.key)
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, kind) = (&self.key, self.kind.prefix());
        serializer.collect_str(&format_args!("{key}:{kind}{}", STANDARD.encode(&self.bytes)))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let (key, encoded) = text.rsplit_once(':').ok_or_else(|| D::Error::custom("not a sealed secret"))?;
        let (kind, encoded) = Kind::read(encoded);
        let bytes = STANDARD.decode(encoded).map_err(D::Error::custom)?;
        Ok(Self { key: key.to_owned(), kind, bytes })
    }
}
