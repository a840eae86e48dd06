//! What the API knows of a captured request: the endpoint's secret, and the payload that was published.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{capture::Captured, judge::Check, key::Key};
use crate::{client::Client, failure::Failure};

#[derive(Deserialize)]
struct Secret {
    key: String,
}

#[derive(Deserialize)]
struct Published {
    payload: Box<RawValue>,
}

/// The endpoint's key, and before it those that were given; says whether the endpoint's was among them.
pub(crate) async fn keys(
    client: &Client,
    app: &str,
    endpoint: &str,
    mut given: Vec<Key>,
    checks: &mut Vec<Check>,
) -> Result<Vec<Key>, Failure> {
    let secret: Secret = client.get(&["app", app, "endpoint", endpoint, "secret"]).send().await?;
    if !given.is_empty() {
        checks.push(if given.iter().any(|key| key.is(&secret.key)) {
            Check::good("secret", "is the endpoint's")
        } else {
            Check::bad("secret", "is not the endpoint's: another endpoint's, or from before a rotation")
        });
    }
    given.push(secret.key.parse().map_err(Failure::Failed)?);
    Ok(given)
}

/// Whether the captured body is the published payload. Only where that says something: not for endpoints that wrap or
/// batch payloads, nor for payloads that are not JSON.
pub(crate) async fn payload(client: &Client, app: &str, request: &Captured) -> Result<Option<Check>, Failure> {
    let Some(id) = request.id.as_deref().filter(|id| id.starts_with("msg_")) else { return Ok(None) };
    let published: Published = match client.get(&["app", app, "msg", id]).send().await {
        Ok(published) => published,
        Err(Failure::Refused { status, .. }) if status == StatusCode::NOT_FOUND.as_u16() => {
            return Ok(Some(Check::bad(
                "message",
                format!("{id} was not published in this application, or has expired"),
            )));
        }
        Err(failure) => return Err(failure),
    };
    let (sent, here) = (published.payload.get().as_bytes(), request.body.as_slice());
    Ok(Some(match sent.iter().zip(here).position(|(a, b)| a != b) {
        None if sent.len() == here.len() => Check::good("body", "is the published payload"),
        at => {
            let at = at.unwrap_or(sent.len().min(here.len()));
            Check::bad("body", format!("is not the published payload: it differs from byte {at} on"))
        }
    }))
}
