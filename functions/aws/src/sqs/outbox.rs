//! The delivery queue, for those who fill it.

use aws_sdk_sqs::Client;
use postrider_core::{
    message::Envelope,
    ports::{Outbox, Unavailable},
};

use super::send::{Entry, send_all};

/// The delivery queue: a standard queue, fair by endpoint.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    pub(crate) fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }
}

impl Outbox for Queue {
    async fn send(&self, envelopes: &[Envelope]) -> Result<(), Unavailable> {
        send_all(&self.client, &self.url, envelopes, entry).await
    }
}

fn entry(envelope: &Envelope) -> Entry {
    Entry { body: envelope.encode(), group: Some(envelope.endpoint.to_string()), attributes: Vec::new() }
}
