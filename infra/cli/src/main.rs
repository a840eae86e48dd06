//! `postrider`: what people do with a deployment, from a terminal or a script.

mod aws;
mod cancel;
mod client;
mod completions;
mod console;
mod diagnose;
mod dlq;
mod event_types;
mod failure;
mod input;
mod key;
mod list;
mod listen;
mod openapi;
mod replay;
mod send;
mod session;
mod stop;
mod tail;
mod task;
mod token;
mod verify;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{failure::Failure, session::Session};

const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused by the API, or failed; 2 wrong usage; 3 not reachable; \
                          4 a signature does not verify.";

/// Publish events, receive them at your desk, see what becomes of them, and put it right.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    common: session::Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Token(token::MintToken),
    Send(send::Send),
    Listen(listen::Listen),
    Tail(tail::Tail),
    Diagnose(diagnose::Diagnose),
    Replay(replay::Replay),
    Dlq(dlq::Dlq),
    Cancel(cancel::Cancel),
    EventTypes(event_types::EventTypes),
    Verify(verify::Verify),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Completions(completions::Completions),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let session = Session::new(cli.common);
    match run(cli.command, &session).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            session.console.failure(&failure);
            failure.code()
        }
    }
}

async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Token(command) => command.run(session).await,
        Command::Send(command) => command.run(session).await,
        Command::Listen(command) => command.run(session).await,
        Command::Tail(command) => command.run(session).await,
        Command::Diagnose(command) => command.run(session).await,
        Command::Replay(command) => command.run(session).await,
        Command::Dlq(command) => command.run(session).await,
        Command::Cancel(command) => command.run(session).await,
        Command::EventTypes(command) => command.run(session).await,
        Command::Verify(command) => command.run(session).await,
        Command::OpenApi(command) => command.run(session).await,
        Command::Completions(command) => command.run(session, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
