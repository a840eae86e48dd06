//! How the sender of a source proves that a request is its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Accepted, ApiKey, Jwt, Refused, Request, Signed, github, shopify, slack, standard_webhooks, stripe};
use crate::rules::Check;

/// Longest secret, in bytes: a public RSA key of 8192 bits in PEM has 1,500.
pub(crate) const SECRET_LIMIT: usize = 4_096;

/// The type of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Standard Webhooks.
    StandardWebhooks,
    /// GitHub.
    Github,
    /// Stripe.
    Stripe,
    /// Shopify.
    Shopify,
    /// Slack.
    Slack,
    /// An HMAC that the source describes.
    Hmac,
    /// A secret that is shown.
    ApiKey,
    /// A JWT.
    Jwt,
}

/// A type with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "config", rename_all = "kebab-case")]
#[schemars(rename = "SourcePreset")]
pub enum Preset {
    /// Standard Webhooks.
    StandardWebhooks,
    /// GitHub.
    Github,
    /// Stripe.
    Stripe,
    /// Shopify.
    Shopify,
    /// Slack.
    Slack,
    /// An HMAC that the source describes.
    Hmac(Box<Signed>),
    /// A secret that is shown.
    ApiKey(ApiKey),
    /// A JWT.
    Jwt(Box<Jwt>),
}

impl Preset {
    /// The type.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::StandardWebhooks => Kind::StandardWebhooks,
            Self::Github => Kind::Github,
            Self::Stripe => Kind::Stripe,
            Self::Shopify => Kind::Shopify,
            Self::Slack => Kind::Slack,
            Self::Hmac(_) => Kind::Hmac,
            Self::ApiKey(_) => Kind::ApiKey,
            Self::Jwt(_) => Kind::Jwt,
        }
    }

    /// What the event types of its messages begin with, unless the source says otherwise.
    pub const fn prefix(&self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Stripe => "stripe",
            Self::Shopify => "shopify",
            Self::Slack => "slack",
            Self::StandardWebhooks | Self::Hmac(_) | Self::ApiKey(_) | Self::Jwt(_) => "",
        }
    }

    /// Whether the answer to an event must be empty, because it is shown to people.
    pub const fn is_answered_empty(&self) -> bool {
        matches!(self, Self::Slack)
    }

    /// Checks every rule of the settings.
    pub(crate) fn check(&self, check: &mut Check) {
        match self {
            Self::Hmac(signed) => signed.check(check),
            Self::ApiKey(api_key) => api_key.check(check),
            Self::Jwt(jwt) => jwt.check(check),
            Self::StandardWebhooks | Self::Github | Self::Stripe | Self::Shopify | Self::Slack => {}
        }
    }

    /// Whether the text can be a secret of this source.
    pub(crate) fn check_secret(&self, secret: &str) -> Result<(), &'static str> {
        if secret.is_empty() || secret.len() > SECRET_LIMIT {
            return Err("must be 1 to 4096 bytes");
        }
        match self {
            Self::StandardWebhooks => standard_webhooks::check_secret(secret),
            Self::Hmac(signed) => signed.check_secret(secret),
            Self::Jwt(jwt) => jwt.check_secret(secret),
            // What is around it would not arrive (RFC 9110, section 5.5).
            Self::ApiKey(_) if secret.trim() != secret => Err("must not begin or end with a space"),
            Self::ApiKey(_) | Self::Github | Self::Stripe | Self::Shopify | Self::Slack => Ok(()),
        }
    }

    /// Looks whether one of the secrets has signed the request, and only then what it says.
    pub fn verify(&self, secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
        match self {
            Self::StandardWebhooks => standard_webhooks::verify(secrets, request),
            Self::Github => github::verify(secrets, request),
            Self::Stripe => stripe::verify(secrets, request),
            Self::Shopify => shopify::verify(secrets, request),
            Self::Slack => slack::verify(secrets, request),
            Self::Hmac(signed) => signed.verify(secrets, request),
            Self::ApiKey(api_key) => api_key.verify(secrets, request),
            Self::Jwt(jwt) => jwt.verify(secrets, request),
        }
    }
}
