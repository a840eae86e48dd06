//! Slack: <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
//!
//! Events come as JSON; slash commands and interactions as forms, whose answers are shown to people: so all answers are
//! empty. What has no id of its own is known by its signature, which the same bytes in another second do not have.

use std::borrow::Cow;

use serde::Deserialize;
use url::form_urlencoded;

use super::{
    Accepted, Refused, Request,
    mac::{Hash, any_verifies, unhex},
    timestamp::{TOLERANCE, timely},
};

const UNREADABLE: Refused = Refused::Malformed("the body is not a request of Slack");

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    challenge: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    event_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    event: Option<Inner<'a>>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

pub(super) fn verify(secrets: &[String], request: &Request<'_>) -> Result<Accepted, Refused> {
    let headers = request.headers;
    let signature = headers.only("x-slack-signature").ok_or(Refused::BadSignature)?;
    let timestamp = headers.only("x-slack-request-timestamp").ok_or(Refused::BadSignature)?;
    let tag = signature.strip_prefix("v0=").and_then(unhex).ok_or(Refused::BadSignature)?;
    let parts = [b"v0:", timestamp.as_bytes(), b":", request.body];
    if !any_verifies(Hash::Sha256, secrets, &parts, &[tag]) {
        return Err(Refused::BadSignature);
    }
    timely(timestamp, request.now, TOLERANCE)?;
    let is_form =
        headers.first("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form { form(request.body, signature) } else { json(request.body, signature) }
}

fn json(body: &[u8], signature: &str) -> Result<Accepted, Refused> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|_| UNREADABLE)?;
    if let (Some(challenge), "url_verification") = (&body.challenge, body.kind.as_ref()) {
        return Ok(Accepted::Challenge(challenge.to_string()));
    }
    let kind = body.event.map_or(body.kind, |event| event.kind);
    Ok(Accepted::event(body.event_id.unwrap_or_else(|| signature.into()), kind))
}

/// An interaction is JSON in a field; a slash command has fields of its own.
fn form(body: &[u8], signature: &str) -> Result<Accepted, Refused> {
    let payload = form_urlencoded::parse(body).find(|(name, _)| name == "payload");
    let Some((_, payload)) = payload else { return Ok(Accepted::event(signature, "slash_command")) };
    let body: Body<'_> = serde_json::from_str(&payload).map_err(|_| UNREADABLE)?;
    Ok(Accepted::event(signature, body.kind))
}
