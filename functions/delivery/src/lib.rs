//! The delivery function: batches of the delivery queues in, requests to endpoints out.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use postrider_core::{
    deliver::{Courier, Queues, Received, Store},
    outbound::Sender,
    ports::{Ambient, Keys, Way},
    time::Time,
};

/// Handles one batch of a queue; what is named in the answer comes back, everything else is done.
pub async fn handle<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient>(
    courier: &Courier<D, Q, S, K, A>,
    event: SqsEvent,
    way: Way,
    deadline: Time,
) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    let batch = event.records.into_iter().filter_map(received).collect();
    for id in courier.handle(batch, way, deadline).await {
        answer.add_failure(id);
    }
    answer
}

/// Which queue a batch is from: a mapping has one. Its records name the queue's ARN, which ends as the queue's URL does.
pub fn way(event: &SqsEvent, retry_queue_url: &str) -> Way {
    let name = retry_queue_url.rsplit('/').next().unwrap_or_default();
    let of_retry = |arn: &str| arn.rsplit(':').next() == Some(name);
    let source = event.records.first().and_then(|record| record.event_source_arn.as_deref());
    if source.is_some_and(of_retry) { Way::Retry } else { Way::Prompt }
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
    fn the_queue_is_known_by_its_name() {
        let of = |arn: &str| {
            let record = serde_json::json!({"messageId": "m", "body": "", "eventSourceARN": arn});
            let event: SqsEvent = serde_json::from_value(serde_json::json!({"Records": [record]})).expect("an event");
            way(&event, "https://sqs.eu-west-1.amazonaws.com/123456789012/p-RetryQueue-1")
        };
        assert_eq!(of("arn:aws:sqs:eu-west-1:123456789012:p-RetryQueue-1"), Way::Retry);
        assert_eq!(of("arn:aws:sqs:eu-west-1:123456789012:p-DeliveryQueue-1"), Way::Prompt);
        assert_eq!(way(&SqsEvent::default(), "https://sqs/1/p"), Way::Prompt);
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
