//! Nothing is left running, however the process that started the local AWS ends.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use postrider_local::{Emulator, Name, Options, Progress, kill};

const HOLDER: &str = "holds_a_local_aws_until_it_is_killed";
const MARK: &str = "the local AWS is process ";

fn start() -> Result<Emulator> {
    Emulator::start(&Options { name: Name::Numbered("test"), idle: Duration::from_mins(5) }, Progress::shown())
}

/// Whether it is running: one that has ended but that nobody has asked after yet is not.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn wait_until_gone(pid: u32) -> Result<()> {
    let begun = Instant::now();
    while runs(pid) {
        if begun.elapsed() > Duration::from_secs(5) {
            bail!("process {pid} still runs");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[test]
fn the_local_aws_is_gone_when_it_has_been_stopped() -> Result<()> {
    let emulator = start()?;
    let (pid, temporary) = (emulator.pid(), emulator.dir().join("tmp"));
    assert!(runs(pid) && temporary.exists());
    emulator.stop();
    assert!(!runs(pid) && !temporary.exists());
    Ok(())
}

#[test]
fn the_local_aws_ends_with_the_process_that_started_it() -> Result<()> {
    let mut holder = Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", HOLDER, "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(holder.stdout.take().context("no output")?);
    let said = output.lines().map_while(Result::ok).find_map(|line| Some(line.split_once(MARK)?.1.parse::<u32>()));
    let pid = said.context("the local AWS did not start")??;
    assert!(runs(pid));
    kill(holder.id())?;
    holder.wait()?;
    wait_until_gone(pid)
}

/// Not a test: the process that the test above kills.
#[test]
#[ignore = "started by another test"]
fn holds_a_local_aws_until_it_is_killed() -> Result<()> {
    let emulator = start()?;
    println!("\n{MARK}{}", emulator.pid());
    thread::sleep(Duration::from_mins(1));
    Ok(())
}
