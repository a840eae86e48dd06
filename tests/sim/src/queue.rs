//! A standard queue as SQS promises it, and no better.
//!
//! At least once: a message may be handed out again after it was deleted, and may be there twice from the start. In no
//! order. A message that was received is invisible until its visibility timeout ends, and counts as in flight; with too
//! many in flight nothing is handed out to anybody. After too many receives it goes to the dead-letter queue.

use std::{sync::Arc, task::Waker, time::Duration};

use postrider_core::time::Time;

use crate::dice::Dice;

/// A message in the queue.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its id.
    pub id: u64,
    /// Its text.
    pub body: Arc<str>,
    /// Handed out from then on.
    pub visible: Time,
    /// How often it was.
    pub receives: u32,
}

impl Queued {
    /// Another one with every receive; only the last one counts.
    pub fn receipt(&self) -> String {
        format!("{}.{}", self.id, self.receives)
    }
}

/// How a queue is configured.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// After a receive, unless it is changed.
    pub visibility: Duration,
    /// After so many, the dead-letter queue.
    pub max_receives: u32,
    /// Nothing is handed out while so many are in flight.
    pub in_flight_limit: usize,
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    rules: Rules,
    messages: Vec<Queued>,
    next: u64,
    /// Those who wait for messages.
    pub waiters: Vec<Waker>,
}

impl Queue {
    /// An empty one; its ids begin at that number.
    pub const fn new(rules: Rules, next: u64) -> Self {
        Self { rules, messages: Vec::new(), next, waiters: Vec::new() }
    }

    /// What is in it.
    pub fn messages(&self) -> &[Queued] {
        &self.messages
    }

    /// Takes a message in.
    pub fn send(&mut self, body: Arc<str>, visible: Time) {
        self.next += 1;
        self.messages.push(Queued { id: self.next, body, visible, receives: 0 });
        self.waiters.drain(..).for_each(Waker::wake);
    }

    /// When there will be something to hand out.
    pub fn next_visible(&self) -> Option<Time> {
        self.messages.iter().map(|message| message.visible).min()
    }

    /// Received and not visible again.
    pub fn in_flight(&self, now: Time) -> usize {
        self.messages.iter().filter(|message| message.receives > 0 && message.visible > now).count()
    }

    /// Hands out at most ten, any of those that are visible; gives those that go to the dead-letter queue as well.
    pub fn receive(&mut self, now: Time, dice: &mut Dice) -> (Vec<Queued>, Vec<Queued>) {
        let (mut taken, mut dead) = (Vec::new(), Vec::new());
        let room = self.rules.in_flight_limit.saturating_sub(self.in_flight(now));
        let mut visible: Vec<usize> = (0..self.messages.len()).filter(|n| self.messages[*n].visible <= now).collect();
        let limit = room.min(1 + dice.index(10));
        while taken.len() < limit && !visible.is_empty() {
            let nth = visible.swap_remove(dice.index(visible.len()));
            let message = &mut self.messages[nth];
            message.receives += 1;
            if message.receives > self.rules.max_receives {
                dead.push(message.clone());
            } else {
                message.visible = now.plus(self.rules.visibility);
                taken.push(message.clone());
            }
        }
        self.messages.retain(|message| dead.iter().all(|gone| gone.id != message.id));
        (taken, dead)
    }

    /// Deletes a message by its last receipt.
    pub fn delete(&mut self, receipt: &str) -> Option<Queued> {
        let nth = self.place(receipt)?;
        Some(self.messages.swap_remove(nth))
    }

    /// A deleted message was on one more server.
    pub fn comes_back(&mut self, message: Queued, visible: Time) {
        self.messages.push(Queued { visible, ..message });
        self.waiters.drain(..).for_each(Waker::wake);
    }

    /// Changes the visibility of what is in flight; an old receipt changes nothing.
    pub fn hold(&mut self, receipt: &str, now: Time, wait: Duration) {
        let Some(message) = self.place(receipt).map(|nth| &mut self.messages[nth]) else { return };
        if message.visible > now {
            message.visible = now.plus(wait);
            self.waiters.drain(..).for_each(Waker::wake);
        }
    }

    fn place(&self, receipt: &str) -> Option<usize> {
        let (id, receives) = receipt.split_once('.')?;
        let (id, receives) = (id.parse::<u64>().ok()?, receives.parse::<u32>().ok()?);
        self.messages.iter().position(|message| message.id == id && message.receives == receives)
    }
}
