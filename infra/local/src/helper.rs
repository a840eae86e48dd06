//! A small Python process that speaks to the local AWS through boto3, which is installed there anyway: `CloudFormation`,
//! S3, Lambda and its logs would be four more SDK crates to compile for whoever runs this for the first time.
//!
//! One JSON object a line, in both directions; answers come in any order. It ends when its standard input does.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value>>>>>;

#[derive(Debug)]
pub(crate) struct Helper {
    child: Child,
    /// Nothing once it is being stopped.
    input: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    next: AtomicU64,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    result: Option<Value>,
    error: Option<String>,
}

impl Helper {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the Python helper")?;
        let input = Mutex::new(child.stdin.take());
        let output = child.stdout.take().context("the Python helper has no output")?;
        let waiting = Waiting::default();
        let answered = Arc::clone(&waiting);
        thread::spawn(move || deal(output, &answered));
        Ok(Self { child, input, waiting, next: AtomicU64::new(0) })
    }

    /// Has `operation` (a function of helper.py) done.
    pub(crate) async fn call(&self, operation: &str, arguments: Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let line = json!({ "id": id, "operation": operation, "arguments": arguments });
        lock(&self.input)
            .as_mut()
            .context("the local AWS is stopped")?
            .write_all(format!("{line}\n").as_bytes())
            .context("the Python helper has ended; its log says why")?;
        answer.await.context("the Python helper has ended; its log says why")?
    }
}

/// Hands out the answers until there are no more.
fn deal(output: ChildStdout, waiting: &Waiting) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(Answer { id, result, error }) = serde_json::from_str(&line) else { continue };
        let result = match error {
            Some(error) => Err(anyhow!(error)),
            None => Ok(result.unwrap_or_default()),
        };
        if let Some(sender) = lock(waiting).remove(&id) {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(result);
        }
    }
    lock(waiting).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Helper {
    fn drop(&mut self) {
        lock(&self.input).take();
        let _ = self.child.wait();
    }
}
