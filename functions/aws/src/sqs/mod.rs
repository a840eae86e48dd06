//! The delivery queues, the dead-letter queue and the queue of jobs.

mod batch;
mod inbox;
mod jobs;
mod outbox;
mod rejects;
mod send;

use aws_sdk_sqs::Client;
use postrider_core::ports::Way;

use crate::connect::Late;

pub use rejects::RejectQueue;

/// Where the queues are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueUrls {
    /// First attempts.
    pub prompt: String,
    /// Everything that may take long or fail.
    pub retry: String,
    /// Deliveries that ended without success; empty where nothing is buried.
    pub dead_letters: String,
    /// What is done apart from requests and deliveries.
    pub jobs: String,
}

/// The delivery queues, standard and fair by endpoint, their dead-letter queue, and the queue of jobs.
#[derive(Debug, Clone)]
pub struct Queues {
    client: Late<Client>,
    urls: QueueUrls,
}

impl Queues {
    pub(crate) fn new(client: Late<Client>, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    fn url(&self, way: Way) -> &str {
        match way {
            Way::Prompt => &self.urls.prompt,
            Way::Retry => &self.urls.retry,
        }
    }
}
