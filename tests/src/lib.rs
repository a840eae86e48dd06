//! The harness of the end-to-end tests: one local AWS for the whole run, the stacks deployed in it, and a tenant of its
//! own for every test, so that tests run in parallel.
//!
//! Nothing here stands in for anything: the functions are the real binaries, the template is the real one, IAM is
//! enforced, clients and verifiers are other people's.

mod cli;
mod document;
mod endpoints;
mod http;
mod issuer;
mod killing;
mod ledger;
mod producer;
mod queues;
mod rates;
mod recorded;
mod sockets;
mod stack;
mod table;
mod tenant;
mod traffic;
mod usage;

use std::time::Duration;

pub use cli::{Cli, Running, Said, cli_folder};
pub use http::{Api, Reply};
pub use issuer::{Issuer, Signer};
pub use ledger::Parked;
pub use producer::Accepted;
pub use queues::DeadLetter;
pub use rates::{PRODUCERS, histogram, most_in_a_second, publish_at_once, receives, took};
pub use recorded::Recorded;
pub use sockets::{Authority, Sockets, read_request, self_signed};
pub use stack::{Stack, World, client, keep_idle_processes, world};
pub use table::print_table;
pub use tenant::{Tenant, refusal, verify};
pub use traffic::{Sent, arrivals, percentile, steady};
pub use usage::{Usage, usages};

/// Longer than anything that should happen takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Asks again and again until there is an answer; fails with `what` when patience ends.
pub async fn eventually<T, F: Future<Output = anyhow::Result<Option<T>>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await? {
                return anyhow::Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.map_err(|_| anyhow::anyhow!("not within {PATIENCE:?}: {what}"))?
}
