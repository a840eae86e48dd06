//! Fuzzes the whole API on a local stack with schemathesis, from the OpenAPI document that the stack serves.
//!
//! `cargo run -p postrider-tests --bin fuzz-api` prints the number of cases, and fails where an answer is a server
//! error or is not as the document has it. What is checked and how much is in `tests/fuzz/schemathesis.toml`; what
//! follows `--` goes to schemathesis as well. The calls are those of a fresh organization, and nothing leaves this
//! machine: `tests/fuzz/hooks.py` sends every URL to a receiver here.

#![expect(clippy::print_stdout, reason = "what was found is printed")]

use std::{fs, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use postrider_tests::{Tenant, world};
use serde_json::json;

/// Fuzzes the API on a local stack.
#[derive(Debug, Parser)]
#[command(name = "fuzz-api")]
struct Options {
    /// schemathesis, of the version in .ci/requirements.txt.
    #[arg(long, default_value = "target/ci/bin/schemathesis")]
    schemathesis: PathBuf,
    /// Further arguments of `schemathesis run`.
    #[arg(last = true)]
    more: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let stack = world().main().await?;
    let tenant = stack.tenant("fuzz").await?;
    let source = furnish(&tenant).await?;
    let start = Instant::now();
    let program = fs::canonicalize(&options.schemathesis);
    let program = program.with_context(|| format!("no {}", options.schemathesis.display()))?;
    let mut command = Command::new(program);
    // It leaves its notes where it runs.
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
    command.args(["--config-file", &format!("{folder}/schemathesis.toml"), "run"]);
    command.arg(format!("{}/openapi.json", stack.url())).args(["--url", &stack.url()]).args(&options.more);
    command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", folder);
    command.env("FUZZ_EXPENDABLE_TOKEN", stack.token(&tenant.org, None)).env("FUZZ_SOURCE", source);
    command.env("FUZZ_TOKEN", stack.token(&tenant.org, None)).env("FUZZ_RECEIVER", tenant.receiver.url(""));
    let status = command.status().context("cannot run schemathesis")?;
    println!("fuzzed for {:.0?}", start.elapsed());
    ensure!(status.success(), "schemathesis found something");
    Ok(())
}

/// Makes what the examples in the document and the configuration name, so that the calls find something. Gives the id of
/// a source.
async fn furnish(tenant: &Tenant) -> Result<String> {
    let api = &tenant.api;
    let mut made = vec![api.post("/app", &json!({ "name": "Acme Inc.", "uid": "acme" })).await?];
    made.push(api.post("/event-type", &json!({ "name": "invoice.paid", "description": "An invoice was paid" })).await?);
    let endpoint = json!({ "url": tenant.receiver.url("/hook"), "uid": "acme-billing" });
    made.push(api.post("/app/acme/endpoint", &endpoint).await?);
    let message = json!({ "eventType": "invoice.paid", "eventId": "evt-1", "payload": { "total": 2000 } });
    made.push(api.post("/app/acme/msg", &message).await?);
    made.push(api.post("/app", &json!({ "name": "Never deleted", "uid": "steady" })).await?);
    made.push(api.post("/app/steady/endpoint", &json!({ "uid": "poller", "delivery": { "type": "poller" } })).await?);
    made.push(api.post("/app/steady/msg", &json!({ "eventType": "invoice.paid", "payload": {} })).await?);
    let config = json!({ "header": "x-key", "secret": "anybody may know" });
    let source = json!({ "name": "Steady", "appId": "steady", "type": "api-key", "config": config });
    made.push(api.post("/source", &source).await?);
    for reply in &made {
        ensure!(reply.status < 300, "{}: {}", reply.status, reply.text);
    }
    let source = made.last().and_then(|reply| reply.json()["id"].as_str().map(str::to_owned));
    source.context("the id of the source")
}
