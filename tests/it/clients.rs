//! Other people's clients, in other languages than ours.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::world;

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
