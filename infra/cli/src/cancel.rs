//! `postrider cancel`: deliveries that shall not be made any more.

use clap::{Args, Subcommand};
use postrider_core::time::Time;
use serde_json::{Value, json};

use crate::{
    console::mark,
    failure::Failure,
    session::Session,
    task::{self, Task},
    when::When,
};

/// Ends deliveries that wait, without sending them.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One message's delivery to one endpoint.
    Message {
        /// The application: its id or uid.
        app: String,
        /// The message: its id or eventId.
        message: String,
        /// The endpoint: its id or uid.
        endpoint: String,
    },
    /// Everything that waits for an endpoint.
    Pending {
        /// The application: its id or uid.
        app: String,
        /// The endpoint: its id or uid.
        endpoint: String,
        /// Of messages published since then, 10m, 2h, 3d ago, or an instant; all if it is not given.
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// Follow the work to its end.
        #[arg(long)]
        wait: bool,
    },
}

impl Cancel {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let client = session.client()?;
        match self.what {
            What::Message { app, message, endpoint } => {
                let path = ["app", &app, "msg", &message, "endpoint", &endpoint, "cancel"];
                let _: Value = client.post(&path).body(&json!({})).send().await?;
                let told = json!({ "message": message, "endpoint": endpoint, "canceled": true });
                session.console.result(&told, || format!("{} {message} will not be sent to {endpoint}", mark(true)))
            }
            What::Pending { app, endpoint, since, wait } => {
                let since = since.map_or(Time::from_secs(0), |when| when.0);
                let path = ["app", &app, "endpoint", &endpoint, "cancel-pending"];
                let task: Task = client.post(&path).once()?.body(&json!({ "since": since })).send().await?;
                task::follow(session, &client, task, wait).await
            }
        }
    }
}
