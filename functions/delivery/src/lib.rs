//! The delivery function: batches of the delivery queues in, requests to endpoints out.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use postrider_core::{
    deliver::{Courier, Queues, Received, Store},
    outbound::Sender,
    ports::{Ambient, Keys, Way},
    time::Time,
};
use serde::Deserialize;

/// What a queue hands over, as far as it counts here (AWS Lambda developer guide, "Using Lambda with Amazon SQS"): most of
/// a record is not looked at, and a batch is read in a third of the time.
#[derive(Debug, Default, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(rename = "eventSourceARN", default)]
    source: String,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receives: Option<String>,
}

impl Batch {
    /// Of how many messages.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Never; Lambda hands over something.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Handles one batch of a queue; what is named in the answer comes back, everything else is done.
pub async fn handle<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient>(
    courier: &Courier<D, Q, S, K, A>,
    batch: Batch,
    way: Way,
    deadline: Time,
) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    let batch = batch.records.into_iter().filter_map(received).collect();
    for id in courier.handle(batch, way, deadline).await {
        answer.add_failure(id);
    }
    answer
}

/// Which queue a batch is from: a mapping has one. Its records name the queue's ARN, which ends as the queue's URL does.
pub fn way(batch: &Batch, retry_queue_url: &str) -> Way {
    let name = retry_queue_url.rsplit('/').next().unwrap_or_default();
    let of_retry = |record: &Record| record.source.rsplit(':').next() == Some(name);
    if batch.records.first().is_some_and(of_retry) { Way::Retry } else { Way::Prompt }
}

/// A record without an id cannot be named in the answer, and an unknown name would fail the whole batch; SQS always
/// gives one.
fn received(record: Record) -> Option<Received> {
    let receives = record.attributes.receives.and_then(|count| count.parse().ok()).unwrap_or(1);
    let Record { message_id: id, receipt_handle: receipt, body, .. } = record;
    (!id.is_empty()).then_some(Received { id, receipt, receives, body })
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
            let batch: Batch = serde_json::from_value(serde_json::json!({"Records": [record]})).expect("an event");
            way(&batch, "https://sqs.eu-west-1.amazonaws.com/123456789012/p-RetryQueue-1")
        };
        assert_eq!(of("arn:aws:sqs:eu-west-1:123456789012:p-RetryQueue-1"), Way::Retry);
        assert_eq!(of("arn:aws:sqs:eu-west-1:123456789012:p-DeliveryQueue-1"), Way::Prompt);
        assert_eq!(way(&Batch::default(), "https://sqs/1/p"), Way::Prompt);
    }

    #[test]
    fn a_record_without_an_id_is_left_out() {
        let event = r#"{"Records":[{"messageId":"","body":"x"},{"messageId":"m","receiptHandle":"r","body":"x",
            "attributes":{"ApproximateReceiveCount":"4"}}]}"#;
        let batch: Batch = serde_json::from_str(event).expect("an event");
        let got: Vec<_> = batch.records.into_iter().filter_map(received).collect();
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].id.as_str(), got[0].receives), ("m", 4));
    }
}
