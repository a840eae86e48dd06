//! The forms in which events come: ours in the publish queue, and EventBridge's in either way.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EventMap, Letter};
use crate::{
    claim::{ClaimKey, fingerprint},
    ids::OrgId,
    problem::{Problem, from_json},
    publish::{Draft, MESSAGE_LIMIT, Repeatable},
};

/// Something to publish.
pub(super) struct Order<'a> {
    pub(super) org: OrgId,
    pub(super) app: String,
    pub(super) draft: Draft<'a>,
    pub(super) request: Repeatable,
}

/// What a letter may be. The fields of the one are not the others'.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(rename = "detail-type", default)]
    detail_type: Option<serde::de::IgnoredAny>,
    /// Lambda's record of an invocation that failed for good.
    #[serde(borrow, default)]
    request_payload: Option<&'a RawValue>,
}

/// A message with whom it is for.
#[derive(Deserialize)]
struct Addressed<'a> {
    organization: OrgId,
    application: String,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// The parts of an EventBridge event that count (EventBridge User Guide, "AWS event structure").
#[derive(Deserialize)]
struct BusEvent<'a> {
    id: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// Reads a letter: a message of ours, an event that a rule sent to the queue, or one that was set aside by Lambda.
pub(super) fn read_letter<'a>(letter: &'a Letter, map: &EventMap) -> Result<Order<'a>, Problem> {
    let shape: Shape<'_> = from_json(letter.body.as_bytes())?;
    if shape.detail_type.is_some() {
        return read_event(&letter.body, map);
    }
    if let Some(event) = shape.request_payload {
        return read_event(event.get(), map);
    }
    let Addressed { organization: org, application: app, message } = from_json(letter.body.as_bytes())?;
    let text = within_limit(message.get())?;
    let key = letter.key.as_deref().unwrap_or(&letter.id);
    let key = ClaimKey::idempotency(&org, &format!("sqs {app}"), key);
    let request = Repeatable { key: Some(key), fingerprint: fingerprint(&[text.as_bytes()]) };
    Ok(Order { org, app, draft: from_json(text.as_bytes())?, request })
}

/// Reads an event of the bus. Its id is the idempotency key.
pub(super) fn read_event<'a>(event: &'a str, map: &EventMap) -> Result<Order<'a>, Problem> {
    let event: BusEvent<'_> = from_json(event.as_bytes())?;
    let detail = within_limit(event.detail.get())?;
    let org = map.organization.clone().ok_or_else(|| {
        Problem::refused(400, "not_configured", "Events of the bus belong to no organization: EventBridgeOrganization")
    })?;
    let event_type = map.types.of(&event.detail_type)?;
    let app = map.application.find(event.detail)?;
    let key = ClaimKey::idempotency(&org, &format!("eventbridge {app}"), &event.id);
    let parts = [event.detail_type.as_bytes(), detail.as_bytes()];
    let request = Repeatable { key: Some(key), fingerprint: fingerprint(&parts) };
    Ok(Order { org, app, draft: Draft::new(event_type, None, event.detail), request })
}

fn within_limit(text: &str) -> Result<&str, Problem> {
    if text.len() > MESSAGE_LIMIT {
        return Err(Problem::too_large("The message", text.len(), MESSAGE_LIMIT));
    }
    Ok(text)
}
