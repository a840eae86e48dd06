//! The functions' processes, so that a test can kill one at a bad moment.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use crate::emulator::Emulator;

impl Emulator {
    /// The processes that run a function now, by its full name. Linux only.
    pub fn processes(&self, function: &str) -> Result<Vec<u32>> {
        let wanted = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("processes can be found on Linux only")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if parent(pid) == Some(self.pid()) && environment(pid).split('\0').any(|variable| variable == wanted) {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

/// Kills a process without a warning (SIGKILL).
pub fn kill(pid: u32) -> Result<()> {
    let status = Command::new("sh").args(["-c", "kill -KILL \"$0\"", &pid.to_string()]).status()?;
    if !status.success() {
        bail!("process {pid} could not be killed");
    }
    Ok(())
}

/// A process that has just ended has no parent, and no environment.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in parentheses, may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn environment(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
