//! Brings the stack up, has it demonstrated, and takes it down.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow};
use postrider_local::{Emulator, Listener, Name, Options, Progress, Proxy, Receiver, build_functions, holder, mint};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    client::Client,
    demo::{self, PATH},
    env_file,
};

const STACK: &str = "postrider";
const ORG: &str = "org_local";
const TOKEN_DAYS: u32 = 30;
/// So long functions' processes stay without work.
const IDLE: Duration = Duration::from_mins(5);

/// Everything that runs, in the order in which it ends.
struct Running {
    proxy: Proxy,
    receiver: Receiver,
    emulator: Emulator,
    token: String,
    env: PathBuf,
}

pub(crate) async fn up(port: u16, exit: bool) -> Result<()> {
    let listener = listen(port)?;
    let port = listener.port()?;
    let running = start(listener, port).await?;
    let client = Client::new(&running.proxy.url(), &running.token);
    demo::show(&client, &running.receiver).await.with_context(|| {
        format!("the demonstration failed; the functions' logs are in {}", running.emulator.dir().display())
    })?;
    println!("\nThe API is at {}\nIts token    {}\n", running.proxy.url(), running.token);
    if !exit {
        invite(&running);
        interrupted().await?;
        println!();
    }
    stop(running);
    Ok(())
}

/// Before anything slow, so that a port that is taken is known at once.
fn listen(port: u16) -> Result<Listener> {
    Listener::bind(port).map_err(|error| match holder(&port.to_string()) {
        Some(process) => anyhow!("Postrider is already running on port {port} (process {process})"),
        None => anyhow!("{error:#}; choose another with --port"),
    })
}

async fn start(listener: Listener, port: u16) -> Result<Running> {
    let progress = Progress::shown();
    progress.note("Postrider, on this machine");
    let emulator = Emulator::start(&Options { name: Name::Exactly(port.to_string()), idle: IDLE }, progress)?;
    let binaries = build_functions(progress)?;
    let step = progress.step("Deploying infra/template.yaml");
    let stack = emulator.deploy(STACK, emulator.template().await?, &[], &binaries).await?;
    step.done();
    let keyring = emulator.secret(stack.output("KeyringArn")?).await?;
    let token = mint(&keyring, ORG, TOKEN_DAYS)?;
    let proxy = Proxy::start(listener, stack.output("ApiId")?, &emulator)?;
    let variables = env_file::variables(&stack, &emulator, &proxy.url(), &token)?;
    let env = env_file::path(&emulator, port)?;
    env_file::write(&env, &variables)?;
    Ok(Running { receiver: Receiver::start()?, proxy, emulator, token, env })
}

/// What to try while it is up.
fn invite(running: &Running) {
    let api = format!("{}/api/v1/app", running.proxy.url());
    let headers = format!("-H 'authorization: Bearer {}' -H 'content-type: application/json'", running.token);
    println!("Publish another event; it is shown here when it arrives:\n");
    println!("curl {api}/demo/msg {headers} -d '{{\"eventType\":\"invoice.paid\",\"payload\":{{\"amount\":4200}}}}'\n");
    println!("See its attempts, or all applications:\n");
    println!("curl {api}/demo/attempt/endpoint/demo {headers}");
    println!("curl {api} {headers}\n");
    println!("For other programs, and for the AWS command line:  set -a; . {}; set +a", running.env.display());
    println!("Ctrl-C ends it, and forgets everything.\n");
    running.receiver.on(PATH, demo::announce);
}

async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn stop(running: Running) {
    let step = Progress::shown().step("Stopping");
    drop(running.proxy);
    running.emulator.stop();
    drop(running.receiver);
    step.done();
}
