//! What a queue or an event bus hands over.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_http::Error;
use postrider_core::{
    intake::{Intake, Letter},
    ports::{Ambient, Claims, Jobs, Messages, Outbox, Paces, Rejects, Subscribers},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The message attribute with a producer's own idempotency key.
const KEY_ATTRIBUTE: &str = "IdempotencyKey";

/// Publishes what an event holds. The answer names the messages of the queue that must come again; an error makes an
/// event of the bus come again.
pub async fn handed_over<D, L, Q, A, R>(intake: &Intake<D, L, Q, A, R>, event: &RawValue) -> Result<Value, Error>
where
    D: Subscribers,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
    R: Rejects,
{
    let Some(letters) = letters(event)? else {
        intake.event(event.get()).await?;
        return Ok(Value::Null);
    };
    let mut answer = SqsBatchResponse::default();
    for id in intake.letters(letters).await {
        answer.add_failure(id);
    }
    Ok(serde_json::to_value(answer)?)
}

/// The queue's messages; nothing if the event is not of a queue.
fn letters(event: &RawValue) -> Result<Option<Vec<Letter>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(rename = "Records")]
        records: Option<serde::de::IgnoredAny>,
    }
    if serde_json::from_str::<Shape>(event.get())?.records.is_none() {
        return Ok(None);
    }
    let event: SqsEvent = serde_json::from_str(event.get())?;
    Ok(Some(event.records.into_iter().filter_map(letter).collect()))
}

/// A record without an id cannot be named in the answer; SQS always gives one.
fn letter(mut message: SqsMessage) -> Option<Letter> {
    let key = message.message_attributes.remove(KEY_ATTRIBUTE).and_then(|attribute| attribute.string_value);
    Some(Letter {
        id: message.message_id.filter(|id| !id.is_empty())?,
        key: key.filter(|key| !key.is_empty()),
        body: message.body.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[test]
    fn the_queue_s_messages_come_with_their_keys() {
        let found = letters(&event(include_str!("../../../events/ingest/sqs.json"))).expect("letters").expect("some");
        let ids: Vec<_> = found.iter().map(|letter| (letter.id.as_str(), letter.key.as_deref())).collect();
        assert_eq!(ids, [("plain", None), ("keyed", Some("order-7-paid")), ("nonsense", None)]);
    }

    #[test]
    fn a_bus_s_event_has_no_messages() {
        assert!(
            letters(&event(include_str!("../../../events/ingest/eventbridge.json"))).is_ok_and(|found| found.is_none())
        );
    }
}
