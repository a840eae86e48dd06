//! The ledger table: messages, claims and the record of deliveries.
//!
//! | item | pk | sk | attributes besides `expires` |
//! | --- | --- | --- | --- |
//! | message | `app_…` | `msg_…` | `type`, `event`, `channels`, `payload`, `at`, `eps`, `held` |
//! | claim of an event id | `app_…` | `event#<id>` | `id`, `fp`, `lease`, `status`, `body` |
//! | claim of an idempotency key | `idem#<hash>` | `claim` | the same |
//! | delivery | `ep_…` | `msg_…` | `app`, `st`, `why`, `due`, `lane`, `round`, `tries`, `log`, `rev` |
//! | listed attempt | `ep_…` | `atmpt_…` | `msg` |
//!
//! `expires` (seconds) is the table's TTL attribute; `DynamoDB` removes late. The index `due` (`lane`, `due`; keys only)
//! holds parked deliveries alone: an item without `lane` is not in it and costs it nothing.

mod claims;
mod deliveries;
mod items;
mod messages;
mod parking;
mod record;

use aws_sdk_dynamodb::Client;

pub use deliveries::DeliveryLedger;

use crate::dynamo::Table;

/// The ledger table.
#[derive(Debug, Clone)]
pub struct Ledger {
    table: Table,
}

impl Ledger {
    pub(crate) fn new(client: Client, table: &str) -> Self {
        Self { table: Table::new(client, table) }
    }
}
