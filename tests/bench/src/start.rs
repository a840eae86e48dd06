//! From the start of a process to its first question for work, and what is deployed.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use postrider_local::{Binaries, FUNCTIONS};
use postrider_tests::{print_table, read_request};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};

use crate::procs;

const RUNS: usize = 40;
const NOTHING: &str = "minimal";
const INVOCATIONS: u32 = 300;
/// As the runtime API hands over an event.
const EVENT: &str = "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
    lambda-runtime-deadline-ms: 4102444800000\r\n\
    lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:f\r\n\
    content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const PATIENCE: Duration = Duration::from_secs(20);

/// What the template gives a function, as far as it reads it when it starts.
const ENVIRONMENT: [(&str, &str); 14] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("POSTRIDER_CONFIG_TABLE", "config"),
    ("POSTRIDER_LEDGER_TABLE", "ledger"),
    ("POSTRIDER_KEYRING", "keyring"),
    ("POSTRIDER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/q"),
    ("POSTRIDER_RETRY_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/r"),
    ("POSTRIDER_JOB_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/j"),
    ("POSTRIDER_DEAD_LETTER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/d"),
    ("POSTRIDER_PUBLISH_DEAD_LETTER_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/p"),
];

struct Started {
    wall: Duration,
    cpu: Duration,
}

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let mut figures = Map::new();
    let started = least(binaries).await?;
    let floor = &started[NOTHING];
    let mut rows = vec![row("a function that does nothing", floor, floor, &binaries[NOTHING]).await?];
    for name in FUNCTIONS {
        let started = &started[name];
        rows.push(row(name, started, floor, &binaries[name]).await?);
        let ratio = started.cpu.as_secs_f64() / floor.cpu.as_secs_f64();
        let zip = zipped(&binaries[name]).await?;
        figures.insert(
            name.to_owned(),
            json!({"cpuMillis": millis(started.cpu), "wallMillis": millis(started.wall), "ratio": ratio, "zipBytes": zip}),
        );
    }
    figures.insert("floor".to_owned(), json!({"cpuMillis": millis(floor.cpu), "wallMillis": millis(floor.wall)}));
    let head = ["", "CPU ms", "wall ms", "x floor", "binary MB", "zip MB"];
    println!("\nStart to the first question for work (the least of {RUNS})");
    print_table(&head, &rows);
    Ok(Value::Object(figures))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn row(name: &str, started: &Started, floor: &Started, binary: &Path) -> Result<Vec<String>> {
    let mega = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    Ok(vec![
        name.to_owned(),
        format!("{:.1}", millis(started.cpu)),
        format!("{:.1}", millis(started.wall)),
        format!("{:.1}", started.cpu.as_secs_f64() / floor.cpu.as_secs_f64()),
        mega(std::fs::metadata(binary)?.len()),
        mega(zipped(binary).await?),
    ])
}

/// By their names. They take turns, so that what else the machine does is everybody's; and it can only add to what is least.
async fn least(binaries: &Binaries) -> Result<BTreeMap<&'static str, Started>> {
    let mut least = BTreeMap::<_, Started>::new();
    for _ in 0..RUNS {
        for name in FUNCTIONS.into_iter().chain([NOTHING]) {
            let started = once(&binaries[name]).await.context(name)?;
            if least.get(name).is_none_or(|least| started.cpu < least.cpu) {
                least.insert(name, started);
            }
        }
    }
    Ok(least)
}

/// Plays the runtime API until the process asks for work.
async fn once(binary: &Path) -> Result<Started> {
    let runtime = TcpListener::bind("127.0.0.1:0").await?;
    let begun = Instant::now();
    let mut process = spawn(binary, &runtime)?;
    let asked = async {
        let (mut socket, _) = runtime.accept().await?;
        let mut text = Vec::new();
        while !text.windows(4).any(|end| end == b"\r\n\r\n") {
            anyhow::ensure!(socket.read_buf(&mut text).await? > 0, "it hung up");
        }
        anyhow::Ok(text)
    };
    let text = timeout(PATIENCE, asked).await.context("it does not ask for work")??;
    let wall = begun.elapsed();
    let cpu = procs::exact(process.id().context("it has ended")?)?;
    process.kill().await?;
    anyhow::ensure!(text.starts_with(b"GET /2018-06-01/runtime/invocation/next"), "it asks for something else");
    Ok(Started { wall, cpu })
}

fn spawn(binary: &Path, runtime: &TcpListener) -> Result<Child> {
    let mut command = Command::new(binary);
    command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", runtime.local_addr()?.to_string());
    command.env("POSTRIDER_API_URL", "https://api.example").stdout(std::process::Stdio::null()).kill_on_drop(true);
    command.spawn().with_context(|| binary.display().to_string())
}

/// The CPU time of one invocation of a function, which gets nothing to do.
pub(crate) async fn empty_invocation(binary: &Path) -> Result<Duration> {
    timeout(PATIENCE, invocations(binary)).await.context("invocations take too long")?
}

async fn invocations(binary: &Path) -> Result<Duration> {
    let runtime = TcpListener::bind("127.0.0.1:0").await?;
    let process = spawn(binary, &runtime)?;
    let pid = process.id().context("it has ended")?;
    let (socket, _) = runtime.accept().await?;
    socket.set_nodelay(true)?;
    let mut socket = BufStream::new(socket);
    let mut before = Duration::ZERO;
    for nth in 0..=2 * INVOCATIONS {
        if nth == INVOCATIONS {
            before = procs::exact(pid)?;
        }
        read_request(&mut socket).await?;
        socket.write_all(EVENT.as_bytes()).await?;
        socket.flush().await?;
        read_request(&mut socket).await?;
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
        socket.flush().await?;
    }
    Ok(procs::exact(pid)?.saturating_sub(before) / INVOCATIONS)
}

/// Bytes of the zip that is deployed.
async fn zipped(binary: &Path) -> Result<u64> {
    const SCRIPT: &str = "import io,sys,zipfile; b=io.BytesIO(); \
        z=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED); z.write(sys.argv[1],'bootstrap'); z.close(); print(b.tell())";
    let output = Command::new("python3").args(["-c", SCRIPT]).arg(binary).output().await?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
