//! `postrider verify`: whether a captured request is what it says, and if not, what is wrong with it.
//!
//! The request is a file as it came over the wire (request line, headers, empty line, body), or a body with its three
//! headers on the command line. The secret is given, or asked of the API, which can then also tell what was published.

mod capture;
mod guess;
mod judge;
mod key;
mod published;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::{
    capture::Captured,
    judge::{Check, Limits, judge},
    key::Key,
};
use crate::{console::mark, failure::Failure, input, session::Session, when::now};

/// Checks the signature of a captured request, and says what is wrong with it.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file with the request as it came: request line, headers, an empty line, body; - for standard input.
    #[arg(conflicts_with = "body", required_unless_present = "body")]
    request: Option<PathBuf>,
    /// A file with the body alone, byte for byte; - for standard input.
    #[arg(long, value_name = "FILE", requires_all = ["id", "timestamp", "signature"])]
    body: Option<PathBuf>,
    /// The header webhook-id.
    #[arg(long)]
    id: Option<String>,
    /// The header webhook-timestamp.
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<String>,
    /// The header webhook-signature.
    #[arg(long)]
    signature: Option<String>,
    /// The endpoint's secret, whsec_… or whpk_…; may be given again, for the one before a rotation.
    #[arg(long, env = "POSTRIDER_SECRET", hide_env_values = true, required_unless_present = "endpoint")]
    secret: Vec<Key>,
    /// Ask the API for the secret, and for what was published: the application …
    #[arg(long, requires = "endpoint")]
    app: Option<String>,
    /// … and the endpoint.
    #[arg(long, requires = "app")]
    endpoint: Option<String>,
    /// How old, or how far ahead, the timestamp may be.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    tolerance: u32,
    /// Do not look at the age: captured requests are old.
    #[arg(long)]
    any_age: bool,
}

impl Verify {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = self.captured()?;
        let mut checks = Vec::new();
        let mut keys = self.secret;
        if let (Some(app), Some(endpoint)) = (&self.app, &self.endpoint) {
            let client = session.client()?;
            keys = published::keys(&client, app, endpoint, keys, &mut checks).await?;
            checks.extend(published::payload(&client, app, &request).await?);
        }
        let limits = Limits { now: now().secs(), tolerance: (!self.any_age).then_some(self.tolerance.into()) };
        checks.extend(judge(&request, &keys, &limits));
        report(session, &checks)
    }

    fn captured(&self) -> Result<Captured, Failure> {
        let mut request = match (&self.request, &self.body) {
            (Some(path), _) => Captured::parse(&input::read(path)?).map_err(Failure::Usage)?,
            (None, Some(path)) => Captured { body: input::read(path)?, ..Captured::default() },
            (None, None) => Captured::default(),
        };
        let given = [
            (&mut request.id, &self.id),
            (&mut request.timestamp, &self.timestamp),
            (&mut request.signature, &self.signature),
        ];
        for (header, value) in given {
            if value.is_some() {
                header.clone_from(value);
            }
        }
        Ok(request)
    }
}

fn report(session: &Session, checks: &[Check]) -> Result<(), Failure> {
    let verified = checks.iter().all(|check| check.ok);
    session.console.result(&json!({ "verified": verified, "checks": checks }), || {
        let line = |check: &Check| format!("{} {:<10} {}", mark(check.ok), check.about, check.detail);
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if verified { Ok(()) } else { Err(Failure::Unverified) }
}
