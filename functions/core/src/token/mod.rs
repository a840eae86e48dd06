//! API tokens: JWTs signed (HS256) with a key derived from the keyring.
//!
//! An organization token has `sub` = `org_…`; an application token has `org` = `org_…` and `sub` = `app_…`. Both must
//! expire. The header's `kid` names the root key, `jti` the token itself. `scope` says what it lets its bearer do; a
//! token without that claim lets do everything.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    claim::fingerprint,
    ids::{AppId, Id as _, Ksuid, OrgId, TokenId},
    keyring::{KeyError, Keyring},
    problem::Problem,
    time::Time,
};

mod scope;
#[cfg(test)]
mod tests;

pub use scope::{Scope, Scopes, UnknownScope};

/// Clocks may differ by that much.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);
/// No token is good for longer: ten years.
pub const LONGEST_LIFETIME: Duration = Duration::from_hours(3_650 * 24);
const PURPOSE: &str = "postrider/token/1";
const ISSUER: &str = "postrider";

/// Who calls, and what they may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organization.
    pub org: OrgId,
    /// Only this application, if set.
    pub app: Option<AppId>,
    /// What they may do there.
    pub scopes: Scopes,
    /// Feature flags of event types that an application's token shows besides those without one.
    pub flags: Vec<String>,
    /// Whose session the token was made for, if it said so.
    pub session: Option<String>,
    /// Whether the token was made for a customer's portal.
    pub portal: bool,
    /// What they have shown; unset where nobody had to.
    pub token: Option<Credential>,
}

/// A token that was checked, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its `jti` (`tok_…`), or a hash of what was signed where we have not named it.
    pub id: String,
    /// When it was made.
    pub issued_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// The subject that another issuer has vouched for.
    pub subject: Option<String>,
}

impl Caller {
    /// An organization with all rights.
    pub const fn organization(org: OrgId) -> Self {
        Self { org, app: None, scopes: Scopes::ALL, flags: Vec::new(), session: None, portal: false, token: None }
    }

    /// One application, with all rights that an application's token can give.
    pub fn application(org: OrgId, app: AppId) -> Self {
        Self { app: Some(app), ..Self::organization(org) }
    }

    /// Refuses application tokens where a whole organization's rights are needed.
    pub fn must_be_organization(&self) -> Result<(), Problem> {
        match self.app {
            None => Ok(()),
            Some(_) => {
                Err(insufficient("This operation needs a token of the organization; this token is for one application"))
            }
        }
    }

    /// Refuses tokens without the scope.
    pub fn must_have(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.allow(scope) { Ok(()) } else { Err(lacking(scope)) }
    }
}

/// 403: the token lacks the scope.
pub(crate) fn lacking(scope: Scope) -> Problem {
    insufficient(format!("This operation needs a token with the scope {scope}"))
}

fn insufficient(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::refused(403, "insufficient access", detail)
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    feature_flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    portal: bool,
}

/// Makes the token `id` for what the caller may do. It is good for `lifetime`, and [`LONGEST_LIFETIME`] at most, from the
/// time in its id.
pub fn mint(ring: &Keyring, caller: &Caller, id: Ksuid, lifetime: Duration) -> Result<String, KeyError> {
    let key = ring.derive(ring.current(), PURPOSE)?;
    let (org, sub) = match caller.app {
        None => (None, caller.org.to_string()),
        Some(app) => (Some(caller.org.to_string()), app.to_string()),
    };
    let claims = Claims {
        iss: ISSUER.to_owned(),
        org,
        sub,
        iat: id.time().secs(),
        nbf: None,
        exp: id.time().plus(lifetime.min(LONGEST_LIFETIME)).secs(),
        jti: Some(TokenId::from_ksuid(id).to_string()),
        scope: (caller.scopes != Scopes::ALL).then(|| caller.scopes.to_string()),
        feature_flags: caller.flags.clone(),
        sid: caller.session.clone(),
        portal: caller.portal,
    };
    let header = Header { kid: Some(ring.current().to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key)).map_err(|_| KeyError::Malformed)
}

/// Checks a token of ours and tells who calls. Whether it was revoked is another question ([`crate::access`]).
pub fn verify(ring: &Keyring, key: &str, token: &str, now: Time) -> Result<Caller, Problem> {
    let claims = claims(ring, key, token).ok_or_else(invalid)?;
    check_times(Time::from_secs(claims.exp), claims.nbf.map(Time::from_secs), now)?;
    let (org, app) = subject(claims.org.as_deref(), &claims.sub)?;
    let named = claims.jti.as_deref().and_then(|jti| jti.parse::<TokenId>().ok());
    let credential = Credential {
        id: named.map_or_else(|| hash(token), |id| id.to_string()),
        issued_at: named.map_or(Time::from_secs(claims.iat), |id| id.ksuid().time()),
        expires_at: Time::from_secs(claims.exp),
        subject: None,
    };
    Ok(Caller {
        org,
        app,
        scopes: claims.scope.as_deref().map_or(Scopes::ALL, Scopes::read),
        flags: claims.feature_flags,
        session: claims.sid,
        portal: claims.portal,
        token: Some(credential),
    })
}

fn claims(ring: &Keyring, key: &str, token: &str) -> Option<Claims> {
    let key = ring.derive(key, PURPOSE).ok()?;
    let mut validation = Validation::new(Algorithm::HS256);
    // Times are checked against the injected clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["exp", "sub", "iss"]);
    validation.set_issuer(&[ISSUER]);
    Some(jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key), &validation).ok()?.claims)
}

/// Refuses a token that has ended, or has not begun.
pub(crate) fn check_times(ends: Time, begins: Option<Time>, now: Time) -> Result<(), Problem> {
    if ends.plus(LEEWAY) < now {
        return Err(unauthenticated("The token has expired; get a new one"));
    }
    if begins.is_some_and(|begins| begins.minus(LEEWAY) > now) {
        return Err(unauthenticated("The token is not valid yet"));
    }
    Ok(())
}

/// Names a token that has no name of ours. What was signed is hashed, not the signature: that may have several forms.
pub(crate) fn hash(token: &str) -> String {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    fingerprint(&[signed.as_bytes()])
}

fn subject(org: Option<&str>, sub: &str) -> Result<(OrgId, Option<AppId>), Problem> {
    let wrong = || Problem::refused(400, "bad_token", "sub must be org_…, or app_… with org set to org_…");
    Ok(match org {
        None => (sub.parse().map_err(|_| wrong())?, None),
        Some(org) => (org.parse().map_err(|_| wrong())?, Some(sub.parse().map_err(|_| wrong())?)),
    })
}

/// 401 with the contract's code.
pub fn unauthenticated(detail: &'static str) -> Problem {
    Problem::refused(401, "authentication_failed", detail)
}

/// 401 for what is no token, or not one that counts here.
pub fn invalid() -> Problem {
    unauthenticated("Invalid token")
}
