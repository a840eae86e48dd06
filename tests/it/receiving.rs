//! Third parties' webhooks: what their own libraries have signed is taken in once; what differs by a byte, or is too old,
//! leaves nothing behind.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::{PATIENCE, Reply, Stack, Tenant, verify, world};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::clients::python;

mod cost;
mod manage;
mod presets;
mod requests;

/// What a sender has signed: now, and ten minutes ago if it signs a time.
struct Signed {
    secret: String,
    headers: Vec<(String, String)>,
    stale: Option<Vec<(String, String)>>,
}

/// Has the senders in `tests/clients/senders.py` sign these bodies.
async fn sign(wanted: &[(&str, &str)]) -> Result<Vec<Signed>> {
    let wanted: Vec<_> = wanted.iter().map(|(name, body)| json!({"name": name, "body": body})).collect();
    let signed = tokio::task::spawn_blocking(move || run(&json!(wanted))).await??;
    signed.as_array().context("a list")?.iter().map(Signed::read).collect()
}

fn run(wanted: &Value) -> Result<Value> {
    let clients = paths::workspace().join("tests/clients");
    let mut script = Command::new(python(&clients)?);
    let script = script.arg(clients.join("senders.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = script.spawn()?;
    running.stdin.take().context("its input")?.write_all(wanted.to_string().as_bytes())?;
    let output = running.wait_with_output()?;
    ensure!(output.status.success(), "the senders failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Signed {
    fn read(signed: &Value) -> Result<Self> {
        let headers = |headers: &Value| {
            let all = headers.as_object()?.iter();
            let all = all.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            all.collect::<Option<Vec<_>>>()
        };
        let secret = signed["secret"].as_str().context("a secret")?.to_owned();
        Ok(Self { secret, headers: headers(&signed["headers"]).context("headers")?, stale: headers(&signed["stale"]) })
    }
}

/// A source of the tenant's; gives its path, `/in/…`.
async fn source(tenant: &Tenant, mut config: Value, secret: &str) -> Result<String> {
    config["name"] = json!("a sender");
    config["appId"] = json!(tenant.app);
    config["config"]["secret"] = json!(secret);
    let made = tenant.api.post("/source", &config).await?;
    ensure!(made.status == 201, "{}", made.text);
    ensure!(!made.text.contains(secret), "the secret is shown: {}", made.text);
    let url = made.json()["ingestUrl"].as_str().context("a URL")?.to_owned();
    let at = url.find("/in/src_").context("not the URL of a source")?;
    Ok(url[at..].to_owned())
}

/// One request of a sender.
async fn send(stack: &Stack, method: Method, path: &str, headers: &[(String, String)], body: &[u8]) -> Result<Reply> {
    let client = Client::builder().no_proxy().build()?;
    let mut request = client.request(method, format!("{}{path}", stack.url())).body(body.to_vec());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, text: response.text().await? })
}

/// How many messages the tenant's application has.
async fn stored(tenant: &Tenant) -> Result<usize> {
    let list = tenant.api.get(&format!("/app/{}/msg", tenant.app)).await?.json();
    Ok(list["data"].as_array().context("a list")?.len())
}
