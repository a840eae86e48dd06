//! `postrider event-types`: event types from `OpenAPI` documents, such as those of the catalogue.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    client::Client,
    console::{NAME, in_style, mark},
    failure::Failure,
    input,
    session::Session,
};

/// Event types and their schemas.
#[derive(Debug, Args)]
pub(crate) struct EventTypes {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Creates and changes event types as the webhooks section of `OpenAPI` documents describes them.
    Import(Import),
}

#[derive(Debug, Args)]
struct Import {
    /// Documents, in JSON or YAML; - for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
}

impl EventTypes {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let (What::Import(import), client) = (self.what, session.client()?);
        // Read all before the first is imported: a name that is wrong shall change nothing.
        let texts: Vec<String> = import.files.iter().map(|file| text(file)).collect::<Result<_, _>>()?;
        for (file, text) in import.files.iter().zip(texts) {
            import.one(session, &client, file, &text).await?;
        }
        Ok(())
    }
}

impl Import {
    async fn one(&self, session: &Session, client: &Client, file: &Path, text: &str) -> Result<(), Failure> {
        let body = json!({ "specRaw": text, "dryRun": self.dry_run });
        let answer: Value = client.post(&["event-type", "import", "openapi"]).once()?.body(&body).send().await?;
        let names = names(&answer["data"]);
        let told = json!({ "file": file, "dryRun": self.dry_run, "modified": names });
        session.console.result(&told, || {
            let file = in_style(NAME, file.display());
            let verb = if self.dry_run { "would change" } else { "changed" };
            format!("{} {file} {verb} {} event types: {}", mark(true), names.len(), names.join(", "))
        })
    }
}

fn names(data: &Value) -> Vec<String> {
    let changed = data["to_modify"].as_array().or_else(|| data["modified"].as_array()).into_iter().flatten();
    changed.filter_map(|one| one.as_str().or_else(|| one["name"].as_str())).map(str::to_owned).collect()
}

fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(input::read(file)?).map_err(|_| Failure::Usage(format!("{} is not UTF-8", file.display())))
}
