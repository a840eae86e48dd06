//! API tokens: JWTs signed (HS256) with a key derived from the keyring.
//!
//! An organization token has `sub` = `org_…`; an application token has `org` = `org_…` and `sub` = `app_…`. Both must
//! expire. The header's `kid` names the root key.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AppId, OrgId},
    keyring::{KeyError, Keyring},
    problem::Problem,
    time::Time,
};

/// Clocks may differ by that much, in seconds.
const LEEWAY_SECS: i64 = 60;
const PURPOSE: &str = "postrider/token/1";
const ISSUER: &str = "postrider";

/// Who calls, and what they may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organization.
    pub org: OrgId,
    /// Only this application, if set.
    pub app: Option<AppId>,
}

impl Caller {
    /// Refuses application tokens where a whole organization's rights are needed.
    pub fn must_be_organization(&self) -> Result<(), Problem> {
        match self.app {
            None => Ok(()),
            Some(_) => Err(Problem::refused(
                403,
                "insufficient access",
                "This operation needs a token of the organization; this token is for one application",
            )),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    sub: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

/// Makes a token that is good for `lifetime`.
pub fn mint(ring: &Keyring, caller: &Caller, now: Time, lifetime: Duration) -> Result<String, KeyError> {
    let key = ring.derive(ring.current(), PURPOSE)?;
    let (org, sub) = match caller.app {
        None => (None, caller.org.to_string()),
        Some(app) => (Some(caller.org.to_string()), app.to_string()),
    };
    let claims =
        Claims { iss: ISSUER.to_owned(), org, sub, iat: now.secs(), nbf: None, exp: now.plus(lifetime).secs() };
    let header = Header { kid: Some(ring.current().to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key)).map_err(|_| KeyError::Malformed)
}

/// The name of the root key that a token says it was signed with.
pub fn key_name(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// Checks a token and tells who calls.
pub fn verify(ring: &Keyring, token: &str, now: Time) -> Result<Caller, Problem> {
    let claims = claims(ring, token).ok_or_else(|| unauthenticated("Invalid token"))?;
    if claims.exp + LEEWAY_SECS < now.secs() {
        return Err(unauthenticated("The token has expired; mint a new one"));
    }
    if claims.nbf.is_some_and(|nbf| nbf - LEEWAY_SECS > now.secs()) {
        return Err(unauthenticated("The token is not valid yet"));
    }
    caller(claims.org.as_deref(), &claims.sub)
}

fn claims(ring: &Keyring, token: &str) -> Option<Claims> {
    let key = ring.derive(&key_name(token)?, PURPOSE).ok()?;
    let mut validation = Validation::new(Algorithm::HS256);
    // Times are checked against the injected clock, above.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["exp", "sub", "iss"]);
    validation.set_issuer(&[ISSUER]);
    Some(jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key), &validation).ok()?.claims)
}

fn caller(org: Option<&str>, sub: &str) -> Result<Caller, Problem> {
    let wrong = || Problem::refused(400, "bad_token", "sub must be org_…, or app_… with org set to org_…");
    match org {
        None => Ok(Caller { org: sub.parse().map_err(|_| wrong())?, app: None }),
        Some(org) => {
            Ok(Caller { org: org.parse().map_err(|_| wrong())?, app: Some(sub.parse().map_err(|_| wrong())?) })
        }
    }
}

/// 401 with the contract's code.
pub fn unauthenticated(detail: &'static str) -> Problem {
    Problem::refused(401, "authentication_failed", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn ring(root: &str) -> Keyring {
        Keyring::parse(&format!(r#"{{"current":"k1","k1":"{root}"}}"#)).expect("keyring")
    }

    fn callers() -> [Caller; 2] {
        let org: OrgId = "org_a".parse().expect("org");
        let app = "app_2tAbcdefghijklmnopqrstuvwxy".parse().expect("app");
        [Caller { org: org.clone(), app: None }, Caller { org, app: Some(app) }]
    }

    #[test]
    fn a_minted_token_names_its_caller_until_it_expires() {
        let ring = ring("0123456789abcdef0123456789abcdef");
        let now = Time::from_secs(1_800_000_000);
        for caller in callers() {
            let token = mint(&ring, &caller, now, DAY).expect("mints");
            assert_eq!(verify(&ring, &token, now).ok(), Some(caller));
            let later = now.plus(DAY + Duration::from_mins(2));
            assert_eq!(verify(&ring, &token, later).map_err(|p| p.status()), Err(401));
        }
    }

    #[test]
    fn other_keys_and_other_algorithms_are_refused() {
        let now = Time::from_secs(1_800_000_000);
        let [caller, _] = callers();
        let token = mint(&ring("0123456789abcdef0123456789abcdef"), &caller, now, DAY).expect("mints");
        let other = ring("another-root-another-root-another");
        assert_eq!(verify(&other, &token, now).map_err(|p| p.status()), Err(401));
        // {"alg":"none","kid":"k1"} with the same claims and no signature.
        let payload = token.split('.').nth(1).expect("three parts");
        let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{payload}.");
        assert_eq!(verify(&other, &none, now).map_err(|p| p.status()), Err(401));
    }
}
