//! Bodies that Postrider writes itself: `CloudEvents` and batches. A JSON payload stands in them as it was published,
//! never read and written anew; any other is a string.

use std::{fmt::Write as _, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{Event, JSON};
use crate::{
    ids::{Ksuid, MessageId},
    time::Time,
};

const SPEC_VERSION: &str = "1.0";

/// The JSON event format (`CloudEvents` 1.0.2).
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: MessageId,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: Time,
    datacontenttype: &'a str,
    data: Data<'a>,
}

/// An event among others.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    id: MessageId,
    event_type: &'a str,
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    payload: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

impl<'a> Data<'a> {
    fn of(event: &Event<'a>) -> Self {
        let text: &'a str = event.payload;
        let raw = if event.content_type.is_none_or(is_json) { serde_json::from_str(text).ok() } else { None };
        raw.map_or(Self::Text(text), Self::Json)
    }
}

impl<'a> CloudEvent<'a> {
    fn new(event: &Event<'a>, source: &'a str) -> Self {
        Self {
            specversion: SPEC_VERSION,
            id: event.id,
            source,
            event_type: event.event_type,
            time: event.at(),
            datacontenttype: event.content_type.unwrap_or(JSON),
            data: Data::of(event),
        }
    }
}

impl<'a> Element<'a> {
    fn new(event: &Event<'a>) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            timestamp: event.at(),
            content_type: event.content_type,
            payload: Data::of(event),
        }
    }
}

/// Whether content of that type is JSON (RFC 6839, section 3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == JSON || essence.ends_with("+json")
}

/// One event in `CloudEvents`' structured form.
pub(super) fn cloud_event(event: &Event<'_>, source: &str) -> Arc<[u8]> {
    json(&CloudEvent::new(event, source))
}

/// Several of them.
pub(super) fn cloud_events(events: &[Event<'_>], source: &str) -> Arc<[u8]> {
    json(&events.iter().map(|event| CloudEvent::new(event, source)).collect::<Vec<_>>())
}

/// Several events in the form of our own.
pub(super) fn array(events: &[Event<'_>]) -> Arc<[u8]> {
    json(&events.iter().map(Element::new).collect::<Vec<_>>())
}

fn json(value: &impl Serialize) -> Arc<[u8]> {
    // Strings, numbers and JSON that was read before: there is nothing that could fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// The headers of `CloudEvents`' binary form.
pub(super) fn attributes(event: &Event<'_>, source: &str) -> [(&'static str, String); 5] {
    [
        ("ce-specversion", SPEC_VERSION.to_owned()),
        ("ce-id", event.id.to_string()),
        ("ce-source", source.to_owned()),
        ("ce-type", event.event_type.to_owned()),
        ("ce-time", event.at().to_string()),
    ]
}

/// An attribute as a header's value (`CloudEvents` HTTP binding 1.0.2, section 3.1.3.2).
pub(super) fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => _ = write!(text, "%{byte:02X}"),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => _ = write!(text, "%{byte:02X}"),
        }
    }
    text
}

/// The `webhook-id` of several events: the same for the same events, whatever their order.
pub fn batch_id(members: impl IntoIterator<Item = MessageId>) -> String {
    let mut members: Vec<MessageId> = members.into_iter().collect();
    members.sort_unstable();
    let mut hash = Sha256::new();
    for member in members {
        hash.update(member.to_string());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut short = [0; 20];
    short.copy_from_slice(&hash[..20]);
    format!("batch_{}", Ksuid::from_bytes(short))
}
