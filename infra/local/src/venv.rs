//! The Python environment that the local AWS runs in: made once, in `target/local/venv`, from pinned versions.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

use crate::{paths, progress::Progress};

const OLDEST: (u32, u32) = (3, 10);
/// Where Python is looked for, in this order: the first that is new enough is taken.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The environment's interpreter, installed now if it was not yet. Safe to call from several processes at once.
pub(crate) fn ensure(progress: Progress) -> Result<PathBuf> {
    let local = paths::local()?;
    let venv = local.join("venv");
    let lock = File::create(local.join("venv.lock")).context("cannot create the lock of the Python environment")?;
    if lock.try_lock().is_err() {
        progress.note("  … waiting for another process that installs the local AWS");
        lock.lock().context("cannot lock the Python environment")?;
    }
    let requirements = fs::read_to_string(paths::python("requirements.txt"))?;
    let stamp = venv.join("requirements.stamp");
    let python = venv.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == requirements) && python.exists() {
        return Ok(python);
    }
    let base = find_python()?;
    let step = progress.step("Installing the local AWS into target/local/venv (once)");
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    create(&base, &venv)?;
    install(&python)?;
    fs::write(&stamp, requirements).context("cannot write the stamp of the Python environment")?;
    step.done();
    Ok(python)
}

fn create(base: &Path, venv: &Path) -> Result<()> {
    let output = run(Command::new(base).args(["-m", "venv"]).arg(venv))?;
    if !output.status.success() {
        bail!(
            "{} cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv):\n{}",
            base.display(),
            said(&output)
        );
    }
    Ok(())
}

fn install(python: &Path) -> Result<()> {
    let output = run(Command::new(python)
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "--require-hashes"])
        .arg("--requirement")
        .arg(paths::python("requirements.txt")))?;
    if !output.status.success() {
        bail!("pip could not install the local AWS (is the network, or a PyPI mirror, reachable?):\n{}", said(&output));
    }
    Ok(())
}

fn find_python() -> Result<PathBuf> {
    let mut too_old = None;
    for name in NAMES {
        match version(name) {
            Some(version) if version >= OLDEST => return Ok(name.into()),
            Some((major, minor)) => too_old = too_old.or(Some(format!("{name} is {major}.{minor}"))),
            None => {}
        }
    }
    let needed = format!("the local AWS needs Python {}.{} or newer", OLDEST.0, OLDEST.1);
    match too_old {
        Some(found) => bail!("{needed}, and {found}"),
        None => bail!("{needed}, and there is no python3 on the PATH"),
    }
}

fn version(name: &str) -> Option<(u32, u32)> {
    let output = Command::new(name).args(["-c", "import sys; print(*sys.version_info[:2])"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// The end of what a command said, whichever way it said it.
fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
