//! How the sender proves to the receiver who it is, as it is sent, and its rules.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    headers::{self, VALUE_LIMIT},
    manner_in, target_url,
};
use crate::{
    keyring::Sealed,
    manner::Auth,
    outbound::without_userinfo,
    problem::Problem,
    rules::{Check, NAME_LIMIT, URL_LIMIT},
};

/// How the sender proves to the receiver who it is, besides the signature. Members that do not belong to the type are
/// not looked at; a secret that is left out is the one that stands.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("allOf" = needed()))]
pub(super) struct AuthIn {
    /// The kind.
    #[serde(rename = "type")]
    #[schemars(example = &"bearer")]
    kind: Kind,
    /// Of `basic`: without a colon.
    #[serde(default)]
    username: Option<String>,
    /// Of `basic`.
    #[serde(default)]
    password: Option<String>,
    /// Of `bearer`.
    #[serde(default)]
    #[schemars(example = "3fe6c4b1")]
    token: Option<String>,
    /// Of `header`: its name.
    #[serde(default)]
    name: Option<String>,
    /// Of `header`: its value.
    #[serde(default)]
    value: Option<String>,
    /// Of `oauth2`: where tokens are asked for by client credentials.
    #[serde(default)]
    token_url: Option<String>,
    /// Of `oauth2`.
    #[serde(default)]
    client_id: Option<String>,
    /// Of `oauth2`.
    #[serde(default)]
    client_secret: Option<String>,
    /// Of `oauth2`: scopes with a space between.
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Kind {
    None,
    Basic,
    Bearer,
    Header,
    OAuth2,
}

/// The members that each type needs, and their limits.
fn needed() -> Value {
    let limits = |kind: &str, needed: &[&str], limits: Value| {
        json!({
            "if": { "properties": { "type": { "const": kind } }, "required": ["type"] },
            "then": { "required": needed, "properties": limits },
        })
    };
    let credential =
        json!({ "type": ["string", "null"], "maxLength": VALUE_LIMIT, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" });
    let value = json!({ "type": ["string", "null"], "maxLength": VALUE_LIMIT, "pattern": r"^[!-~]([\t -~]*[!-~])?$" });
    json!([
        limits(
            "basic",
            &["username"],
            json!({
                "username": { "type": "string", "maxLength": VALUE_LIMIT, "pattern": r"^[^:\u0000-\u001f\u007f-\u009f]*$" },
                "password": credential,
            })
        ),
        limits("bearer", &[], json!({ "token": value })),
        limits(
            "header",
            &["name"],
            json!({
                "name": { "type": "string", "minLength": 1, "maxLength": NAME_LIMIT, "pattern": headers::HEADER_NAME },
                "value": value,
            })
        ),
        limits(
            "oauth2",
            &["tokenUrl", "clientId"],
            json!({
                "tokenUrl": { "type": "string", "format": "uri", "maxLength": URL_LIMIT, "pattern": "^https?://" },
                "clientId": { "type": "string", "minLength": 1, "maxLength": VALUE_LIMIT, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" },
                "clientSecret": credential,
                "scope": { "type": ["string", "null"], "maxLength": VALUE_LIMIT, "pattern": r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$" },
            })
        ),
    ])
}

/// Seals a secret for the endpoint at hand.
pub(super) type Seal<'a> = &'a dyn Fn(&str) -> Result<Sealed, Problem>;

type Rule = fn(&str) -> Result<(), &'static str>;

impl AuthIn {
    /// Checks every rule that needs no look at what is stored, and normalizes the URL.
    pub(super) fn check(&mut self, check: &mut Check, plain_http: bool) {
        match self.kind {
            Kind::None => {}
            Kind::Basic => {
                required(check, "username", self.username.as_deref(), username);
                optional(check, "password", self.password.as_deref(), credential);
            }
            Kind::Bearer => optional(check, "token", self.token.as_deref(), field_value),
            Kind::Header => {
                required(check, "name", self.name.as_deref(), manner_in::header_name);
                optional(check, "value", self.value.as_deref(), field_value);
            }
            Kind::OAuth2 => {
                match self.token_url.as_deref().map(|text| token_url(text, plain_http)) {
                    Some(Ok(url)) => self.token_url = Some(url),
                    Some(Err(why)) => fail(check, "tokenUrl", why),
                    None => fail(check, "tokenUrl", MISSING),
                }
                required(check, "clientId", self.client_id.as_deref(), client);
                optional(check, "clientSecret", self.client_secret.as_deref(), credential);
                optional(check, "scope", self.scope.as_deref(), scope);
            }
        }
    }

    /// What is stored of it. A secret that is not given is the one that stands, if the type is the same.
    pub(super) fn sealed(&self, standing: &Auth, seal: Seal<'_>) -> Result<Auth, Problem> {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        Ok(match self.kind {
            Kind::None => Auth::None,
            Kind::Basic => {
                let kept = if let Auth::Basic { password, .. } = standing { Some(password) } else { None };
                let password = secret("password", self.password.as_deref(), kept, seal)?;
                Auth::Basic { username: text(&self.username), password }
            }
            Kind::Bearer => {
                let kept = if let Auth::Bearer { token } = standing { Some(token) } else { None };
                Auth::Bearer { token: secret("token", self.token.as_deref(), kept, seal)? }
            }
            Kind::Header => {
                let kept = if let Auth::Header { value, .. } = standing { Some(value) } else { None };
                Auth::Header { name: text(&self.name), value: secret("value", self.value.as_deref(), kept, seal)? }
            }
            Kind::OAuth2 => self.client(standing, seal)?,
        })
    }

    fn client(&self, standing: &Auth, seal: Seal<'_>) -> Result<Auth, Problem> {
        let url = self.token_url.clone().unwrap_or_default();
        let kept = match standing {
            // It is not sent to another server than the one it was given for.
            Auth::OAuth2 { token_url, client_secret, .. } if *token_url == url => Some(client_secret),
            _ => None,
        };
        let client_secret = secret("clientSecret", self.client_secret.as_deref(), kept, seal)?;
        let client_id = self.client_id.clone().unwrap_or_default();
        Ok(Auth::OAuth2 { token_url: url, client_id, client_secret, scope: self.scope.clone() })
    }
}

const MISSING: &str = "must be given with this type of authentication";

fn secret(field: &str, given: Option<&str>, kept: Option<&Sealed>, seal: Seal<'_>) -> Result<Sealed, Problem> {
    match (given, kept) {
        (Some(text), _) => seal(text),
        (None, Some(kept)) => Ok(kept.clone()),
        (None, None) => Err(Problem::invalid(&["body", "delivery", "auth", field], MISSING)),
    }
}

fn fail(check: &mut Check, field: &str, why: &'static str) {
    check.fail(&["body", "delivery", "auth", field], why);
}

fn required(check: &mut Check, field: &str, given: Option<&str>, rule: Rule) {
    match given {
        Some(_) => optional(check, field, given, rule),
        None => fail(check, field, MISSING),
    }
}

fn optional(check: &mut Check, field: &str, given: Option<&str>, rule: Rule) {
    if let Some(Err(why)) = given.map(rule) {
        fail(check, field, why);
    }
}

/// The client's own authentication would take the place of a name and password.
fn token_url(text: &str, plain_http: bool) -> Result<String, &'static str> {
    let url = target_url::normalized(text, plain_http)?;
    if without_userinfo(&url) == url { Ok(url) } else { Err("must not hold a user name or password") }
}

/// RFC 7617, section 2: no colon in the name, no control characters at all. Either may be empty.
fn credential(text: &str) -> Result<(), &'static str> {
    if text.len() > VALUE_LIMIT {
        return Err("must be at most 4096 bytes");
    }
    if text.chars().any(char::is_control) { Err("must not hold control characters") } else { Ok(()) }
}

fn username(text: &str) -> Result<(), &'static str> {
    if text.contains(':') { Err("must not hold a colon: it ends the name") } else { credential(text) }
}

fn client(text: &str) -> Result<(), &'static str> {
    if text.is_empty() { Err("must not be empty") } else { credential(text) }
}

fn field_value(text: &str) -> Result<(), &'static str> {
    // What is around it would not arrive (RFC 9110, section 5.5).
    if text.is_empty() || text.trim() != text {
        return Err("must not be empty, or begin or end with a space");
    }
    headers::check_value(text)
}

/// RFC 6749, section 3.3.
fn scope(text: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let fits = text.len() <= VALUE_LIMIT && text.split(' ').all(|part| !part.is_empty() && part.bytes().all(fits));
    if fits { Ok(()) } else { Err("must be 1 to 4096 bytes: scopes of printable ASCII with one space between") }
}
