//! GitHub: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
//!
//! It signs no time, and the delivery's id is not signed: only HTTPS keeps what it sends from being sent again.

use super::{
    Accepted, Refused, Request,
    mac::{Hash, any_verifies, unhex},
};

pub(super) fn verify(secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
    let signature = request.headers.only("x-hub-signature-256").and_then(|value| value.strip_prefix("sha256="));
    let tag = signature.and_then(unhex).ok_or(Refused::BadSignature)?;
    if !any_verifies(Hash::Sha256, secrets, &[request.body], &[tag]) {
        return Err(Refused::BadSignature);
    }
    let id = request.headers.first("x-github-delivery").ok_or(Refused::Malformed("X-GitHub-Delivery is missing"))?;
    let kind = request.headers.first("x-github-event").ok_or(Refused::Malformed("X-GitHub-Event is missing"))?;
    Ok(Accepted::event(id, kind))
}
