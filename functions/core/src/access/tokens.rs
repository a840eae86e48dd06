//! Tokens made on request, and tokens revoked.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Access, Cut, Revoked, mint,
    portal::{distinct, flags, session_id},
    revocation::revoke,
};
use crate::{
    find,
    ids::{Id as _, Ksuid, TokenId},
    outbound::Fetcher,
    ports::{Directory, Keys, Revocations},
    problem::Problem,
    rules::Check,
    shapes::{Name, Session, one_of},
    time::Time,
    token::{Caller, LEEWAY, LONGEST_LIFETIME, Scope, Scopes},
};

/// Seconds: a minute to a year.
const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=31_536_000;
/// Thirty days, in seconds.
const DEFAULT_LIFETIME: u64 = 2_592_000;
/// How far ahead all tokens of an application may be expired, in seconds: seven days.
const DELAYS: std::ops::RangeInclusive<i64> = 0..=604_800;
/// Sessions that are expired at once.
const MOST_SESSIONS: usize = 50;

/// A token to be made.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenIn {
    /// Of this application, by id or uid; of the organization unless given.
    #[schemars(example = &"acme")]
    application: Option<String>,
    /// What it lets do; as much as the token that asks unless given.
    #[schemars(with = "Option<Vec<Scope>>", length(min = 1), example = ["read", "publish"])]
    scopes: Option<Vec<String>>,
    /// Its feature flags; 2,048 bytes as JSON.
    #[schemars(with = "Option<Vec<Name>>", example = ["beta"])]
    feature_flags: Option<Vec<String>>,
    /// Seconds for which it is good; 30 days unless given.
    #[schemars(range(min = *LIFETIMES.start(), max = *LIFETIMES.end()), example = DEFAULT_LIFETIME)]
    expiry: Option<u64>,
}

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenOut {
    /// By which it can be revoked.
    pub id: TokenId,
    /// The token. It is shown only now.
    #[schemars(example = "k1.eyJhIjoxfQ.c2lnbmF0dXJl")]
    pub token: String,
    /// Since when it is good.
    pub created_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// What it lets do.
    #[schemars(with = "Vec<Scope>", example = ["read", "publish"])]
    pub scopes: Vec<&'static str>,
}

/// A token to revoke: one of the two.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(default)]
#[schemars(rename = "TokenRevokeIn", extend("anyOf" = one_of(["id", "token"], "string")))]
pub struct RevokeIn {
    /// The token itself.
    token: Option<String>,
    /// Its id.
    #[schemars(with = "Option<TokenId>")]
    id: Option<String>,
}

/// Which of an application's tokens to expire, and when.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "ApplicationTokenExpireIn")]
pub struct ExpireIn {
    /// Seconds from now; none unless given.
    #[schemars(range(min = *DELAYS.start(), max = *DELAYS.end()), example = 60)]
    expiry: Option<i64>,
    /// Only those of these sessions.
    #[schemars(with = "Option<Vec<Session>>", length(max = MOST_SESSIONS), example = ["user_1-session_2"])]
    session_ids: Option<Vec<String>>,
}

impl TokenIn {
    fn check(&self) -> Result<Option<Scopes>, Problem> {
        let mut check = Check::default();
        flags(&mut check, self.feature_flags.as_deref().unwrap_or_default());
        if self.expiry.is_some_and(|expiry| !LIFETIMES.contains(&expiry)) {
            check.fail(&["body", "expiry"], "must be 60 to 31536000 seconds, or be left out");
        }
        let scopes: Option<Result<Vec<Scope>, _>> =
            self.scopes.as_ref().map(|all| all.iter().map(|name| name.parse()).collect());
        let scopes = scopes.transpose().unwrap_or_else(|error| {
            check.fail(&["body", "scopes"], format!("each {error}"));
            None
        });
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            check.fail(&["body", "scopes"], "must be at least one, or be left out");
        }
        check.finish()?;
        Ok(scopes.map(|all| all.into_iter().collect()))
    }
}

impl ExpireIn {
    fn check(&self) -> Result<(), Problem> {
        let mut check = Check::default();
        if self.expiry.is_some_and(|expiry| !DELAYS.contains(&expiry)) {
            check.fail(&["body", "expiry"], "must be 0 to 604800 seconds, or be left out");
        }
        let sessions = self.session_ids.as_deref().unwrap_or_default();
        if sessions.len() > MOST_SESSIONS {
            check.fail(&["body", "sessionIds"], format!("must be at most {MOST_SESSIONS}"));
        }
        for session in sessions {
            session_id(&mut check, "sessionIds", session);
        }
        check.finish()
    }
}

