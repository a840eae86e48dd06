//! Asking for a token with client credentials (RFC 6749, section 4.4).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Token, Unauthorized, authorization, basic};
use crate::{
    manner::Method,
    outbound::{Answer, Outbound, Sender},
    time::Time,
};

/// A token whose answer does not say how long it is good is used for so long.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);
/// A token is used for so long at most, whatever its answer says.
const LONGEST_LIFE: Duration = Duration::from_hours(1);
/// It is not used in the last of its time: it could expire on its way.
const MARGIN: Duration = Duration::from_mins(1);
/// Characters of a token endpoint's own words.
const WORDS: usize = 200;

/// Who asks whom for what.
pub(super) struct Client<'a> {
    pub(super) url: &'a str,
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
    pub(super) scope: Option<&'a str>,
}

/// Section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// A number; some servers write it as a string.
    #[serde(default)]
    expires_in: Value,
}

/// Section 5.2.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Client<'_> {
    pub(super) async fn ask<S: Sender>(
        &self,
        user_agent: &str,
        sender: &S,
        now: Time,
        timeout: Duration,
    ) -> Result<Token, Unauthorized> {
        let answer = sender.send(self.request(user_agent, timeout)).await.result.map_err(Unauthorized::Fault)?;
        if (200..300).contains(&answer.status) { granted(&answer.body, now) } else { Err(self.refused(&answer)) }
    }

    fn request(&self, user_agent: &str, timeout: Duration) -> Outbound {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = self.scope {
            form.append_pair("scope", scope);
        }
        let headers = [
            authorization(&basic(&encoded(self.id), &encoded(self.secret))),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), user_agent.to_owned()),
        ];
        let (url, body) = (self.url.to_owned(), form.finish().into_bytes().into());
        Outbound { method: Method::Post, url, headers: headers.into(), body, timeout }
    }

    /// Only the members that exist to say why, and not if they repeat the secret.
    fn refused(&self, answer: &Answer) -> Unauthorized {
        let words = serde_json::from_str(&answer.body).ok().map(|Denied { error, error_description }| {
            error_description.map_or(format!(": {error}"), |why| format!(": {error} ({why})"))
        });
        let safe = words.filter(|words| !words.contains(self.secret) && !words.contains(&encoded(self.secret)));
        let said = safe.unwrap_or_default().chars().filter(|c| !c.is_control()).take(WORDS).collect();
        Unauthorized::Refused { status: answer.status, said }
    }
}

/// Names and passwords may hold colons (section 2.3.1).
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn granted(body: &str, now: Time) -> Result<Token, Unauthorized> {
    let granted: Granted =
        serde_json::from_str(body).map_err(|_| Unauthorized::Unusable("without a JSON object that holds a token"))?;
    let token = granted.access_token;
    if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Unauthorized::Unusable("with a token that is not a bearer token"));
    }
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unauthorized::Unusable("with a token that cannot be sent in a header"));
    }
    let life = seconds(&granted.expires_in).map_or(DEFAULT_LIFE, |secs| Duration::from_secs(secs).min(LONGEST_LIFE));
    Ok(Token { header: authorization(&format!("Bearer {token}")), until: now.plus(life.saturating_sub(MARGIN)) })
}

fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}
