//! Senders that send a JWT (RFC 7519) as a bearer token, signed with a shared secret or with a key of their own.
//!
//! The algorithm is the source's, never the token's own choice (RFC 8725, section 3.1). A token signs itself, not the body,
//! unless a claim holds the body's digest: without that, whoever has seen a token can send anything until it expires.
//!
//! The secret is the text of an HMAC key, or a public key: in PEM (`BEGIN PUBLIC KEY`, RFC 7468, section 13) or as a JWK.

use std::time::Duration;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::Jwk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    Accepted, Place, Refused, Request, fail,
    mac::{same, unhex},
};
use crate::{rules::Check, time::Time};

/// Clocks may differ by that much.
const LEEWAY: Duration = Duration::from_mins(1);
/// Longest issuer, audience and name of a claim, in bytes.
const LIMIT: usize = 256;
/// Shortest HMAC key, in bytes (RFC 7518, section 3.2).
const SHORTEST_KEY: usize = 32;

/// What a token must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourceJwt")]
pub struct Jwt {
    /// How tokens are signed.
    algorithm: Signature,
    /// What `iss` must be, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// What `aud` must be or hold, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    /// The claim that holds the SHA-256 of the body, in hexadecimal digits or base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_digest_claim: Option<String>,
    /// Where the event's id is.
    #[serde(default = "jti")]
    id: Place,
    /// Where the request says what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_type: Option<Place>,
}

/// How a token is signed (RFC 7518, section 3.1 and RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "JwtAlgorithm")]
enum Signature {
    HS256,
    RS256,
    ES256,
    EdDSA,
}

fn jti() -> Place {
    Place::Claim("jti".to_owned())
}

impl Jwt {
    /// Checks every rule.
    pub(super) fn check(&self, check: &mut Check) {
        let texts =
            [("issuer", &self.issuer), ("audience", &self.audience), ("bodyDigestClaim", &self.body_digest_claim)];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > LIMIT) {
                fail(check, field, "must be 1 to 256 bytes, or be left out");
            }
        }
        Place::check(Some(&self.id), check, "id", true);
        Place::check(self.event_type.as_ref(), check, "eventType", true);
    }

    /// Whether it is a key of the algorithm.
    pub(super) fn check_secret(&self, secret: &str) -> Result<(), &'static str> {
        let why = match self.algorithm {
            Signature::HS256 => "must be at least 32 bytes",
            Signature::RS256 => "must be an RSA public key of 2048 to 8192 bits, in PEM (BEGIN PUBLIC KEY) or as a JWK",
            Signature::ES256 => "must be a P-256 public key, in PEM (BEGIN PUBLIC KEY) or as a JWK",
            Signature::EdDSA => "must be an Ed25519 public key, in PEM (BEGIN PUBLIC KEY) or as a JWK",
        };
        self.algorithm.key(secret).map(drop).ok_or(why)
    }

    pub(super) fn verify(&self, secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
        let token = bearer(request).ok_or(Refused::BadSignature)?;
        let mut keys = secrets.iter().filter_map(|secret| self.algorithm.key(secret));
        let claims = keys.find_map(|key| self.claims(token, &key)).ok_or(Refused::BadSignature)?;
        if self.body_digest_claim.as_ref().is_some_and(|name| !is_digest(claims.get(name), request.body)) {
            return Err(Refused::BadSignature);
        }
        timely(&claims, request.now)?;
        let find = |place: Option<&Place>| Place::find(place, request, &claims);
        Ok(Accepted::Event { id: find(Some(&self.id)), kind: find(self.event_type.as_ref()) })
    }

    /// Of a token that this key has signed, for us.
    fn claims(&self, token: &str, key: &DecodingKey) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(self.algorithm.named());
        // Times are checked against the injected clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        validation.required_spec_claims.clear();
        validation.validate_aud = self.audience.is_some();
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        Some(jsonwebtoken::decode(token, key, &validation).ok()?.claims)
    }
}

impl Signature {
    const fn named(self) -> Algorithm {
        match self {
            Self::HS256 => Algorithm::HS256,
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }

    fn key(self, secret: &str) -> Option<DecodingKey> {
        if self == Self::HS256 {
            return (secret.len() >= SHORTEST_KEY).then(|| DecodingKey::from_secret(secret.as_bytes()));
        }
        let Some(der) = public_der(secret) else { return self.of_jwk(secret) };
        ParsedPublicKey::new(self.verifier(), &der).ok()?;
        Some(match self {
            Self::ES256 => DecodingKey::from_ec_der(&der),
            Self::EdDSA => DecodingKey::from_ed_der(&der),
            Self::HS256 | Self::RS256 => DecodingKey::from_rsa_der(&der),
        })
    }

    fn verifier(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::EdDSA => &signature::ED25519,
            Self::HS256 | Self::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        }
    }

    fn of_jwk(self, text: &str) -> Option<DecodingKey> {
        use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
        let jwk: Jwk = serde_json::from_str(text).ok()?;
        let fits = match (&jwk.algorithm, self) {
            (AlgorithmParameters::RSA(_), Self::RS256) => true,
            (AlgorithmParameters::EllipticCurve(key), Self::ES256) => key.curve == EllipticCurve::P256,
            (AlgorithmParameters::OctetKeyPair(key), Self::EdDSA) => key.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        if fits { DecodingKey::from_jwk(&jwk).ok() } else { None }
    }
}

/// The `SubjectPublicKeyInfo` in a PEM text.
fn public_der(pem: &str) -> Option<Vec<u8>> {
    let rest = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let lines = rest.strip_suffix("-----END PUBLIC KEY-----")?;
    STANDARD.decode(lines.split_whitespace().collect::<String>()).ok()
}

fn bearer<'a>(request: &Request<'a>) -> Option<&'a str> {
    let (scheme, token) = request.headers.only("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// It must expire, or what was overheard once could be sent for ever.
fn timely(claims: &Map<String, Value>, now: Time) -> Result<(), Refused> {
    let exp = time(claims, "exp")?.ok_or(Refused::Malformed("the token does not expire: exp is missing"))?;
    let begins = time(claims, "nbf")?.is_none_or(|nbf| nbf <= now.plus(LEEWAY));
    if begins && exp > now.minus(LEEWAY) { Ok(()) } else { Err(Refused::OutOfTime) }
}

/// A `NumericDate` (RFC 7519, section 2), to the second.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Time>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond becomes the end of time")]
    let secs = value.as_i64().or_else(|| value.as_f64().map(|secs| secs as i64));
    secs.map(|secs| Some(Time::from_secs(secs))).ok_or(Refused::Malformed("exp and nbf must be numbers"))
}

fn is_digest(claim: Option<&Value>, body: &[u8]) -> bool {
    let Some(text) = claim.and_then(Value::as_str) else { return false };
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let base64 = || engines.into_iter().find_map(|engine| engine.decode(text).ok());
    // No base64 of 32 bytes has 64 characters.
    let told = if text.len() == 64 { unhex(text) } else { base64() };
    told.is_some_and(|told| same(&told, &Sha256::digest(body)))
}
