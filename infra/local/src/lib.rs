//! Postrider on one machine: *the same template and the same binaries* as on AWS, on a local AWS that enforces IAM.
//!
//! `cargo run` and the end-to-end tests both use this, so there is no second code path. In the order of use:
//!
//! 1. [`Emulator::start`] installs (once) and starts the local AWS; it ends with the process that started it.
//! 2. [`build_functions`] builds the four functions as cargo would for a test run.
//! 3. [`Emulator::deploy`] deploys `infra/template.yaml`, or what a test made of it, under a stack name.
//! 4. [`Proxy`] puts the deployed API on a port of its own; [`Receiver`] is a customer's endpoint.

#![expect(
    clippy::disallowed_methods,
    reason = "a tool, not a function: it reads its own surroundings and the real clock"
)]

mod binaries;
mod emulator;
mod helper;
mod mint;
pub mod paths;
mod processes;
mod progress;
mod proxy;
mod receiver;
mod run;
mod server;
mod stack;
mod venv;

pub use binaries::{Binaries, FUNCTIONS, build_cli, build_for_release, build_functions, build_functions_for_release};
pub use emulator::{ACCESS_KEY, Emulator, Options, REGION};
pub use mint::{ksuid, mint};
pub use processes::kill;
pub use progress::{Progress, Step};
pub use proxy::{DEFAULT_PORT, Exchange, Listener, Proxy};
pub use receiver::{Received, Receiver, Reply};
pub use run::{Name, holder};
pub use stack::{Deployment, Invocation, LogEvent, Use, Weather};
