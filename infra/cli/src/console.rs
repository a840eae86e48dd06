//! Where a command speaks: results on standard output, for a person or as JSON lines; everything else on standard
//! error. Colours are left out where nobody sees them (`NO_COLOR`, a pipe, a file).

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Text in a style.
pub(crate) fn in_style(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// ✔ or ✘.
pub(crate) fn mark(good: bool) -> String {
    if good { in_style(GOOD, '✔') } else { in_style(BAD, '✘') }
}

/// Text of other people's, on one line and without anything that a terminal would obey.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The user's terminal, or whatever stands in its place.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    /// Somebody watches standard error.
    watched: bool,
    /// A line of progress stands there.
    dirty: AtomicBool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, watched: !json && io::stderr().is_terminal(), dirty: AtomicBool::new(false) }
    }

    /// A result: as a line of JSON, or in words.
    pub(crate) fn result(&self, value: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { self.json_line(value) } else { self.words(&words()) }
    }

    /// Words that say nothing to a machine.
    pub(crate) fn words(&self, text: &str) -> Result<(), Failure> {
        self.clear();
        if self.json {
            return Ok(());
        }
        let mut out = anstream::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// Text as it is, with or without `--json`.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.clear();
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(io::Error::from)?;
        line.push(b'\n');
        self.raw(&line)
    }

    /// A remark beside the result, for a person who watches machines too.
    pub(crate) fn note(&self, text: &str) {
        self.clear();
        // A closed terminal is no reason to stop.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// How far it is, where the next such line replaces it; only for somebody who watches.
    pub(crate) fn progress(&self, text: &str) {
        if self.watched {
            let _ = write!(anstream::stderr(), "\r\x1b[2K{text}");
            let _ = io::stderr().flush();
            self.dirty.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the line of progress away.
    pub(crate) fn clear(&self) {
        if self.dirty.swap(false, Ordering::Relaxed) {
            let _ = write!(anstream::stderr(), "\r\x1b[2K");
        }
    }

    /// Why it has come to nothing, and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.clear();
        let mut err = anstream::stderr().lock();
        let advice = failure.advice();
        let _ = if self.json {
            let (error, status, detail) = (failure.kind(), failure.status(), failure.to_string());
            writeln!(err, "{}", json!({ "error": error, "status": status, "detail": detail, "advice": advice }))
        } else {
            writeln!(err, "{} {failure}", in_style(BAD, "error:"))
        };
        if let (Some(advice), false) = (advice, self.json) {
            let _ = writeln!(err, "{} {advice}", in_style(NAME, "hint:"));
        }
    }
}
