//! What Postrider costs, on the local stack, with the functions as they are deployed on AWS.
//!
//! `cargo run -p bench` measures everything and prints tables; `-- --json FILE` writes the figures as well. Each figure is
//! shown beside what cannot be undercut, measured in the same run: a bare loop that signs and POSTs, and a function that
//! does nothing.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints what it has measured")]

mod cost;
mod cpu;
mod growth;
mod latency;
mod ledger;
mod load;
mod memory;
mod procs;
mod start;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use postrider_local::{Progress, build_for_release, build_functions_for_release};
use postrider_tests::keep_idle_processes;
use serde_json::{Map, Value};

/// Measures what Postrider costs on a local stack.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// What to measure; everything unless it is given.
    what: Vec<What>,
    /// Writes the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// CPU time of the functions for a delivered event.
    Cpu,
    /// From the start of a process to its first question for work; sizes.
    Start,
    /// What is asked of AWS for a million events, and what that costs at list prices.
    Cost,
    /// From publication to receipt.
    Latency,
    /// The most that the largest batches take.
    Memory,
    /// The same figures where much is stored, and with many endpoints.
    Growth,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    // With a process goes what is known of its CPU time.
    keep_idle_processes(Duration::from_hours(2));
    let wants = |what| options.what.is_empty() || options.what.contains(&what);
    let mut binaries = build_functions_for_release(Progress::quiet())?;
    binaries.extend(build_for_release("postrider-floor", &["floor", "minimal"], Progress::quiet())?);
    let mut figures = Map::new();
    if wants(What::Start) {
        figures.insert("start".to_owned(), start::measure(&binaries).await?);
    }
    if wants(What::Cpu) {
        figures.insert("cpu".to_owned(), cpu::measure(&binaries).await?);
    }
    if wants(What::Cost) {
        figures.insert("cost".to_owned(), cost::measure(&binaries).await?);
    }
    if wants(What::Latency) {
        figures.insert("latency".to_owned(), latency::measure(&binaries).await?);
    }
    if wants(What::Memory) {
        figures.insert("memory".to_owned(), memory::measure(&binaries).await?);
    }
    if wants(What::Growth) {
        figures.insert("growth".to_owned(), growth::measure(&binaries).await?);
    }
    if let Some(path) = options.json {
        let text = serde_json::to_string_pretty(&Value::Object(figures))?;
        std::fs::write(&path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}
