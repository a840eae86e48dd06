//! The keys that an issuer publishes: a JWK set (RFC 7517).

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// Keys of a set that are looked at.
const MOST: usize = 100;

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// A key that tokens can be checked with.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// The algorithms that this kind of key has, or the one that it is for.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

impl Key {
    pub(super) fn fits(&self, alg: Algorithm) -> bool {
        self.algorithms.contains(&alg)
    }

    pub(super) fn key(&self) -> DecodingKey {
        self.public.clone()
    }
}

/// Those of a set that can be used; others are passed over (section 5). `None` if it is no set.
pub(super) fn keys(text: &str) -> Option<Vec<Key>> {
    let set: JwkSet = serde_json::from_str(text).ok()?;
    let jwks = set.keys.into_iter().take(MOST).filter_map(|value| serde_json::from_value::<Jwk>(value).ok());
    Some(jwks.filter_map(|jwk| key(&jwk)).collect())
}

fn key(jwk: &Jwk) -> Option<Key> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    // The key's own kind decides, never what a token says.
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![EdDSA],
        _ => return None,
    };
    if let Some(only) = common.key_algorithm {
        algorithms.retain(|alg| KeyAlgorithm::from(*alg) == only);
    }
    let usable = signs && verifies && !algorithms.is_empty();
    let public = DecodingKey::from_jwk(jwk).ok().filter(|_| usable)?;
    Some(Key { kid: common.key_id.clone(), algorithms, public })
}
