//! The ports of a deployment.

use std::sync::Arc;

use postrider_aws::{ConfigTable, Ledger, Queues, SecretKeys, System};
use postrider_egress::Egress;

use crate::Parts;

/// The API on AWS.
#[derive(Debug)]
pub struct OnAws;

impl Parts for OnAws {
    type Directory = ConfigTable;
    type Record = Ledger;
    type Keys = SecretKeys;
    type Ambient = System;
    type Sender = Arc<Egress>;
    type Queues = Queues;
    type Fetcher = Arc<Egress>;
}
