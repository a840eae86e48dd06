//! Says on standard error what is going on, and how long it took: nobody should wait in front of a silent terminal.

use std::{
    io::Write as _,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// A step that takes longer says so, again and again.
const REMINDER: Duration = Duration::from_secs(10);

/// Where progress is told. It writes past the capture of the test harness, so that a first `cargo test` is not silent
/// while it installs.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// On standard error.
    pub fn shown() -> Self {
        Self { shown: true }
    }

    /// Nowhere.
    pub fn quiet() -> Self {
        Self { shown: false }
    }

    /// One line.
    pub fn note(self, text: &str) {
        if self.shown {
            // A closed terminal is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Begins a step, which lasts until [`Step::done`] or until it is dropped (then it has failed).
    pub fn step(self, name: impl Into<String>) -> Step {
        let mut step = self.talkative_step(name);
        let (sender, ended) = mpsc::channel::<()>();
        let (name, started) = (step.name.clone(), step.started);
        thread::spawn(move || {
            while ended.recv_timeout(REMINDER) == Err(RecvTimeoutError::Timeout) {
                self.note(&format!("  … {name}: {} s so far", started.elapsed().as_secs()));
            }
        });
        step.reminders = Some(sender);
        step
    }

    /// Begins a step that says itself how far it is.
    pub fn talkative_step(self, name: impl Into<String>) -> Step {
        let name = name.into();
        self.note(&format!("  … {name}"));
        Step { progress: self, name, started: Instant::now(), done: false, reminders: None }
    }
}

/// A step under way.
#[derive(Debug)]
#[must_use = "a step that is dropped is reported as failed"]
pub struct Step {
    progress: Progress,
    name: String,
    started: Instant,
    done: bool,
    /// They end when this is dropped.
    reminders: Option<Sender<()>>,
}

impl Step {
    /// It went well.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let mark = if self.done { '✓' } else { '✗' };
        self.progress.note(&format!("  {mark} {} ({:.1} s)", self.name, self.started.elapsed().as_secs_f64()));
    }
}
