use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use postrider_core::{
    blob,
    ids::{EndpointId, Id as _, Ksuid},
    message::Message,
    time::Time,
};

use super::{expires, ids_from, ids_of, set_expires};
use crate::dynamo::{BadItem, Fields as _, Item, bytes, keyed, number, size, text};

/// Endpoints that were added afterwards.
pub(in crate::ledger) const ALSO: &str = "also";
/// Stands in place of a payload that was expunged.
pub(in crate::ledger) const EXPUNGED: &str = "expunged";

/// A message's item: its payload compressed where that saves a write unit.
pub(in crate::ledger) fn message_item(message: &Message) -> Item {
    let mut item = keyed(message.app, message.id);
    item.insert("type".to_owned(), text(&message.event_type));
    item.insert("at".to_owned(), number(message.at.micros()));
    set_expires(&mut item, message.expires_at);
    if let Some(event) = &message.event_id {
        item.insert("event".to_owned(), text(event));
    }
    if let Some(content_type) = &message.content_type {
        item.insert("ct".to_owned(), text(content_type));
    }
    if let Some(trace) = message.trace {
        item.insert("trace".to_owned(), text(trace));
    }
    if message.fans_out {
        item.insert("fan".to_owned(), AttributeValue::Bool(true));
    }
    // A set of its own, so that endpoints are added without reading the message.
    if !message.also.is_empty() {
        let also = message.also.iter().map(|id| id.ksuid().bytes().to_vec().into());
        item.insert(ALSO.to_owned(), AttributeValue::Bs(also.collect()));
    }
    if let Some(channels) = &message.channels {
        item.insert("channels".to_owned(), AttributeValue::L(channels.iter().map(text).collect()));
    }
    for (name, endpoints) in [("eps", &message.endpoints), ("held", &message.held)] {
        if !endpoints.is_empty() {
            item.insert(name.to_owned(), bytes(ids_of(endpoints)));
        }
    }
    match &message.payload {
        Some(payload) => {
            let beside = size(&item) + "payload".len();
            item.insert("payload".to_owned(), bytes(blob::pack(payload.as_bytes(), beside)));
        }
        None => drop(item.insert(EXPUNGED.to_owned(), AttributeValue::Bool(true))),
    }
    item
}

/// Reads [`message_item`].
pub(in crate::ledger) fn message_from(item: &Item) -> Result<Message, BadItem> {
    Ok(Message {
        id: item.parsed("sk")?,
        app: item.parsed("pk")?,
        event_type: item.text("type")?.to_owned(),
        event_id: item.maybe_text("event").map(str::to_owned),
        channels: channels(item)?,
        payload: payload(item)?,
        at: item.number("at").map(Time::from_micros)?,
        expires_at: expires(item)?,
        endpoints: ids_from(item, "eps")?,
        held: ids_from(item, "held")?,
        also: also(item)?,
        content_type: item.maybe_text("ct").map(str::to_owned),
        // For people who look; a damaged one is not worth a message.
        trace: item.maybe_text("trace").and_then(|trace| trace.parse().ok()),
        fans_out: item.contains_key("fan"),
    })
}

fn also(item: &Item) -> Result<Vec<EndpointId>, BadItem> {
    let Some(value) = item.get(ALSO) else { return Ok(Vec::new()) };
    let set = value.as_bs().map_err(|_| BadItem::Attribute(ALSO))?;
    let ids: Result<Vec<_>, _> = set.iter().map(|id| <[u8; 20]>::try_from(id.as_ref())).collect();
    let ids = ids.map_err(|_| BadItem::Attribute(ALSO))?;
    Ok(ids.into_iter().map(|id| EndpointId::from_ksuid(Ksuid::from_bytes(id))).collect())
}

/// A payload that is missing for another reason than that somebody had it removed is a damaged item.
fn payload(item: &Item) -> Result<Option<Arc<str>>, BadItem> {
    if item.contains_key(EXPUNGED) {
        return Ok(None);
    }
    let payload = String::from_utf8(blob::unpack(item.bytes("payload")?)?);
    payload.map(|payload| Some(payload.into())).map_err(|_| BadItem::Attribute("payload"))
}

fn channels(item: &Item) -> Result<Option<Vec<String>>, BadItem> {
    let malformed = || BadItem::Attribute("channels");
    let Some(value) = item.get("channels") else { return Ok(None) };
    let list = value.as_l().map_err(|_| malformed())?;
    let texts = list.iter().map(|channel| channel.as_s().cloned().map_err(|_| malformed()));
    texts.collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use postrider_core::ids::{AppId, MessageId};
    use proptest::prelude::*;

    use super::*;

    fn message(payload: &str, ids: &[[u8; 20]], channels: Option<Vec<String>>, event_id: Option<String>) -> Message {
        let endpoints: Vec<_> = ids.iter().map(|id| EndpointId::from_ksuid(Ksuid::from_bytes(*id))).collect();
        Message {
            id: MessageId::from_ksuid(Ksuid::from_bytes([1; 20])),
            app: AppId::from_ksuid(Ksuid::from_bytes([2; 20])),
            event_type: "invoice.paid".to_owned(),
            event_id,
            channels,
            payload: Some(payload.into()),
            at: Time::from_micros(1_790_000_000_000_001),
            expires_at: Time::from_secs(1_800_000_000),
            held: endpoints.iter().rev().copied().collect(),
            content_type: None,
            also: endpoints.iter().take(1).copied().collect(),
            trace: None,
            fans_out: false,
            endpoints,
        }
    }

    proptest! {
        #[test]
        fn an_item_reads_back_as_the_message(
            payload: String,
            ids in prop::collection::vec(any::<[u8; 20]>(), 0..5),
            channels: Option<Vec<String>>,
            event_id: Option<String>,
            content_type: Option<String>,
            fans_out: bool,
            expunged: bool,
        ) {
            let mut message = Message { content_type, fans_out, ..message(&payload, &ids, channels, event_id) };
            if expunged {
                message.payload = None;
            }
            prop_assert_eq!(message_from(&message_item(&message)).ok(), Some(message));
        }
    }

    #[test]
    fn a_kilobyte_that_compresses_takes_one_write_unit() {
        let payload = format!("{{\"lines\":[{}]}}", "\"a line of an invoice\",".repeat(44));
        let item = message_item(&message(&payload, &[[3; 20]], None, None));
        assert!(payload.len() > 1_000);
        assert!(size(&item) <= 1_024);
    }

    #[test]
    fn a_damaged_item_is_an_error() {
        let mut item = message_item(&message("{}", &[[3; 20]], None, None));
        item.insert("eps".to_owned(), bytes(vec![0; 21]));
        assert!(message_from(&item).is_err());
        item.remove("eps");
        assert!(message_from(&item).is_ok());
        item.remove("payload");
        assert!(message_from(&item).is_err());
    }
}
