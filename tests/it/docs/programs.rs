//! The receivers that the guide on verifying shows, each as it stands there: what arrives is taken, and what was changed on
//! the way, or is old, is not.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use postrider_local::paths;
use postrider_tests::{Tenant, eventually, world};
use reqwest::Client;
use serde_json::json;
use standardwebhooks::Webhook;
use svix::models::EndpointIn;
use tokio::net::{TcpListener, TcpStream};

use super::{GUIDES, blocks, read};
use crate::clients::{node, python, run};

const BODY: &[u8] = br#"{"order":  1}"#;

fn shown(language: &str) -> Result<String> {
    let guide = read(&format!("{GUIDES}/verifying.md"))?;
    let found = blocks(&guide).find(|(about, _)| *about == language).context("no such program")?;
    Ok(format!("{}\n", found.1))
}

/// What the guide shows, listening at that port instead, as a file of that name.
fn program(language: &str, port: u16, folder: &Path, name: &str) -> Result<PathBuf> {
    let text = shown(language)?;
    ensure!(text.matches("3000").count() == 1, "{language}: not one port");
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(name), text.replace("3000", &port.to_string()))?;
    Ok(folder.join(name))
}

/// The command that runs it.
fn command(language: &str, port: u16) -> Result<Command> {
    let (clients, folder) = (paths::workspace().join("tests/clients"), paths::local()?.join("guide"));
    let (runner, file) = match language {
        "python" => (python(&clients)?, program(language, port, &folder, "receiver.py")?),
        "js" => ("node".into(), program(language, port, &node(&clients)?, "receiver.mjs")?),
        "java" => ("java".into(), program(language, port, &folder, "Receiver.java")?),
        "go" => return go(&python(&clients)?.with_file_name("go"), &program(language, port, &folder, "receiver.go")?),
        _ => {
            let example = include_str!("receiver.rs");
            ensure!(example.ends_with(&shown(language)?), "the guide shows another program than receiver.rs");
            let mut command = Command::new(env!("CARGO_BIN_EXE_receiver"));
            command.env("PORT", port.to_string());
            return Ok(command);
        }
    };
    let mut command = Command::new(runner);
    command.arg(file);
    Ok(command)
}

/// Without the network, and with no folder of the user's.
fn go(go: &Path, source: &Path) -> Result<Command> {
    let (binary, cache) = (source.with_extension("bin"), source.with_file_name("go"));
    let settings = [("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOENV", "off")];
    let mut build = Command::new(go);
    build.args(["build", "-o"]).arg(&binary).arg(source).envs(settings).env("GOPATH", cache.join("path"));
    run(build.env("GOCACHE", cache.join("cache")))?;
    Ok(Command::new(binary))
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Requests as somebody else could send them, and what each is answered.
async fn sent_by_hand(url: &str, secret: &str) -> Result<()> {
    let now = Timestamp::now().as_second();
    let long_ago = now - 600;
    let sign = |at| Webhook::new(secret).and_then(|webhook| webhook.sign("msg_1", at, BODY));
    let (good, old) = (sign(now)?, sign(long_ago)?);
    let other = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.sign("msg_1", now, BODY)?;
    let both = format!("{other} {good}");
    let client = Client::builder().no_proxy().build()?;
    for (what, at, signature, body, status) in [
        ("ours", now, &good, BODY, 204),
        ("ours, during a rotation", now, &both, BODY, 204),
        ("written again", now, &good, br#"{"order": 1}"#, 400),
        ("signed with another secret", now, &other, BODY, 400),
        ("old", long_ago, &old, BODY, 400),
        ("dated anew", now, &old, BODY, 400),
        ("not signed", now, &String::new(), BODY, 400),
    ] {
        let request = client.post(url).header("webhook-id", "msg_1").header("webhook-timestamp", at);
        let request = request.header("webhook-signature", signature).header("content-type", "application/json");
        let reply = request.body(body).send().await.context(what)?;
        assert_eq!(reply.status().as_u16(), status, "{what}");
    }
    let bare = client.post(url).body(BODY).send().await?;
    assert_eq!(bare.status().as_u16(), 400, "without headers");
    Ok(())
}

async fn works(language: &'static str) -> Result<()> {
    let tenant: Tenant = world().main().await?.tenant(&format!("guide-{language}")).await?;
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}/webhooks");
    let endpoint = tenant.endpoint_with(EndpointIn::new(url.clone())).await?.id;
    let secret = tenant.svix.endpoint().get_secret(tenant.app.clone(), endpoint).await?.key;
    let mut command = tokio::task::spawn_blocking(move || command(language, port)).await??;
    let said = paths::local()?.join("guide").join(format!("{language}.log"));
    std::fs::create_dir_all(said.with_file_name(""))?;
    command.env("WEBHOOK_SECRET", &secret).stdin(Stdio::null()).stdout(std::fs::File::create(&said)?);
    let _running = Running(command.spawn().with_context(|| format!("{command:?}"))?);
    let listens = || async { Ok(TcpStream::connect(("127.0.0.1", port)).await.ok()) };
    eventually(&format!("the receiver in {language} listens"), listens).await?;
    let message = tenant.publish("order.paid", json!({"order": 1})).await?.id;
    let attempts = tenant.attempted(&message, 1).await?;
    assert_eq!(attempts[0].response_status_code, 204, "{language}: {}", attempts[0].response);
    eventually("the receiver says what came", || async {
        let said = std::fs::read_to_string(&said)?;
        Ok((said.contains(&message) && said.contains("order.paid")).then_some(()))
    })
    .await?;
    sent_by_hand(&url, &secret).await
}

#[tokio::test]
async fn the_receiver_in_python_works() -> Result<()> {
    works("python").await
}

#[tokio::test]
async fn the_receiver_in_javascript_works() -> Result<()> {
    works("js").await
}

#[tokio::test]
async fn the_receiver_in_go_works() -> Result<()> {
    works("go").await
}

#[tokio::test]
async fn the_receiver_in_java_works() -> Result<()> {
    if Command::new("java").arg("-version").output().is_err() {
        println!("not run: there is no java here");
        return Ok(());
    }
    works("java").await
}

#[tokio::test]
async fn the_receiver_in_rust_works() -> Result<()> {
    works("rust").await
}