impl<D: Directory, R: Revocations, K: Keys, F: Fetcher> Access<'_, D, R, K, F> {
    /// Makes a token of the organization, or of one of its applications.
    pub async fn create_token(&self, caller: &Caller, id: Ksuid, body: &TokenIn) -> Result<TokenOut, Problem> {
        caller.must_be_organization()?;
        self.door.admit_again(self.revocations, caller, id.time()).await?;
        let scopes = body.check()?.unwrap_or(caller.scopes);
        if let Some(lacking) = scopes.iter().find(|scope| !caller.scopes.allow(*scope)) {
            return Err(crate::token::lacking(lacking));
        }
        let app = match &body.application {
            Some(segment) => Some(find::application(self.directory, caller, segment).await?.id),
            None => None,
        };
        let flags = distinct(body.feature_flags.as_deref());
        let bearer = Caller { app, scopes, flags, ..Caller::organization(caller.org.clone()) };
        let lifetime = Duration::from_secs(body.expiry.unwrap_or(DEFAULT_LIFETIME));
        Ok(TokenOut {
            id: TokenId::from_ksuid(id),
            token: mint(self.keys, &bearer, id, lifetime).await?,
            created_at: id.time(),
            expires_at: Time::from_secs(id.time().plus(lifetime).secs()),
            scopes: scopes.iter().map(Scope::name).collect(),
        })
    }

    /// Revokes the token that the caller has shown.
    pub async fn log_out(&self, caller: &Caller, now: Time) -> Result<(), Problem> {
        let Some(token) = &caller.token else { return Ok(()) };
        self.revoke(caller, &Revoked::Token(token.id.clone()), Cut::all(now), token.expires_at, now).await
    }

    /// Revokes a token of the organization or of one of its applications.
    pub async fn revoke_token(&self, caller: &Caller, body: &RevokeIn, now: Time) -> Result<(), Problem> {
        caller.must_be_organization()?;
        let (id, ends) = match (&body.token, &body.id) {
            (Some(token), None) => self.named(caller, token, now).await?,
            (None, Some(id)) if is_token_id(id) => (id.clone(), now.plus(LONGEST_LIFETIME)),
            (None, Some(_)) => {
                return Err(Problem::invalid(&["body", "id"], "must be the id of a token, such as tok_…"));
            }
            _ => return Err(Problem::invalid(&["body", "token"], "give either token or id")),
        };
        self.revoke(caller, &Revoked::Token(id), Cut::all(now), ends, now).await
    }

    /// A token's id and end; 404 for what is no token of the organization, or not any more.
    async fn named(&self, caller: &Caller, token: &str, now: Time) -> Result<(String, Time), Problem> {
        let unknown = || Problem::not_found("Token");
        let bearer = match self.door.identify(self.keys, token, now).await {
            Ok(bearer) => bearer,
            Err(problem @ Problem::Unavailable(_)) => return Err(problem),
            Err(_) => return Err(unknown()),
        };
        let credential = bearer.token.filter(|_| bearer.org == caller.org).ok_or_else(unknown)?;
        Ok((credential.id, credential.expires_at))
    }

    /// Expires the tokens of an application, or of some of its sessions, that were made until now.
    pub async fn expire_all(&self, caller: &Caller, segment: &str, body: &ExpireIn, now: Time) -> Result<(), Problem> {
        caller.must_be_organization()?;
        body.check()?;
        let app = find::application(self.directory, caller, segment).await?.id;
        let delay = Duration::from_secs(body.expiry.and_then(|secs| secs.try_into().ok()).unwrap_or_default());
        let cut = Cut { issued_until: now, from: now.plus(delay) };
        let ends = now.plus(LONGEST_LIFETIME);
        match body.session_ids.as_deref() {
            None | Some([]) => self.revoke(caller, &Revoked::Application(app), cut, ends, now).await,
            Some(sessions) => {
                for session in sessions {
                    self.revoke(caller, &Revoked::Session(app, session.clone()), cut, ends, now).await?;
                }
                Ok(())
            }
        }
    }

    async fn revoke(&self, caller: &Caller, of: &Revoked, cut: Cut, ends: Time, now: Time) -> Result<(), Problem> {
        let kept_until = ends.plus(LEEWAY * 2);
        revoke(self.revocations, &caller.org, of, (cut, kept_until), now).await?;
        self.door.forget(&caller.org, of);
        Ok(())
    }
}

/// A name of ours, or the hash that stands for one.
fn is_token_id(text: &str) -> bool {
    text.parse::<TokenId>().is_ok()
        || (text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}
