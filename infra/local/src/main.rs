//! `cargo run`: brings all of Postrider up on this machine, shows one event being delivered, and stays.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]

mod client;
mod demo;
mod env_file;
mod up;

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use postrider_local::{DEFAULT_PORT, Progress, build_cli};

/// Postrider on this machine: the template and the binaries of a deployment, on a local AWS.
#[derive(Debug, Parser)]
#[command(name = "cargo run --", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    up: Up,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Args)]
struct Up {
    /// The port of the API on 127.0.0.1; 0 for any that is free.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// End after the demonstration instead of staying up.
    #[arg(long)]
    exit: bool,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Mint an API token for a deployment, here or on AWS: builds the command line, and runs `postrider token`.
    #[command(disable_help_flag = true)]
    Token {
        /// As `postrider token` takes them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Subcommands::Token { arguments }) => token(&arguments),
        None => up::up(cli.up.port, cli.up.exit).await.map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Ends as `postrider token` does.
fn token(arguments: &[OsString]) -> Result<ExitCode> {
    let status = Command::new(build_cli(Progress::shown())?).arg("token").args(arguments).status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
