//! Stripe: <https://docs.stripe.com/webhooks/signature>.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    Accepted, Refused, Request,
    mac::{Hash, any_verifies, unhex},
    timestamp::{TOLERANCE, timely},
};

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

pub(super) fn verify(secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
    let header = request.headers.only("stripe-signature").ok_or(Refused::BadSignature)?;
    let timestamp = timestamp(header).ok_or(Refused::BadSignature)?;
    let tags = members(header).filter(|(name, _)| *name == "v1").filter_map(|(_, value)| unhex(value));
    let tags: Vec<_> = tags.collect();
    if !any_verifies(Hash::Sha256, secrets, &[timestamp.as_bytes(), b".", request.body], &tags) {
        return Err(Refused::BadSignature);
    }
    timely(timestamp, request.now, TOLERANCE)?;
    let event: Event<'_> =
        serde_json::from_slice(request.body).map_err(|_| Refused::Malformed("the body is not an event of Stripe"))?;
    Ok(Accepted::event(event.id, event.kind))
}

/// The only one: a header that was sent twice arrives as one with two.
fn timestamp(header: &str) -> Option<&str> {
    let mut all = members(header).filter(|(name, _)| *name == "t");
    all.next().filter(|_| all.next().is_none()).map(|(_, value)| value)
}

fn members(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(',').filter_map(|part| part.trim().split_once('='))
}
