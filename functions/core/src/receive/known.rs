//! Sources in memory, with their secrets open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{ids::SourceId, source::Source, time::Time};

/// A source is used for so long without being read again; a change or a deletion counts after that at the latest.
const CACHED: Duration = Duration::from_secs(10);
/// Sources that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 10_000;

/// A source that receives.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) source: Source,
    pub(super) secrets: Vec<Secret>,
}

/// A secret, and until when it counts.
pub(super) struct Secret {
    pub(super) text: String,
    pub(super) expires_at: Option<Time>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret(… until {:?})", self.expires_at)
    }
}

impl Open {
    /// The secrets that count now.
    pub(super) fn secrets(&self, now: Time) -> Vec<String> {
        let current = self.secrets.iter().filter(|secret| secret.expires_at.is_none_or(|end| end > now));
        current.map(|secret| secret.text.clone()).collect()
    }
}

/// What was found when a source was looked for.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Unset where there is none, so that whoever asks for one again and again costs one read.
    pub(super) open: Option<Arc<Open>>,
    pub(super) since: Time,
}

/// What one function instance knows.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<SourceId, Found>>);

impl Known {
    pub(super) fn get(&self, id: SourceId, now: Time) -> Option<Found> {
        let known = self.0.lock().ok()?;
        known.get(&id).filter(|found| found.since.plus(CACHED) > now).cloned()
    }

    pub(super) fn remember(&self, id: SourceId, found: Found) {
        let Ok(mut known) = self.0.lock() else { return };
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id, found);
    }
}
