//! Work that the deployment does in the background, and how far it is.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    client::Client,
    console::{FAINT, in_style, mark},
    failure::Failure,
    session::Session,
};

const PAUSE: Duration = Duration::from_secs(1);

/// A background task as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    id: String,
    status: String,
    #[serde(rename = "task")]
    kind: String,
    /// Its counts; none right after it has begun.
    #[serde(default)]
    data: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Task {
    fn is_over(&self) -> bool {
        self.status != "running"
    }

    /// `sent 120, left 8`.
    fn counts(&self) -> String {
        let counts = self.data.iter().filter(|(_, value)| value.is_number());
        counts.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }

    fn words(&self) -> String {
        let state = if self.is_over() { mark(self.status == "finished") } else { "…".to_owned() };
        format!("{state} {} {}  {}", self.kind, self.status, in_style(FAINT, &self.id)) + &self.told()
    }

    fn told(&self) -> String {
        let counts = self.counts();
        if counts.is_empty() { counts } else { format!("  {counts}") }
    }
}

/// Tells of a task that has begun; with `wait`, of its end.
pub(crate) async fn follow(session: &Session, client: &Client, begun: Task, wait: bool) -> Result<(), Failure> {
    let task = if wait { ended(session, client, begun).await? } else { begun };
    session.console.result(&task, || task.words())?;
    match task.status.as_str() {
        "failed" => Err(Failure::Failed(format!("{} has failed", task.id))),
        "running" => {
            session.console.note("It goes on in the background; --wait would follow it");
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn ended(session: &Session, client: &Client, mut task: Task) -> Result<Task, Failure> {
    let begun = Instant::now();
    while !task.is_over() {
        session.console.progress(&format!("… {} {} s{}", task.kind, begun.elapsed().as_secs(), task.told()));
        tokio::time::sleep(PAUSE).await;
        task = client.get(&["background-task", &task.id]).send().await?;
    }
    Ok(task)
}
