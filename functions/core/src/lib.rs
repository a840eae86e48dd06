//! The domain of Postrider: what webhooks are, and every decision about them.
//!
//! Nothing here knows of AWS or of an HTTP client. The use cases ([`publish`], [`intake`], [`receive`], [`deliver`],
//! [`wake`], [`manage`], [`history`]) run over the [`ports`], which `postrider-aws` and `postrider-egress` implement; time and randomness
//! come in through [`ports::Ambient`].
//!
//! What must always hold (the promises are tested one by one):
//! - An accepted message is stored and its deliveries are queued; the stored message is the commit mark ([`publish`]).
//! - A delivery is recorded before its queue message is acknowledged ([`deliver`]), so a crash repeats, never loses.
//! - Secrets leave [`keyring`] only to sign, or through the call that exists to reveal them.

/// One line for one change. The audit log is the api function's; here a line tells what came of it, at the level debug.
macro_rules! changed {
    ($action:literal, $caller:expr, $($field:tt)*) => {{
        let caller: &$crate::token::Caller = $caller;
        tracing::debug!(action = $action, org = %caller.org, app_token = caller.app.is_some(), $($field)*, "Changed")
    }};
}

pub mod access;
pub mod authorize;
pub mod blob;
pub mod claim;
pub mod compose;
pub mod confirm;
pub mod confirming;
pub mod deliver;
pub mod delivery;
pub mod diagnose;
pub mod entity;
pub mod erase;
pub mod example;
pub mod fan_out;
pub mod filter;
mod find;
pub mod given;
pub mod health;
pub mod history;
pub mod ids;
pub mod intake;
pub mod job;
pub mod keyring;
pub mod manage;
pub mod manner;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod message;
pub mod metric;
mod open;
pub mod openapi;
pub mod operational;
pub mod outbound;
mod pacing;
pub mod page;
pub mod poll;
pub mod ports;
pub mod probe;
pub mod problem;
pub mod publish;
pub mod receive;
pub mod recovery;
pub mod retry;
pub mod rules;
pub mod secret;
pub mod shapes;
pub mod sign;
pub mod source;
pub mod tell;
pub mod time;
pub mod token;
pub mod trace;
pub mod valve;
pub mod wake;
pub mod work;
