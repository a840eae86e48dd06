//! `postrider completions`: a script that completes commands and options in a shell.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::{failure::Failure, session::Session};

/// Prints a script that completes commands and options.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, session: &Session, mut command: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "postrider", &mut script);
        session.console.raw(&script)
    }
}
