//! A running stack's own folder in `target/local`, so that several live side by side, and each knows it is alone.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::paths;

/// How many stacks of one purpose may run at once.
const MOST: u32 = 100;

/// The name of a stack's folder.
#[derive(Debug, Clone)]
pub enum Name {
    /// This one; an error if it is in use.
    Exactly(String),
    /// `<prefix>-1`, or the next that is not in use.
    Numbered(&'static str),
}

/// The folder, ours until this is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Run {
    dir: PathBuf,
    _lock: File,
}

/// The process that runs the stack of this name, if one does.
pub fn holder(name: &str) -> Option<String> {
    let path = paths::local().ok()?.join(name).join("lock");
    let lock = File::open(&path).ok()?;
    lock.try_lock().is_err().then(|| fs::read_to_string(&path).unwrap_or_default())
}

impl Run {
    pub(crate) fn begin(name: &Name) -> Result<Self> {
        match name {
            Name::Exactly(name) => Self::take(name)?.with_context(|| match holder(name) {
                Some(process) => format!("Postrider is already running here as {name} (process {process})"),
                None => format!("Postrider was running here as {name} until now; try again"),
            }),
            Name::Numbered(prefix) => {
                for number in 1..=MOST {
                    if let Some(run) = Self::take(&format!("{prefix}-{number}"))? {
                        return Ok(run);
                    }
                }
                bail!("{MOST} stacks named {prefix} are running already")
            }
        }
    }

    /// Nothing if somebody has it.
    fn take(name: &str) -> Result<Option<Self>> {
        let dir = paths::local()?.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let path = dir.join("lock");
        let lock = File::options().create(true).write(true).truncate(false).open(&path)?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        fs::write(&path, std::process::id().to_string())?;
        let run = Self { dir, _lock: lock };
        // What a killed predecessor left behind.
        if run.temporary().exists() {
            fs::remove_dir_all(run.temporary()).context("cannot clear the last run's temporary files")?;
        }
        Ok(Some(run))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gone when the run ends.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }
}
