//! Sending batches until every entry is in the queue.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_core::ports::Unavailable;

use super::batch::{Batches, Sizable};
use crate::cause::{Cause, unavailable};

const WHAT: &str = "SQS: sending";
/// Requests at once.
const AT_ONCE: usize = 4;
/// Entries that SQS could not take are sent so often.
const ROUNDS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A message to send.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) body: String,
    /// Whose messages must not delay those of others.
    pub(super) group: Option<String>,
    pub(super) attributes: Vec<(&'static str, String)>,
    /// Seconds, up to 900.
    pub(super) delay: Option<i32>,
}

impl Sizable for Entry {
    fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }
}

impl Entry {
    fn to_sdk(&self, id: usize) -> Result<SendMessageBatchRequestEntry, Unavailable> {
        let mut entry = SendMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .message_body(&self.body)
            .set_message_group_id(self.group.clone())
            .set_delay_seconds(self.delay);
        for (name, value) in &self.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            entry = entry.message_attributes(*name, value.map_err(|error| Unavailable::new(WHAT, error))?);
        }
        entry.build().map_err(|error| Unavailable::new(WHAT, error))
    }
}

/// Sends everything, or fails: then some may have been sent. Entries are made request by request: thousands of
/// messages may share one large payload.
pub(super) async fn send_all<T: Sync>(
    client: &Client,
    queue: &str,
    items: &[T],
    entry: fn(&T) -> Entry,
) -> Result<(), Unavailable> {
    let requests = Batches::of(items.iter().map(entry)).map(|batch| send_batch(client, queue, batch));
    stream::iter(requests).buffer_unordered(AT_ONCE).try_collect().await
}

async fn send_batch(client: &Client, queue: &str, batch: Vec<Entry>) -> Result<(), Unavailable> {
    let mut rest: BTreeSet<usize> = (0..batch.len()).collect();
    for round in 0..ROUNDS {
        if round > 0 {
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(round)).await;
        }
        let entries: Vec<_> = rest.iter().map(|id| batch[*id].to_sdk(*id)).collect::<Result<_, _>>()?;
        let request = client.send_message_batch().queue_url(queue).set_entries(Some(entries));
        let output = request.send().await.map_err(unavailable(WHAT))?;
        for sent in output.successful() {
            rest.retain(|id| id.to_string() != sent.id());
        }
        if rest.is_empty() {
            return Ok(());
        }
        if let Some(refused) = output.failed().iter().find(|failed| failed.sender_fault()) {
            return Err(Unavailable::new(WHAT, Cause(words(refused))));
        }
    }
    Err(Unavailable::new(WHAT, Cause(format!("{} messages were not taken", rest.len()))))
}

/// A refused entry in words.
pub(super) fn words(entry: &BatchResultErrorEntry) -> String {
    format!("{}: {}", entry.code(), entry.message().unwrap_or_default())
}
