//! The local AWS: one process, on a loopback port of its own, with IAM enforced.
//!
//! It lives as long as [`Emulator`] does and never longer: it watches the pipe that [`Emulator`] holds (see
//! `python/launcher.py`), so that it and the functions it runs end even when this process is killed.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    helper::Helper,
    paths,
    progress::Progress,
    run::{Name, Run},
    venv,
};

/// The only region there is.
pub const REGION: &str = "us-east-1";
/// Root's access key, and its secret.
pub const ACCESS_KEY: &str = "test";

/// The services that the template and its tests use; a smaller start, and no other ports opened.
const SERVICES: &str = "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,monitoring,s3,scheduler,secretsmanager,sqs,sts";
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(10);
/// A free port may be taken by somebody else before the local AWS listens on it.
const TRIES: u32 = 3;

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the stack's folder in `target/local`.
    pub name: Name,
    /// A function keeps one idle process; those beyond it are ended after so long, which is looked at every 30 s.
    pub idle: Duration,
}

/// A local AWS that is running.
#[derive(Debug)]
pub struct Emulator {
    pub(crate) helper: Helper,
    process: Child,
    port: u16,
    run: Run,
}

impl Emulator {
    /// Installs what is needed, starts, and waits until it answers. Blocks.
    pub fn start(options: &Options, progress: Progress) -> Result<Self> {
        let run = Run::begin(&options.name)?;
        let python = venv::ensure(progress)?;
        let step = progress.step("Starting the local AWS");
        let mut tries = 1;
        let (process, port) = loop {
            match launch(&python, &run, options.idle) {
                Ok(launched) => break launched,
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        };
        let helper = Helper::start(
            Command::new(&python)
                .arg(paths::python("helper.py"))
                .env_clear()
                .envs(environment(port, &run))
                .stderr(File::create(run.dir().join("helper.log"))?),
        )?;
        step.done();
        Ok(Self { helper, process, port, run })
    }

    /// `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// The port on 127.0.0.1 where everything of it answers.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process. The functions' processes are its children (see [`Emulator::processes`]).
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder with its logs, `target/local/<name>`.
    pub fn dir(&self) -> &Path {
        self.run.dir()
    }

    /// Stops it and every function, and waits until they are gone. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + STOP;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.process.kill();
                let _ = self.process.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Nothing of the surroundings gets in: neither somebody's real AWS credentials nor their proxy.
fn environment(port: u16, run: &Run) -> Vec<(&'static str, String)> {
    let nowhere = || "/dev/null".to_owned();
    let dir = |path: PathBuf| path.display().to_string();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", dir(run.temporary())),
        ("TMPDIR", dir(run.temporary())),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("AWS_ENDPOINT_URL", endpoint(port)),
        ("AWS_DEFAULT_REGION", REGION.into()),
        ("AWS_REGION", REGION.into()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
        ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY.into()),
        ("AWS_CONFIG_FILE", nowhere()),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ]
}

/// Starts it on a free port, and waits until it answers there.
fn launch(python: &Path, run: &Run, idle: Duration) -> Result<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    fs::create_dir_all(run.temporary())?;
    let log = run.dir().join("emulator.log");
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut process = Command::new(python)
        .arg(paths::python("launcher.py"))
        .arg(run.temporary())
        .env_clear()
        .envs(environment(port, run))
        .envs([("AUTH", "true"), ("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "localhost"), ("SERVICES", SERVICES)])
        .env("GATEWAY_PORT", port.to_string())
        .env("LAMBDA_WARM_TTL_SECONDS", idle.as_secs().to_string())
        // Both would listen on fixed ports.
        .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
        // A Ctrl-C in the terminal is for us: we stop it in order.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("cannot start the local AWS")?;
    let deadline = Instant::now() + START;
    while !answers(port) {
        if let Some(status) = process.try_wait()? {
            bail!("the local AWS ended at once ({status}):\n{}", tail(&log));
        }
        if Instant::now() > deadline {
            let _ = process.kill();
            bail!("the local AWS does not answer after {} s:\n{}", START.as_secs(), tail(&log));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((process, port))
}

/// The end of a log, or where it would be.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    format!("{}\n(from {})", lines[lines.len().saturating_sub(20)..].join("\n"), log.display())
}

/// Whether it is ready.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let limit = Some(Duration::from_secs(2));
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(limit)?;
        stream.write_all(b"GET /_ministack/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
