//! Access tokens of another issuer (OAuth 2.0, `OpenID` Connect), so that producers and operators need no tokens of ours.
//!
//! A token is a JWT signed by the issuer (RFC 7519, RFC 9068). It counts if
//! - its algorithm is one of the issuer's key ([`keys`]): RS256/384/512, PS256/384/512, ES256, ES384 or `EdDSA`
//!   (Ed25519). Never HS*, which would take a public key for a secret, and never `none`;
//! - its `typ` is `at+jwt`, `JWT` or absent, it has no `crit` header (RFC 7515, section 4.1.11), and it is not bound to a
//!   key that we do not ask for (`cnf`, RFC 7800);
//! - `iss` is exactly the issuer, `aud` is or holds the audience, `exp` has not passed, nor does `nbf` lie ahead, by more
//!   than a minute;
//! - it names the organization (or all of the issuer's tokens are of one), and the application where it is for one.
//!
//! What it lets do is what its `scope` (or `scp`) says, each name after the prefix; without any, nothing.

use std::borrow::Cow;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use crate::{
    ids::{AppId, OrgId},
    outbound::Fetcher,
    problem::Problem,
    time::Time,
    token::{self, Caller, Credential, Scopes, unauthenticated},
};

mod keys;
mod published;
#[cfg(test)]
mod tests;

use keys::Keys;

/// Which tokens of which issuer count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// `iss`, and where its metadata is found (`/.well-known/openid-configuration` below it).
    pub issuer: String,
    /// What `aud` must be or hold.
    pub audience: String,
    /// Whose tokens they are.
    pub organization: Organization,
    /// The claim that holds `app_…`. A token without it is one of the whole organization.
    pub application_claim: Option<String>,
    /// What precedes `publish`, `manage`, `read` … in the scopes of a token.
    pub scope_prefix: String,
}

/// Where a token's organization comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Organization {
    /// All tokens of the issuer are of this one.
    Fixed(OrgId),
    /// The claim of that name holds `org_…`.
    Claim(String),
}

/// An issuer whose tokens count.
#[derive(Debug)]
pub struct Issuer<F> {
    trust: Trust,
    keys: Keys<F>,
}

/// The part of a token's header that decides (RFC 7515, section 4.1).
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: OneOrMany,
    exp: NumericDate,
    #[serde(default)]
    nbf: Option<NumericDate>,
    #[serde(default)]
    iat: Option<NumericDate>,
    sub: String,
    #[serde(default)]
    scope: Option<OneOrMany>,
    #[serde(default)]
    scp: Option<OneOrMany>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Seconds, perhaps with a fraction (RFC 7519, section 2).
#[derive(Debug, Clone, Copy)]
struct NumericDate(Time);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "a time beyond the ends becomes an end")]
        let secs = number.as_i64().or_else(|| number.as_f64().map(|secs| secs as i64));
        Ok(Self(Time::from_secs(secs.unwrap_or(i64::MAX))))
    }
}

impl Claims {
    /// A claim that the operator has named. Those that have a meaning of their own are not among the others.
    fn named(&self, name: &str) -> Option<Cow<'_, Value>> {
        if name == "sub" {
            return Some(Cow::Owned(Value::String(self.sub.clone())));
        }
        self.others.get(name).map(Cow::Borrowed)
    }
}

impl OneOrMany {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(all) => all,
        };
        all.iter().map(String::as_str)
    }
}

impl<F: Fetcher> Issuer<F> {
    /// Asks for its keys with that fetcher, when the first of its tokens comes.
    pub fn new(trust: Trust, fetcher: F) -> Self {
        Self { keys: Keys::new(&trust.issuer, fetcher), trust }
    }

    /// Checks a token and tells who calls. 503 if the issuer's keys cannot be had.
    pub(super) async fn verify(&self, head: &Head, token: &str, now: Time) -> Result<Caller, Problem> {
        let alg = head.alg.parse().ok().filter(|_| head.is_usable()).ok_or_else(token::invalid)?;
        // Only for a token that says it is of this issuer are keys asked for.
        let unchecked = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
        if !unchecked.is_ok_and(|claims| claims.iss == self.trust.issuer) {
            return Err(token::invalid());
        }
        let key = self.keys.find(head.kid.as_deref(), alg, now).await?.ok_or_else(token::invalid)?;
        let claims = signed(token, &key, alg).ok_or_else(token::invalid)?;
        self.trust.caller(&claims, token, now)
    }
}

impl Head {
    /// Of a token that may be one; `None` if it is none.
    pub(super) fn of(token: &str) -> Option<Self> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?).ok()
    }

    fn is_usable(&self) -> bool {
        // A media type may have its prefix (RFC 7515, section 4.1.9).
        let typ = self.typ.as_deref().map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        self.crit.is_none() && matches!(typ, None | Some("jwt" | "at+jwt"))
    }
}

/// The claims, if this key has signed them.
fn signed(token: &str, key: &jsonwebtoken::DecodingKey, alg: Algorithm) -> Option<Claims> {
    let mut validation = jsonwebtoken::Validation::new(alg);
    // What the claims say is checked afterwards, against the injected clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, key, &validation).ok().map(|token| token.claims)
}

impl Trust {
    fn caller(&self, claims: &Claims, token: &str, now: Time) -> Result<Caller, Problem> {
        if claims.iss != self.issuer || !claims.aud.iter().any(|aud| aud == self.audience) {
            return Err(unauthenticated("The token is not for this API"));
        }
        if claims.others.contains_key("cnf") {
            return Err(unauthenticated("The token is bound to a key; send one that is not"));
        }
        token::check_times(claims.exp.0, claims.nbf.map(|nbf| nbf.0), now)?;
        let credential = Credential {
            id: token::hash(token),
            issued_at: claims.iat.map_or(Time::from_secs(0), |iat| iat.0),
            expires_at: claims.exp.0,
            subject: Some(claims.sub.clone()),
        };
        Ok(Caller {
            app: self.application(claims)?,
            scopes: self.scopes(claims),
            token: Some(credential),
            ..Caller::organization(self.organization(claims)?)
        })
    }

    fn organization(&self, claims: &Claims) -> Result<OrgId, Problem> {
        let name = match &self.organization {
            Organization::Fixed(org) => return Ok(org.clone()),
            Organization::Claim(name) => name,
        };
        let org = claims.named(name).and_then(|org| org.as_str()?.parse().ok());
        org.ok_or_else(|| unauthenticated("The token does not name an organization (org_…)"))
    }

    fn application(&self, claims: &Claims) -> Result<Option<AppId>, Problem> {
        let Some(value) = self.application_claim.as_ref().and_then(|name| claims.named(name)) else {
            return Ok(None);
        };
        // Never more rights because a name is wrong.
        let app = value.as_str().and_then(|app| app.parse().ok());
        app.map(Some).ok_or_else(|| unauthenticated("The token does not name an application (app_…)"))
    }

    fn scopes(&self, claims: &Claims) -> Scopes {
        let all = claims.scope.iter().chain(&claims.scp).flat_map(OneOrMany::iter);
        let names = all.flat_map(str::split_ascii_whitespace);
        names.filter_map(|name| name.strip_prefix(&self.scope_prefix)?.parse().ok()).collect()
    }
}
