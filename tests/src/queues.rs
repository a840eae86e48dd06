//! The queues of a stack, in an operator's hands.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use aws_sdk_sqs::{
    Client,
    types::{Message, MessageAttributeValue, QueueAttributeName},
};
use postrider_core::job::Job;

use crate::{Stack, eventually, world};

/// A message of the dead-letter queue.
#[derive(Debug)]
pub struct DeadLetter {
    /// Its text.
    pub body: String,
    /// Its attributes: why it is there, and what it is.
    pub attributes: BTreeMap<String, String>,
    receipt: String,
}

impl DeadLetter {
    /// An attribute's value; empty if it has none of that name.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Stack {
    /// Puts a text into the delivery queue.
    pub async fn enqueue(&self, body: &str) -> Result<()> {
        let queue = self.output("DeliveryQueueUrl")?;
        world().sqs().send_message().queue_url(queue).message_body(body).send().await.context("sending")?;
        Ok(())
    }

    /// Puts a text into the publish queue, with a producer's own idempotency key or without one.
    pub async fn post(&self, body: &str, key: Option<&str>) -> Result<()> {
        let request = world().sqs().send_message().queue_url(self.output("PublishQueueUrl")?).message_body(body);
        let attribute = key.map(|key| MessageAttributeValue::builder().data_type("String").string_value(key).build());
        let attributes = attribute.transpose()?.map(|value| HashMap::from([("IdempotencyKey".to_owned(), value)]));
        request.set_message_attributes(attributes).send().await.context("sending")?;
        Ok(())
    }

    /// Puts a job into the queue of jobs.
    pub async fn submit(&self, job: &Job) -> Result<()> {
        let (queue, body) = (self.output("JobQueueUrl")?, serde_json::to_string(job)?);
        world().sqs().send_message().queue_url(queue).message_body(body).send().await.context("submitting")?;
        Ok(())
    }

    /// How many jobs wait for their time.
    pub async fn delayed_jobs(&self) -> Result<u32> {
        let name = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
        let request = world().sqs().get_queue_attributes().queue_url(self.output("JobQueueUrl")?);
        let attributes = request.attribute_names(name.clone()).send().await?.attributes.unwrap_or_default();
        Ok(attributes.get(&name).context("a number")?.parse()?)
    }

    /// Waits until the delivery queues hold nothing, and nobody works on anything that they held.
    pub async fn drained(&self) -> Result<()> {
        let sqs = world().sqs();
        for queue in ["DeliveryQueueUrl", "RetryQueueUrl", "DeliveryQueueUrl"] {
            let queue = self.output(queue)?;
            eventually("a delivery queue is empty", || async {
                let request = sqs.get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::All);
                let attributes = request.send().await?.attributes.unwrap_or_default();
                let waiting = [
                    QueueAttributeName::ApproximateNumberOfMessages,
                    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
                ];
                let empty = waiting.iter().all(|name| attributes.get(name).is_none_or(|count| count == "0"));
                Ok(empty.then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Waits for a dead letter whose text holds this, such as a message's id. Others stay where they are.
    pub async fn dead_letter(&self, text: &str) -> Result<DeadLetter> {
        self.dead_letter_of("DeadLetterQueueUrl", text).await
    }

    /// The same for what came by a queue or a bus and could not be published.
    pub async fn reject(&self, text: &str) -> Result<DeadLetter> {
        self.dead_letter_of("PublishDeadLetterQueueUrl", text).await
    }

    async fn dead_letter_of(&self, queue: &str, text: &str) -> Result<DeadLetter> {
        let (sqs, queue) = (world().sqs(), self.output(queue)?);
        let found = eventually(&format!("a dead letter about {text}"), || async {
            let mut found = None;
            let mut others = Vec::new();
            for message in everything(&sqs, queue).await? {
                if found.is_none() && message.body().is_some_and(|body| body.contains(text)) {
                    found = Some(message);
                } else {
                    others.extend(message.receipt_handle);
                }
            }
            for receipt in others {
                let release = sqs.change_message_visibility().queue_url(queue).receipt_handle(receipt);
                release.visibility_timeout(0).send().await.context("releasing")?;
            }
            Ok(found)
        })
        .await?;
        let attributes = found.message_attributes.unwrap_or_default().into_iter();
        Ok(DeadLetter {
            body: found.body.unwrap_or_default(),
            attributes: attributes.map(|(name, value)| (name, value.string_value.unwrap_or_default())).collect(),
            receipt: found.receipt_handle.unwrap_or_default(),
        })
    }

    /// Sends a dead letter back to the delivery queue, as it is.
    pub async fn redrive(&self, letter: DeadLetter) -> Result<()> {
        self.enqueue(&letter.body).await?;
        self.discard(letter).await
    }

    /// Deletes a dead letter.
    pub async fn discard(&self, letter: DeadLetter) -> Result<()> {
        let request = world().sqs().delete_message().queue_url(self.output("DeadLetterQueueUrl")?);
        request.receipt_handle(letter.receipt).send().await.context("deleting")?;
        Ok(())
    }
}

/// All that can be received now. The caller holds it for a while.
async fn everything(sqs: &Client, queue: &str) -> Result<Vec<Message>> {
    let mut all = Vec::new();
    loop {
        let request = sqs.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(20);
        let output = request.message_attribute_names("All").send().await.context("receiving")?;
        let messages = output.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(all);
        }
        all.extend(messages);
    }
}
