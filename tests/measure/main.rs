//! What Postrider promises, in numbers: one command each, on a local stack of its own.
//!
//! `cargo run -p postrider-tests --bin measure -- noisy-neighbour`, and so on. Each prints what it saw, and fails where
//! that is not what was promised. Numbers of a busy machine say little: the load is printed with them.

#![expect(clippy::print_stdout, reason = "what was measured is printed")]

mod fan_out;
mod figures;
mod noisy_neighbour;
mod rate_limit;
mod recovery;
mod soak;

use anyhow::Result;
use clap::Parser;

/// Measures a promise of Postrider on a local stack; fails where it is not kept.
#[derive(Debug, Parser)]
#[command(name = "measure")]
enum What {
    /// What one endpoint that never answers does to nine that do.
    NoisyNeighbour(noisy_neighbour::Options),
    /// What a receiver sees of 300 messages at once, at a rate of 10 a second.
    RateLimit,
    /// A message for 10,000 endpoints; and again while the function that queues the deliveries is killed three times.
    FanOut(fan_out::Options),
    /// 10,000 deliveries that failed in an endpoint's outage, sent again at its pace while the job is killed.
    Recovery(recovery::Options),
    /// Minutes of traffic while functions are killed, AWS throttles, and endpoints fail: what is lost, what comes twice.
    Soak(soak::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    match What::parse() {
        What::NoisyNeighbour(options) => noisy_neighbour::measure(&options).await,
        What::RateLimit => rate_limit::measure().await,
        What::FanOut(options) => fan_out::measure(&options).await,
        What::Recovery(options) => recovery::measure(&options).await,
        What::Soak(options) => soak::measure(&options).await,
    }
}
