//! Shopify: <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>.
//!
//! It signs no time, and its ids are headers that are not signed: only HTTPS keeps what it sends from being sent again.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Accepted, Refused, Request,
    mac::{Hash, any_verifies},
};

pub(super) fn verify(secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
    let signature = request.headers.only("x-shopify-hmac-sha256");
    let tag = signature.and_then(|text| STANDARD.decode(text).ok()).ok_or(Refused::BadSignature)?;
    if !any_verifies(Hash::Sha256, secrets, &[request.body], &[tag]) {
        return Err(Refused::BadSignature);
    }
    let topic = request.headers.first("x-shopify-topic").ok_or(Refused::Malformed("X-Shopify-Topic is missing"))?;
    Ok(Accepted::event(id(request, topic)?, topic))
}

/// An event may be told under several topics: its id alone is not that of the webhook.
fn id(request: &Request<'_>, topic: &str) -> Result<String, Refused> {
    let webhook = request.headers.first("x-shopify-webhook-id").map(str::to_owned);
    let event = || request.headers.first("x-shopify-event-id").map(|id| format!("{topic} {id}"));
    webhook.or_else(event).ok_or(Refused::Malformed("X-Shopify-Webhook-Id is missing"))
}
