//! Other people's clients: a newcomer's script, and every operation of the contract by the published client libraries.

mod rust;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::{Recorded, Stack, Tenant, world};

/// The contract's operations; each line begins with method and path. It has HEAD of the two last besides, which no
/// client library sends.
const CONTRACT: &str = include_str!("../../functions/api/tests/contract.txt");
/// No client library has a method for it.
const IN_NO_CLIENT: &str = "GET /api/v1/health/ping";

/// A Python with the packages of `tests/clients`, made once.
pub(crate) fn python(clients: &Path) -> Result<PathBuf> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _turn = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = paths::local()?.join("clients");
    let stamp = venv.join("requirements.txt");
    let wanted = std::fs::read_to_string(clients.join("requirements.txt"))?;
    let python = venv.join("bin/python");
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&python).args(pip).arg(clients.join("requirements.txt")))?;
        std::fs::write(&stamp, wanted)?;
    }
    Ok(python)
}

/// A folder with the npm packages of `tests/clients`, made once: a script finds packages beside itself.
pub(crate) fn node(clients: &Path) -> Result<PathBuf> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _turn = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = paths::local()?.join("clients-npm");
    std::fs::create_dir_all(&folder)?;
    let (wanted, stamp) = (std::fs::read_to_string(clients.join("package.json"))?, folder.join("installed.json"));
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        std::fs::write(folder.join("package.json"), &wanted)?;
        let npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
        run(Command::new("npm").args(npm).current_dir(&folder))?;
        std::fs::write(&stamp, wanted)?;
    }
    Ok(folder)
}

pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    Ok(text(&output.stdout))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomers_python_script_publishes_receives_verifies_and_pages() -> Result<()> {
    let stack = world().main().await?;
    let clients = paths::workspace().join("tests/clients");
    let told = tokio::task::spawn_blocking(move || {
        let python = python(&clients)?;
        run(Command::new(python)
            .arg(clients.join("newcomer.py"))
            .env("POSTRIDER_URL", stack.url())
            .env("POSTRIDER_TOKEN", stack.token("org_newcomer", None)))
    })
    .await??;
    println!("{told}");
    ensure!(told.starts_with("published 200, received 2"), "{told}");
    Ok(())
}

/// Every operation of the contract that any client has was called, and has succeeded.
#[track_caller]
fn all_was_called(client: &str, recorded: &Recorded) {
    let called = recorded.called();
    let contract: Vec<_> = CONTRACT.lines().filter_map(|line| line.rsplit_once(' ')?.0.rsplit_once(' ')).collect();
    let (there, missing): (Vec<&str>, Vec<&str>) =
        contract.iter().map(|(operation, _)| *operation).partition(|operation| called.contains(*operation));
    println!("{client} called {} operations of {}:\n  {}", there.len(), contract.len(), there.join("\n  "));
    assert_eq!(missing, [IN_NO_CLIENT], "{client}");
}

/// A script with its own way to the API, a token, and somewhere to send to.
async fn calls_all(stack: &Stack, tenant: &Tenant, client: &str, mut command: Command) -> Result<()> {
    let recorded = Recorded::start(stack)?;
    command
        .env("POSTRIDER_URL", recorded.url())
        .env("POSTRIDER_TOKEN", stack.token(&tenant.org, None))
        .env("POSTRIDER_HOOK", tenant.receiver.url("/hook"));
    tokio::task::spawn_blocking(move || run(&mut command)).await??;
    all_was_called(client, &recorded);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_calls_every_operation_of_the_contract() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("client-python").await?;
    let clients = paths::workspace().join("tests/clients");
    let mut command = Command::new(tokio::task::block_in_place(|| python(&clients))?);
    command.arg(clients.join("all.py"));
    calls_all(&stack, &tenant, "svix of PyPI", command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_calls_every_operation_of_the_contract() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("client-javascript").await?;
    let clients = paths::workspace().join("tests/clients");
    let script = tokio::task::block_in_place(|| node(&clients))?.join("all.mjs");
    std::fs::copy(clients.join("all.mjs"), &script)?;
    let mut command = Command::new("node");
    command.arg(script);
    calls_all(&stack, &tenant, "svix of npm", command).await
}

#[tokio::test]
async fn the_rust_client_calls_every_operation_of_the_contract() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("client-rust").await?;
    let recorded = Recorded::start(&stack)?;
    rust::all(&recorded, &stack.token(&tenant.org, None), &tenant).await?;
    all_was_called("svix of Cargo", &recorded);
    Ok(())
}
