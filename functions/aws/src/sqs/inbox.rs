//! The delivery queues, for the one who empties them, and the dead-letter queue.

use std::time::Duration;

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use futures::future::join_all;
use postrider_core::ports::{DeadLetter, Inbox, Unavailable, Way};

use super::{
    Queues,
    batch::ENTRIES,
    send::{Entry, send_all, words},
};
use crate::cause::describe;

/// SQS allows 12 hours from the receive, and a while has passed since.
const LONGEST_HOLD: u64 = 12 * 3_600 - 60;

impl Queues {
    async fn hold_batch(&self, way: Way, receipts: &[(String, Duration)]) {
        let entries = receipts.iter().enumerate().map(|(id, (receipt, wait))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(receipt)
                .visibility_timeout(seconds(*wait))
                .build()
        });
        let entries = entries.filter_map(Result::ok).collect();
        let request = self.client.change_message_visibility_batch().queue_url(self.url(way));
        match request.set_entries(Some(entries)).send().await {
            Ok(output) => {
                for failed in output.failed() {
                    tracing::warn!(error = words(failed), "a message cannot be held back");
                }
            }
            Err(error) => {
                tracing::warn!(messages = receipts.len(), error = describe(&error), "messages cannot be held back");
            }
        }
    }
}

/// Whole seconds, rounded up: a message that comes back early would have to be held again.
pub(super) fn seconds(wait: Duration) -> i32 {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    i32::try_from(secs.min(LONGEST_HOLD)).unwrap_or(i32::MAX)
}

impl Inbox for Queues {
    async fn hold(&self, way: Way, receipts: &[(String, Duration)]) {
        join_all(receipts.chunks(ENTRIES).map(|chunk| self.hold_batch(way, chunk))).await;
    }

    async fn bury(&self, dead: &[DeadLetter]) -> Result<(), Unavailable> {
        send_all(&self.client, &self.urls.dead_letters, dead, entry).await
    }
}

fn entry(dead: &DeadLetter) -> Entry {
    let mut attributes = vec![("reason", dead.reason.as_str().to_owned())];
    if let Some((app, endpoint, message)) = dead.about {
        attributes.push(("application", app.to_string()));
        attributes.push(("endpoint", endpoint.to_string()));
        attributes.push(("message", message.to_string()));
    }
    let group = dead.about.map(|(_, endpoint, _)| endpoint.to_string());
    Entry { body: dead.body.clone(), group, attributes, delay: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_round_up_to_seconds_and_stay_under_twelve_hours() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(5)), 5);
        assert_eq!(seconds(Duration::from_hours(24)), 43_140);
    }
}
