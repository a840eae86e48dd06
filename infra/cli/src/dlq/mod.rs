//! `postrider dlq`: deliveries that failed for good. `list` and `redrive` show and mend the record of one application,
//! through the API; `queue` is for operators, and works on the dead-letter queues of the stack.

mod outputs;
mod queue;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    console::{BAD, FAINT, NAME, in_style},
    failure::Failure,
    list,
    session::Session,
    task::{self, Task},
    when::When,
};

/// Shows deliveries that failed for good, and sends them again.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The dead letters of an application, newest message first.
    List {
        /// The application: its id or uid.
        app: String,
        /// Only of this endpoint: its id or uid.
        #[arg(long)]
        endpoint: Option<String>,
        /// Of messages published since then: 10m, 2h, 3d ago, or an instant.
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Sends the dead letters of an application again.
    Redrive {
        /// The application: its id or uid.
        app: String,
        /// Only those of this endpoint: its id or uid.
        #[arg(long)]
        endpoint: Option<String>,
        /// Of messages published since then: 10m, 2h, 3d ago, or an instant.
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// Follow the work to its end.
        #[arg(long)]
        wait: bool,
    },
    /// The stack's dead-letter queues, with AWS credentials.
    Queue(queue::Queue),
}

impl Dlq {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self.what {
            What::List { app, endpoint, since, limit } => list(session, &app, endpoint, since, limit).await,
            What::Redrive { app, endpoint, since, wait } => redrive(session, &app, endpoint, since, wait).await,
            What::Queue(queue) => queue.run(session).await,
        }
    }
}

async fn list(
    session: &Session,
    app: &str,
    endpoint: Option<String>,
    since: Option<When>,
    limit: usize,
) -> Result<(), Failure> {
    let mut query = Vec::new();
    query.extend(endpoint.map(|endpoint| ("endpoint_id", endpoint)));
    query.extend(since.map(|since| ("after", since.0.to_string())));
    let letters: Vec<Value> = list::first(&session.client()?, &["app", app, "dead-letter"], &query, limit).await?;
    for letter in &letters {
        session.console.result(letter, || line(letter))?;
    }
    if letters.is_empty() {
        session.console.note("No dead letters");
    } else if letters.len() == limit {
        session.console.note("There may be more: --limit");
    }
    Ok(())
}

fn line(letter: &Value) -> String {
    let text = |name: &str| letter[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} {} after {} attempts",
        in_style(FAINT, text("timestamp")),
        text("messageId"),
        in_style(NAME, text("endpointId")),
        text("eventType"),
        in_style(BAD, text("reason")),
        letter["attempts"],
    )
}

async fn redrive(
    session: &Session,
    app: &str,
    endpoint: Option<String>,
    since: Option<When>,
    wait: bool,
) -> Result<(), Failure> {
    let client = session.client()?;
    let mut body = json!({});
    if let Some(endpoint) = endpoint {
        body["endpointId"] = json!(endpoint);
    }
    if let Some(since) = since {
        body["since"] = json!(since.0);
    }
    let task: Task = client.post(&["app", app, "dead-letter", "redrive"]).once()?.body(&body).send().await?;
    task::follow(session, &client, task, wait).await
}
