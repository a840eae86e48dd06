//! The command line, as a person or a script runs it: the real binary, in a surrounding of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{self, Receiver as Channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use postrider_local::{ACCESS_KEY, Progress, REGION, build_cli};
use serde_json::Value;

use crate::{PATIENCE, Stack, world};

/// The surroundings of a command: variables, and nothing else of the test's own.
#[derive(Debug, Clone, Default)]
pub struct Cli {
    variables: Vec<(String, String)>,
    stdin: Vec<u8>,
}

/// What a command has said, and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The binary, built by whoever asks first.
fn binary() -> Result<&'static PathBuf> {
    static BINARY: OnceLock<Result<PathBuf>> = OnceLock::new();
    let built = BINARY.get_or_init(|| build_cli(Progress::quiet()));
    built.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// The folder that `postrider` is in, for a shell's `PATH`.
pub fn cli_folder() -> Result<PathBuf> {
    Ok(binary()?.parent().context("a folder")?.to_path_buf())
}

impl Stack {
    /// A command line for this stack, with that token.
    pub fn cli(&self, token: &str) -> Cli {
        Cli::default().with("POSTRIDER_URL", self.url()).with("POSTRIDER_TOKEN", token)
    }
}

impl Cli {
    /// With a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// With an operator's AWS credentials.
    #[must_use]
    pub fn with_aws(self) -> Self {
        let all = [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)];
        let cli = self.with("AWS_ENDPOINT_URL", world().emulator.endpoint());
        all.into_iter().fold(cli, |cli, (name, value)| cli.with(name, value))
    }

    /// With something on standard input.
    #[must_use]
    pub fn stdin(self, bytes: &[u8]) -> Self {
        Self { stdin: bytes.to_vec(), ..self }
    }

    /// The variables.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.args(arguments).env_clear().envs(self.variables.iter().cloned());
        command.stdin(Stdio::piped());
        Ok(command)
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Said> {
        let (mut child, stdin) =
            (self.command(arguments)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?, self.stdin.clone());
        let waiting = tokio::task::spawn_blocking(move || -> Result<Said> {
            // It may end without reading.
            let _ = child.stdin.take().context("its input")?.write_all(&stdin);
            let output = child.wait_with_output()?;
            let text = |bytes| String::from_utf8(bytes).context("UTF-8");
            Ok(Said { code: code(output.status)?, out: text(output.stdout)?, err: text(output.stderr)? })
        });
        waiting.await?
    }

    /// Runs a command that must go well.
    pub async fn done(&self, arguments: &[&str]) -> Result<Said> {
        let said = self.run(arguments).await?;
        ensure!(said.code == 0, "{arguments:?}: {said:?}");
        Ok(said)
    }

    /// Starts a command that stays.
    pub fn start(&self, arguments: &[&str]) -> Result<Running> {
        Running::new(self.command(arguments)?)
    }
}

impl Said {
    /// Every line of its output, which are JSON.
    pub fn lines(&self) -> Result<Vec<Value>> {
        self.out.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Its output, which is JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{self:?}"))
    }
}

fn code(status: ExitStatus) -> Result<i32> {
    status.code().with_context(|| format!("{status}"))
}

/// A command that stays until it is asked to end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Channel<String>,
    errors: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it.
    pub fn new(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take().context("output")?, child.stderr.take().context("errors")?);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&errors);
        let reader = thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Ok(Self { child, lines, errors, reader: Some(reader) })
    }

    /// What it has said on standard error until now.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it says that it has begun, and how it is ended.
    pub async fn begun(&mut self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.child.try_wait()?.is_none() {
            if self.errors().contains("Ctrl-C ends it") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("it has not begun; {}", self.errors())
    }

    /// Waits for a line of its output that holds this text.
    pub async fn line(&mut self, text: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            match self.lines.try_recv() {
                Ok(line) if line.contains(text) => return Ok(line),
                Ok(_) => {}
                Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(_) => bail!("no line with {text}; {}", self.errors()),
            }
        }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill -{name}: {status}");
        Ok(())
    }

    /// Waits for its end; gives the exit code, and what it has said on standard error.
    pub async fn ended(mut self) -> Result<(Option<i32>, String)> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                let _ = self.reader.take().map(JoinHandle::join);
                return Ok((status.code(), self.errors()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("it does not end; {}", self.errors())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
