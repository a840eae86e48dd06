//! The dead-letter queue of inputs.

use aws_sdk_sqs::Client;
use postrider_core::ports::{Reject, Rejects, Unavailable};

use super::send::{Entry, send_all};
use crate::connect::Late;

/// Where what cannot be published is set aside. A message is sent again as it is: its attributes `reason`, `status` and
/// `detail` mean nothing then, and `IdempotencyKey` means the same.
#[derive(Debug, Clone)]
pub struct RejectQueue {
    client: Late<Client>,
    url: String,
}

impl RejectQueue {
    pub(crate) fn new(client: Late<Client>, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }
}

impl Rejects for RejectQueue {
    async fn set_aside(&self, reject: &Reject) -> Result<(), Unavailable> {
        send_all(&self.client, &self.url, std::slice::from_ref(reject), entry).await
    }
}

fn entry(reject: &Reject) -> Entry {
    let mut attributes = vec![
        ("reason", reject.reason.to_owned()),
        ("status", reject.status.to_string()),
        ("detail", reject.detail.clone()),
    ];
    attributes.extend(reject.key.clone().map(|key| ("IdempotencyKey", key)));
    Entry { body: reject.body.clone(), group: None, attributes, delay: None }
}
