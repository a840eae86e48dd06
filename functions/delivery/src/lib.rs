//! The delivery function: batches of the delivery queue in, requests to endpoints out.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use postrider_core::{
    deliver::{Courier, Received},
    outbound::Sender,
    ports::{Ambient, Deliveries, Inbox, Keys},
    time::Time,
};

/// Handles one batch; what is named in the answer comes back, everything else is done.
pub async fn handle<D: Deliveries, I: Inbox, S: Sender, K: Keys, A: Ambient>(
    courier: &Courier<D, I, S, K, A>,
    event: SqsEvent,
    deadline: Time,
) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    let batch = event.records.into_iter().filter_map(received).collect();
    for id in courier.handle(batch, deadline).await {
        answer.add_failure(id);
    }
    answer
}

/// A record without an id cannot be named in the answer, and an unknown name would fail the whole batch; SQS always
/// gives one.
fn received(message: SqsMessage) -> Option<Received> {
    let receives = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Some(Received {
        id: message.message_id.filter(|id| !id.is_empty())?,
        receipt: message.receipt_handle.unwrap_or_default(),
        receives: receives.unwrap_or(1),
        body: message.body.unwrap_or_default(),
    })
}

/// Time for a batch where the invocation's deadline has passed already, as `cargo lambda watch` gives it.
const WATCHED: Duration = Duration::from_secs(30);

/// The end of an invocation, from the context's milliseconds since the epoch.
pub fn deadline(millis: u64, now: Time) -> Time {
    let deadline = Time::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    if deadline > now { deadline } else { now.plus(WATCHED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_messages_as_lambda_expects() {
        let mut answer = SqsBatchResponse::default();
        answer.add_failure("a");
        let json = serde_json::to_value(&answer).expect("JSON");
        assert_eq!(json, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "a"}]}));
        let json = serde_json::to_value(SqsBatchResponse::default()).expect("JSON");
        assert_eq!(json, serde_json::json!({"batchItemFailures": []}));
    }

    #[test]
    fn a_record_without_an_id_is_left_out() {
        let event = r#"{"Records":[{"messageId":"","body":"x"},{"messageId":"m","receiptHandle":"r","body":"x",
            "attributes":{"ApproximateReceiveCount":"4"}}]}"#;
        let event: SqsEvent = serde_json::from_str(event).expect("an event");
        let got: Vec<_> = event.records.into_iter().filter_map(received).collect();
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].id.as_str(), got[0].receives), ("m", 4));
    }
}
