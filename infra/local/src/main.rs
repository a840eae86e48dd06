//! `cargo run`: brings all of Postrider up on this machine, shows one event being delivered, and stays.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]

mod client;
mod demo;
mod env_file;
mod up;

use std::{process::ExitCode, str::FromStr};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use postrider_core::ids::{AppId, OrgId};
use postrider_local::{DEFAULT_PORT, Progress, mint, read_secret};

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
    /// Make an API token for a deployment, here or on AWS.
    Token(Token),
}

#[derive(Debug, Args)]
struct Token {
    /// The organization: org_ and a name of your choice.
    #[arg(long, value_parser = checked::<OrgId>)]
    org: String,
    /// Only for this application (app_…), to be given to a customer.
    #[arg(long, value_parser = checked::<AppId>)]
    app: Option<String>,
    /// How long it is good for.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// ARN or name of the keyring's secret: the template's output `KeyringArn`.
    #[arg(long, env = "POSTRIDER_KEYRING")]
    keyring: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Subcommands::Token(token)) => print_token(&token).await,
        None => up::up(cli.up.port, cli.up.exit).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The text as it is, if it can be read as what it should be.
fn checked<T: FromStr>(text: &str) -> Result<String, T::Err> {
    text.parse::<T>().map(|_| text.to_owned())
}

async fn print_token(token: &Token) -> Result<()> {
    let keyring = read_secret(&token.keyring, Progress::shown()).await?;
    println!("{}", mint(&keyring, &token.org, token.app.as_deref(), token.days)?);
    Ok(())
}
