//! The two queues of the model.

use std::{collections::VecDeque, time::Duration};

use postrider_core::time::Time;

/// A delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// Which dead endpoint; none: a healthy one.
    pub(super) dead: Option<u32>,
    /// Attempts that were made.
    pub(super) tries: u32,
    /// When it was queued.
    pub(super) queued: Time,
    /// Whether an open circuit lets it through.
    pub(super) probe: bool,
}

/// A queue with those who empty it.
#[derive(Debug)]
pub(super) struct Line {
    visible: VecDeque<Item>,
    /// Received and neither deleted nor visible again.
    pub(super) in_flight: usize,
    /// The highest that was.
    pub(super) most: usize,
    /// Since when it hands out nothing although there is something.
    jammed: Option<Time>,
    /// For how long it has.
    pub(super) jams: Duration,
    /// Function instances that do nothing: the one that is used first last.
    idle: Vec<usize>,
    limit: usize,
}

const BATCH: usize = 10;

impl Line {
    pub(super) fn new(instances: usize, limit: usize) -> Self {
        Self {
            visible: VecDeque::new(),
            in_flight: 0,
            most: 0,
            jammed: None,
            jams: Duration::ZERO,
            idle: (0..instances).rev().collect(),
            limit,
        }
    }

    pub(super) fn add(&mut self, item: Item) {
        self.visible.push_back(item);
    }

    /// The next batch, and the instance that handles it.
    pub(super) fn hand_out(&mut self, now: Time) -> Option<(usize, Vec<Item>)> {
        let room = self.limit.saturating_sub(self.in_flight).min(BATCH);
        if room == 0 && !self.visible.is_empty() {
            self.jammed.get_or_insert(now);
            return None;
        }
        if let Some(since) = self.jammed.take() {
            self.jams += since.until(now);
        }
        if self.visible.is_empty() {
            return None;
        }
        let instance = self.idle.pop()?;
        let batch: Vec<_> = self.visible.drain(..room.min(self.visible.len())).collect();
        self.in_flight += batch.len();
        self.most = self.most.max(self.in_flight);
        Some((instance, batch))
    }

    pub(super) fn rest(&mut self, instance: usize) {
        self.idle.push(instance);
        self.idle.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// What nobody has received, in the end.
    pub(super) fn close(&mut self, now: Time) -> impl Iterator<Item = &Item> {
        if let Some(since) = self.jammed.take() {
            self.jams += since.until(now);
        }
        self.visible.iter()
    }
}
