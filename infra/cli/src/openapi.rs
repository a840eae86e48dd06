//! `postrider openapi`: the document of the API.

use clap::Args;

use crate::{failure::Failure, session::Session};

/// Prints the `OpenAPI` document of the deployment; it needs no token.
#[derive(Debug, Args)]
pub(crate) struct OpenApi {}

impl OpenApi {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let document = session.anonymous()?.get(&["openapi.json"]).text().await?;
        session.console.raw(format!("{}\n", document.trim_end()).as_bytes())
    }
}
