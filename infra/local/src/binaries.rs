//! Builds the functions, and the command line, as `cargo test --workspace` would, so that nothing is built twice.
//!
//! Cargo builds a dependency once for each set of features, and the features depend on which packages are selected.
//! So the whole workspace is selected, as for the tests, and only some of its binaries are made.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    paths,
    progress::{Progress, Step},
};

/// The functions: packages, binaries, and the folders that the template's `CodeUri`s end in.
pub const FUNCTIONS: [&str; 4] = ["postrider-ingest", "postrider-delivery", "postrider-api", "postrider-scheduler"];

/// The command line's binary, of the package `postrider-cli`.
const CLI: &str = "postrider";

/// The binary of each function, by its name.
pub type Binaries = BTreeMap<String, PathBuf>;

/// Runs `cargo build` for the functions, in the profile that this crate was built in. Cargo shows its own progress and
/// the compiler's errors.
pub fn build_functions(progress: Progress) -> Result<Binaries> {
    build(&["--workspace"], &FUNCTIONS, !cfg!(debug_assertions), progress.talkative_step("Building the functions"))
}

/// The functions as they are deployed on AWS: in the release profile, and with the features that they need themselves.
pub fn build_functions_for_release(progress: Progress) -> Result<Binaries> {
    let packages = FUNCTIONS.map(|name| format!("--package={name}"));
    let packages = packages.each_ref().map(String::as_str);
    build(&packages, &FUNCTIONS, true, progress.talkative_step("Building the functions for release"))
}

/// Binaries of another package, likewise.
pub fn build_for_release(package: &str, names: &[&str], progress: Progress) -> Result<Binaries> {
    let package = format!("--package={package}");
    build(&[&package], names, true, progress.talkative_step("Building for release"))
}

/// Likewise for the command line; gives the path of `postrider`.
pub fn build_cli(progress: Progress) -> Result<PathBuf> {
    let mut built =
        build(&["--workspace"], &[CLI], !cfg!(debug_assertions), progress.talkative_step("Building the command line"))?;
    built.remove(CLI).context("cargo built no command line")
}

/// With the whole workspace's features nothing is built twice.
fn build(packages: &[&str], names: &[&str], is_release: bool, step: Step) -> Result<Binaries> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::workspace()).args(["build", "--message-format=json-render-diagnostics"]).args(packages);
    if is_release {
        command.arg("--release");
    }
    for name in names {
        command.args(["--bin", name]);
    }
    let mut cargo = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let messages = cargo.stdout.take().context("cargo has no output")?;
    let mut binaries = Binaries::new();
    for line in BufReader::new(messages).lines() {
        binaries.extend(binary(names, &line.context("cannot read what cargo says")?));
    }
    if !cargo.wait().context("cargo is lost")?.success() {
        bail!("it could not be built; the compiler's errors are above");
    }
    if let Some(missing) = names.iter().find(|name| !binaries.contains_key(**name)) {
        bail!("cargo built no {missing}");
    }
    step.done();
    Ok(binaries)
}

/// The name and path of one of these binaries, if that is what cargo reports.
fn binary(names: &[&str], message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message["target"]["name"].as_str()?;
    let path = message["executable"].as_str()?;
    names.contains(&name).then(|| (name.to_owned(), path.into()))
}
