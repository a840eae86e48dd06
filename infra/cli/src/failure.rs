//! What can go wrong, the exit code that tells a script, and the advice that tells a person.

use std::{io, process::ExitCode};

/// Why a command has not done what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The API said no.
    #[error("{what} was refused ({status}): {detail}")]
    Refused {
        /// What was asked, such as `GET /app/acme`.
        what: String,
        /// The HTTP status.
        status: u16,
        /// In the API's words.
        detail: String,
    },
    /// It was done in vain.
    #[error("{0}")]
    Failed(String),
    /// The command line, or what it names, cannot be used.
    #[error("{0}")]
    Usage(String),
    /// Nobody answered, or nobody who speaks for Postrider.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// Whom.
        url: String,
        /// Why, to the root.
        cause: String,
    },
    /// A signature does not verify. What is wrong has been told already.
    #[error("not verified")]
    Unverified,
    /// Standard output is closed or full, or the operating system refuses something else.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code: 1 refused or failed, 2 usage (as clap's), 3 unreachable, 4 not verified.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused { .. } | Self::Failed(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Unverified => 4,
        })
    }

    /// A reader that has seen enough, as in `postrider tail acme | head`.
    pub(crate) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// One word for machines.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Failed(_) => "failed",
            Self::Usage(_) => "usage",
            Self::Unreachable { .. } => "unreachable",
            Self::Unverified => "unverified",
            Self::Output(_) => "output",
        }
    }

    /// The HTTP status, where there is one.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same may go well in a moment.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { status: 429 | 500 | 502 | 503 | 504, .. })
    }

    /// What to do about it.
    pub(crate) const fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Refused { status, .. } => of_status(*status),
            Self::Unreachable { .. } => Some(
                "Check --url (or POSTRIDER_URL): the stack's output ApiUrl, or http://127.0.0.1:8080 of a local run.",
            ),
            _ => None,
        }
    }
}

const fn of_status(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "Mint a token: `postrider token --org org_… --keyring <the stack's output KeyringArn>` (it needs AWS \
             credentials), and put it into POSTRIDER_TOKEN.",
        ),
        403 => Some("Use a token of the organization: this one is for one application, or may not do this."),
        404 => Some("Check the names. What belongs to another organization is not found either."),
        405 | 501 => Some("The deployment is older than this command: deploy the current version."),
        413 => Some("A request may have 256 KiB."),
        429 => Some("Slow down: the application's or the deployment's rate is reached."),
        500.. => Some("Try again in a moment; with the same --idempotency-key nothing is published twice."),
        _ => None,
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}
