//! The ledger table: messages, claims and the record of deliveries.
//!
//! | item | pk | sk | attributes besides `expires` |
//! | --- | --- | --- | --- |
//! | message | `app_…` | `msg_…` | `type`, `event`, `channels`, `payload` or `expunged`, `ct`, `at`, `eps`, `held`; `also`, `fan` |
//! | page of a large fan-out | `app_…` | `fan#msg_…#<n>` | `eps`, `held`, `cursor` |
//! | claim of an event id | `app_…` | `event#<id>` | `id`, `fp`, `lease`, `status`, `body` |
//! | claim of an idempotency key | `idem#<hash>` | `claim` | the same |
//! | delivery | `ep_…` | `msg_…` | `app`, `st`, `why`, `due`, `lane`, `round`, `tries`, `slot`, `log`, `rev` |
//! | confirmation that came early | `ep_…` | `confirmed#msg_…` | `attempt` |
//! | valve | `ep_…` | `valve` | `app`, `lane`, `due`, `touched`, `n`, `lock` |
//! | rate | `app_…`, `ep_…` | `rate#deliveries#`, `rate#batches#`, `rate#publishing#`, `rate#diagnoses#` and the interval | `next` |
//! | background task | `org_…` | `qtask_…` | `doc`, `rev` |
//! | sealed segment of a poller's log | `ep_…` | `poll#1#<n>` | `log`, `ids`, `until` |
//! | last segment of it | `ep_…` | `poll#2#tail` | the same; `n`, `last`, `rev` |
//! | arrival at a poller | `ep_…` | `poll#3#msg_…` | `at` |
//! | cursor of a poller's consumer | `ep_…` | `consumer#<name>` | `log`, `entry`, `after` |
//! | revocation | `org_…` | `revoked#token#tok_…`, `revoked#app#app_…`, `revoked#session#app_…#<id>` | `cuts`, `rev` |
//! | listed attempt | `ep_…` | `atmpt_…` | `msg` |
//!
//! `expires` (seconds) is the table's TTL attribute; `DynamoDB` removes late. The index `due` (`lane`, `due`; keys only)
//! holds parked deliveries and valves, in the lanes that the scheduler looks through; held deliveries, each in the lane
//! of its endpoint; and failed ones in their application's, `dead#app_…`, where `due` is when the message was published.
//! An item without `lane` is not in it and costs it nothing.
//!
//! Everything of an application is in its partition and those of its endpoints, so that it can be removed with them; apart
//! from the claims of idempotency keys, which are nobody's in particular and expire within a day.

mod claims;
mod confirmations;
mod deliveries;
mod erasing;
mod expunging;
mod items;
mod messages;
mod paces;
mod pages;
mod parking;
mod polling;
mod record;
mod recovery;
mod revocations;
mod tallying;
mod tasks;
mod valves;

use aws_sdk_dynamodb::Client;

use crate::{ConfigTable, dynamo::Table};

/// The ledger table, and the config table for the endpoints that deliveries go to.
#[derive(Debug, Clone)]
pub struct Ledger {
    table: Table,
    config: ConfigTable,
    seen: paces::Seen,
}

impl Ledger {
    pub(crate) fn new(client: Client, table: &str, config: ConfigTable) -> Self {
        Self { table: Table::new(client, table), config, seen: paces::Seen::default() }
    }
}
