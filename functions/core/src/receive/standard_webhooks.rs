//! Standard Webhooks 1.0.0: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! also under the header names that Svix had before (`svix-…`).
//!
//! A secret is `whsec_<base64>`, or the sender's public key as `whpk_<base64>`.

use std::borrow::Cow;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{
    Accepted, Headers, Refused, Request,
    mac::Hash,
    timestamp::{TOLERANCE, timely},
};
use crate::secret::SigningSecret;

/// Bytes of an Ed25519 public key (RFC 8032, section 5.1.5).
const PUBLIC_BYTES: usize = 32;

/// What verifies.
enum Key {
    Hmac(SigningSecret),
    Ed25519(Vec<u8>),
}

fn key(secret: &str) -> Option<Key> {
    match secret.strip_prefix("whpk_") {
        Some(encoded) => STANDARD.decode(encoded).ok().filter(|key| key.len() == PUBLIC_BYTES).map(Key::Ed25519),
        None if secret.starts_with("whsec_") => secret.parse().ok().map(Key::Hmac),
        None => None,
    }
}

impl Key {
    fn verifies(&self, content: &[&[u8]; 3], signature: &str) -> bool {
        let decode = |version: &str| STANDARD.decode(signature.strip_prefix(version)?).ok();
        match self {
            Self::Hmac(secret) => decode("v1,").is_some_and(|tag| Hash::Sha256.verifies(secret.bytes(), content, &tag)),
            Self::Ed25519(key) => decode("v1a,")
                .is_some_and(|tag| UnparsedPublicKey::new(&ED25519, key).verify(&content.concat(), &tag).is_ok()),
        }
    }
}

/// Whether it is a secret that verifies.
pub(super) fn check_secret(secret: &str) -> Result<(), &'static str> {
    key(secret).map(drop).ok_or("must be whsec_ and 24 to 75 bytes, or whpk_ and a public key of 32, in base64")
}

/// What Standard Webhooks recommends that a payload has.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

pub(super) fn verify(secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
    let (id, timestamp, signatures) =
        signed(request.headers, "webhook").or_else(|| signed(request.headers, "svix")).ok_or(Refused::BadSignature)?;
    let prefix = format!("{id}.{timestamp}.");
    let content = [prefix.as_bytes(), b"", request.body];
    let verifies = |key: Key| signatures.split(' ').fold(false, |found, one| found | key.verifies(&content, one));
    let keys = secrets.iter().filter_map(|secret| key(secret));
    if !keys.fold(false, |found, key| found | verifies(key)) {
        return Err(Refused::BadSignature);
    }
    timely(timestamp, request.now, TOLERANCE)?;
    let kind = serde_json::from_slice::<Body<'_>>(request.body).ok().map(|body| body.kind.into_owned());
    Ok(Accepted::Event { id: Some(id.to_owned()), kind })
}

fn signed<'a>(headers: &'a Headers, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let of = |what: &str| headers.only(&format!("{name}-{what}"));
    Some((of("id")?, of("timestamp")?, of("signature")?))
}
