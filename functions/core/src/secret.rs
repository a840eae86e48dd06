//! Signing secrets in the text form of Standard Webhooks, `whsec_<base64>`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Shortest and longest key, in bytes (Standard Webhooks 1.0.0, "Symmetric signature"; the contract's upper limit).
pub const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=75;
/// Bytes of a generated key.
pub const GENERATED_BYTES: usize = 24;

/// A symmetric signing key. Shows itself only through [`SigningSecret::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// Why a text is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The prefix is missing, or what follows is not padded standard base64.
    #[error("must be whsec_ followed by padded standard base64")]
    Encoding,
    /// The decoded key is too short or too long.
    #[error("must decode to 24 to 75 bytes")]
    Length,
}

impl SigningSecret {
    /// From the bytes of the key, which must be of a legal length.
    pub fn from_bytes(key: Vec<u8>) -> Result<Self, InvalidSecret> {
        if KEY_BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(InvalidSecret::Length) }
    }

    /// A new key.
    pub fn generate(random: [u8; GENERATED_BYTES]) -> Self {
        Self(random.to_vec())
    }

    /// The bytes that sign.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text form: only for the call that exists to reveal it.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }
}

impl FromStr for SigningSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix("whsec_").ok_or(InvalidSecret::Encoding)?;
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Encoding)?;
        Self::from_bytes(key)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}
