//! Signing keys in the text forms of Standard Webhooks: `whsec_<base64>` is symmetric; `whsk_<base64>` is the private
//! half of an Ed25519 pair, and `whpk_<base64>` its public half.

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// Shortest and longest symmetric key, in bytes (Standard Webhooks 1.0.0, "Symmetric signature"; the contract's upper
/// limit).
pub const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=75;
/// Bytes of a generated symmetric key.
pub const GENERATED_BYTES: usize = 24;
/// Bytes of an Ed25519 private key (RFC 8032, section 5.1.5).
pub const SEED_BYTES: usize = 32;

/// How an endpoint's requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyType {
    /// Signatures `v1`, with a key that the receiver shares.
    #[default]
    HmacSha256,
    /// Signatures `v1a`, which the receiver verifies with a key that cannot sign.
    Ed25519,
}

/// A signing key. Shows itself only through [`SigningSecret::reveal`].
#[derive(Clone)]
pub struct SigningSecret(Key);

#[derive(Clone)]
enum Key {
    Hmac(Vec<u8>),
    Ed25519([u8; SEED_BYTES], Arc<Ed25519KeyPair>),
}

/// Why a text is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The prefix is missing, or what follows is not padded standard base64.
    #[error("must be whsec_ or whsk_ followed by padded standard base64")]
    Encoding,
    /// The decoded symmetric key is too short or too long.
    #[error("must decode to 24 to 75 bytes")]
    Length,
    /// The decoded private key is neither a seed nor a seed and its public key.
    #[error("must decode to 64 bytes, an Ed25519 seed and its public key, or to the 32 of the seed")]
    PairLength,
    /// The public key is another one's.
    #[error("the public key, its second half, does not belong to the private key")]
    Pair,
}

impl SigningSecret {
    /// From the bytes of a symmetric key, which must be of a legal length.
    pub fn from_bytes(key: Vec<u8>) -> Result<Self, InvalidSecret> {
        if KEY_BYTES.contains(&key.len()) { Ok(Self(Key::Hmac(key))) } else { Err(InvalidSecret::Length) }
    }

    /// A new symmetric key.
    pub fn generate(random: [u8; GENERATED_BYTES]) -> Self {
        Self(Key::Hmac(random.to_vec()))
    }

    /// A new Ed25519 key: any 32 bytes are one.
    pub fn generate_asymmetric(seed: [u8; SEED_BYTES]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        Self(Key::Ed25519(seed, Arc::new(pair.unwrap_or_else(|_| unreachable!("any 32 bytes are a seed")))))
    }

    /// How it signs.
    pub const fn key_type(&self) -> KeyType {
        match self.0 {
            Key::Hmac(_) => KeyType::HmacSha256,
            Key::Ed25519(..) => KeyType::Ed25519,
        }
    }

    /// What the receiver verifies with: the symmetric key, or the public key. Only for the call that exists to reveal it.
    pub fn reveal(&self) -> String {
        match &self.0 {
            Key::Hmac(key) => format!("whsec_{}", STANDARD.encode(key)),
            Key::Ed25519(_, pair) => format!("whpk_{}", STANDARD.encode(pair.public_key())),
        }
    }

    /// What is sealed: the symmetric key, or the seed.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Key::Hmac(key) => key,
            Key::Ed25519(seed, _) => seed,
        }
    }

    /// What signs, if it is a pair.
    pub(crate) fn pair(&self) -> Option<&Ed25519KeyPair> {
        match &self.0 {
            Key::Hmac(_) => None,
            Key::Ed25519(_, pair) => Some(pair),
        }
    }

    fn from_pair(bytes: &[u8]) -> Result<Self, InvalidSecret> {
        let (seed, public) = bytes.split_first_chunk::<SEED_BYTES>().ok_or(InvalidSecret::PairLength)?;
        let secret = Self::generate_asymmetric(*seed);
        match public.len() {
            0 => Ok(secret),
            32 if secret.pair().is_some_and(|pair| pair.public_key().as_ref() == public) => Ok(secret),
            32 => Err(InvalidSecret::Pair),
            _ => Err(InvalidSecret::PairLength),
        }
    }
}

impl FromStr for SigningSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let decode = |encoded| STANDARD.decode(encoded).map_err(|_| InvalidSecret::Encoding);
        match text.strip_prefix("whsk_") {
            Some(encoded) => Self::from_pair(&decode(encoded)?),
            None => Self::from_bytes(decode(text.strip_prefix("whsec_").ok_or(InvalidSecret::Encoding)?)?),
        }
    }
}

impl PartialEq for SigningSecret {
    fn eq(&self, other: &Self) -> bool {
        self.key_type() == other.key_type() && self.bytes() == other.bytes()
    }
}

impl Eq for SigningSecret {}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
    }

    fn whsk(bytes: &[u8]) -> Result<SigningSecret, InvalidSecret> {
        format!("whsk_{}", STANDARD.encode(bytes)).parse()
    }

    #[test]
    fn a_private_key_is_read_with_and_without_its_public_key_and_shows_that_only() {
        let (seed, public) = (bytes(SEED), bytes(PUBLIC));
        let whole = whsk(&[seed.clone(), public.clone()].concat()).expect("a pair");
        assert_eq!(whole.reveal(), format!("whpk_{}", STANDARD.encode(public)));
        assert_eq!(whsk(&seed), Ok(whole.clone()));
        assert_eq!((whole.key_type(), format!("{whole:?}")), (KeyType::Ed25519, "SigningSecret(…)".to_owned()));
    }

    #[test]
    fn a_pair_that_does_not_belong_together_and_other_lengths_are_refused() {
        let seed = bytes(SEED);
        assert_eq!(whsk(&[seed.clone(), seed.clone()].concat()), Err(InvalidSecret::Pair));
        for length in [0, 31, 33, 63] {
            assert_eq!(whsk(&vec![7; length]), Err(InvalidSecret::PairLength), "{length}");
        }
        assert_eq!("whsk_AAA".parse::<SigningSecret>(), Err(InvalidSecret::Encoding));
        assert_eq!("whpk_AAAA".parse::<SigningSecret>(), Err(InvalidSecret::Encoding));
    }

    #[test]
    fn the_same_bytes_are_not_the_same_key_in_another_kind() {
        let symmetric = SigningSecret::from_bytes(bytes(SEED)).expect("a key");
        assert_ne!(whsk(&bytes(SEED)), Ok(symmetric));
    }
}
