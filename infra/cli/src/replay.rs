//! `postrider replay`: deliveries made again, or made at last.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    client::Client,
    console::{FAINT, in_style, mark},
    failure::Failure,
    list,
    session::Session,
    task::{self, Task},
    when::When,
};

const PAUSE: Duration = Duration::from_millis(500);
/// Longer than an attempt may take, and the queue before it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Sends again what has failed, or what was never sent.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One message to one endpoint, whatever became of it before.
    Resend {
        /// The application: its id or uid.
        app: String,
        /// The message: its id or eventId.
        message: String,
        /// The endpoint: its id or uid.
        endpoint: String,
        /// Wait for the attempt, and tell what came of it.
        #[arg(long)]
        wait: bool,
    },
    /// Everything that has failed at an endpoint.
    Recover(Span),
    /// Everything that an endpoint would have been sent and was not: from before it was made, or while it was disabled.
    Missing(Span),
}

#[derive(Debug, Args)]
struct Span {
    /// The application: its id or uid.
    app: String,
    /// The endpoint: its id or uid.
    endpoint: String,
    /// What was published since then: 10m, 2h, 3d ago, or an instant.
    #[arg(long, value_name = "TIME")]
    since: When,
    /// And until then; until now if it is not given.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Follow the work to its end.
    #[arg(long)]
    wait: bool,
}

impl Replay {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let client = session.client()?;
        match self.what {
            What::Resend { app, message, endpoint, wait } => {
                Resend { client: &client, app: &app, message: &message, endpoint: &endpoint }.run(session, wait).await
            }
            What::Recover(span) => span.run(session, &client, "recover").await,
            What::Missing(span) => span.run(session, &client, "replay-missing").await,
        }
    }
}

impl Span {
    async fn run(&self, session: &Session, client: &Client, operation: &str) -> Result<(), Failure> {
        let mut body = json!({ "since": self.since.0 });
        if let Some(until) = self.until {
            body["until"] = json!(until.0);
        }
        let task: Task =
            client.post(&["app", &self.app, "endpoint", &self.endpoint, operation]).once()?.body(&body).send().await?;
        task::follow(session, client, task, self.wait).await
    }
}

struct Resend<'a> {
    client: &'a Client,
    app: &'a str,
    message: &'a str,
    endpoint: &'a str,
}

impl Resend<'_> {
    async fn run(&self, session: &Session, wait: bool) -> Result<(), Failure> {
        let Self { app, message, endpoint, .. } = *self;
        let before = if wait { self.attempts().await? } else { Vec::new() };
        let path = ["app", app, "msg", message, "endpoint", endpoint, "resend"];
        let _: Value = self.client.post(&path).once()?.body(&json!({})).send().await?;
        if !wait {
            let told = json!({ "message": message, "endpoint": endpoint, "resent": true });
            return session.console.result(&told, || format!("{} {message} is on its way to {endpoint}", mark(true)));
        }
        let attempt = tokio::time::timeout(PATIENCE, self.next(&before)).await;
        let attempt = attempt.map_err(|_| Failure::Failed(format!("no attempt was made within {PATIENCE:?}")))??;
        let (ok, code) = (attempt["status"] == 0, &attempt["responseStatusCode"]);
        session.console.result(&attempt, || {
            let (id, millis) = (attempt["id"].as_str().unwrap_or_default(), &attempt["responseDurationMs"]);
            format!("{} {code} after {millis} ms  {}", mark(ok), in_style(FAINT, id))
        })?;
        if ok { Ok(()) } else { Err(Failure::Failed(format!("the attempt has failed ({code})"))) }
    }

    async fn next(&self, before: &[Value]) -> Result<Value, Failure> {
        loop {
            let now = self.attempts().await?;
            if let Some(new) = now.into_iter().find(|attempt| before.iter().all(|old| old["id"] != attempt["id"])) {
                return Ok(new);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempts(&self) -> Result<Vec<Value>, Failure> {
        let path = ["app", self.app, "msg", self.message, "endpoint", self.endpoint, "attempt"];
        list::all(self.client, &path, &[]).await
    }
}
