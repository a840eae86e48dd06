//! The ports of [`postrider_core::ports`] on `DynamoDB`, SQS and Secrets Manager, and what a function needs besides:
//! settings from the environment, logs, and a meter of what AWS was asked for.
//!
//! Nothing here decides. What a port promises is kept by one conditional write or one transaction; where an answer
//! was lost and the write is found to stand already, it counts as done. No type of the SDK leaves this crate, and no
//! error carries a response: items hold payloads and sealed secrets.
//!
//! - [`ConfigTable`]: `Directory`, `Subscribers`, `Sources`
//! - [`Ledger`]: `Claims`, `Messages`, `FanOuts`, `Record`, `Paces`, `Deliveries`, `Valves`, `Parking`, `Confirming`,
//!   `Recovery`, `Tasks`, `Polling`, `Revocations`, `Tallying`, `Expunging`, `Erasing`
//! - [`Queues`]: `Outbox`, `Inbox`, `Jobs`; [`RejectQueue`]: `Rejects`
//! - [`SecretKeys`]: `Keys`; [`System`]: `Ambient`

mod ambient;
mod cause;
mod config;
mod connect;
mod dynamo;
mod http;
mod ledger;
mod meter;
mod secrets;
pub mod settings;
mod spans;
mod sqs;
pub mod telemetry;

pub use ambient::System;
pub use config::ConfigTable;
pub use connect::Aws;
pub use ledger::Ledger;
pub use meter::{Meter, Usage};
pub use secrets::SecretKeys;
pub use sqs::{QueueUrls, Queues, RejectQueue};
