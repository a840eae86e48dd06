//! Simulates many seeds, or shows one.

#![expect(clippy::print_stdout, reason = "a tool for people")]

use clap::Parser;
use postrider_simulation::{
    arithmetic::table,
    planted::Bug,
    run::{Options, Report, run},
    sweep::sweep,
};

/// Simulates Postrider.
#[derive(Debug, Parser)]
struct Arguments {
    /// Simulates so many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Begins with this seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Simulates this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Shows what happened.
    #[arg(long)]
    trace: bool,
    /// Plants a bug: park, condition or failures.
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
    /// Shows the queue's arithmetic instead.
    #[command(subcommand)]
    command: Option<Command>,
    /// Ends after so many seeds with violations.
    #[arg(long, default_value_t = 5)]
    show: usize,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The number of messages in flight when endpoints are dead for hours.
    Arithmetic,
}

fn bug(name: &str) -> Result<Bug, String> {
    match name {
        "park" => Ok(Bug::AcknowledgeBeforePark),
        "condition" => Ok(Bug::WriteBeforeCondition),
        "failures" => Ok(Bug::ForgetFailures),
        _ => Err("park, condition or failures".to_owned()),
    }
}

fn main() {
    let arguments = Arguments::parse();
    if let Some(Command::Arithmetic) = arguments.command {
        println!("{}", table());
        return;
    }
    if let Some(seed) = arguments.seed {
        return show(&run(seed, Options { trace: arguments.trace, bug: arguments.bug }));
    }
    let options = Options { trace: false, bug: arguments.bug };
    let sweep = sweep(arguments.from..arguments.from + arguments.seeds, options, arguments.show);
    println!("{sweep}");
    sweep.violated.iter().for_each(show);
}

fn show(report: &Report) {
    report.trace.iter().for_each(|line| println!("{line}"));
    println!(
        "seed {}: {:?}, {} steps, {} calls, {} requests",
        report.seed,
        report.took,
        report.steps,
        report.calls.values().sum::<u64>(),
        report.requests
    );
    println!("  {:?}", report.scenario);
    for violation in &report.violations {
        println!("  {}: {}", violation.at, violation.what);
    }
}
