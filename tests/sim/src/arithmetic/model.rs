//! The model: arrivals, batches, waits and circuits as events in time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    time::Duration,
};

use postrider_core::{
    health::{Health, Pulse, Sign},
    time::Time,
};

use super::{
    Outcome, Plan,
    lines::{Item, Line},
    nth_of,
};
use crate::{dice::Dice, scenario::START};

/// What a batch costs beside its requests: reading, recording, acknowledging.
const OVERHEAD: Duration = Duration::from_millis(20);
const HEALTHY_TAKE: Duration = Duration::from_millis(50);
/// An instance uses what it knows of an endpoint for so long.
const CACHED: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Healthy(u32),
    Dead(u32),
    /// A batch has been handled: of which line, by which instance.
    Handled(usize, usize, Vec<(Item, bool)>),
    /// A wait in the queue is over.
    Visible(usize, Item),
    /// A delayed or parked delivery is due.
    Due(Item),
    /// The scheduler looks after the circuits.
    Minute,
}

struct Model<'a> {
    plan: &'a Plan,
    now: Time,
    dice: Dice,
    events: BinaryHeap<Reverse<(Time, u64)>>,
    bodies: HashMap<u64, Event>,
    count: u64,
    lines: [Line; 2],
    pulses: HashMap<(usize, usize, u32), Pulse>,
    health: Vec<(Health, Time)>,
    held: Vec<u64>,
    outcome: Outcome,
}

/// Lets a plan go on as long as it is watched.
pub fn model(plan: &Plan) -> Outcome {
    let dead_endpoints = usize::try_from(plan.dead_endpoints).unwrap_or(0);
    let mut model = Model {
        plan,
        now: START,
        dice: Dice::new(0),
        events: BinaryHeap::new(),
        bodies: HashMap::new(),
        count: 0,
        lines: [Line::new(plan.instances, plan.limit), Line::new(plan.instances, plan.limit)],
        pulses: HashMap::new(),
        health: vec![(Health::default(), START); dead_endpoints],
        held: vec![0; dead_endpoints],
        outcome: Outcome::default(),
    };
    model.at(START, Event::Healthy(0));
    model.at(START, Event::Dead(0));
    model.at(START.plus(MINUTE), Event::Minute);
    model.run();
    model.outcome
}

impl Model<'_> {
    fn at(&mut self, time: Time, event: Event) {
        self.count += 1;
        self.events.push(Reverse((time, self.count)));
        self.bodies.insert(self.count, event);
    }

    fn run(&mut self) {
        let end = START.plus(self.plan.watched);
        while let Some(Reverse((time, number))) = self.events.pop().filter(|Reverse((time, _))| *time < end) {
            self.now = time;
            if let Some(event) = self.bodies.remove(&number) {
                self.happen(event);
            }
            for line in 0..self.lines.len() {
                self.hand_out(line);
            }
        }
        for line in &mut self.lines {
            self.outcome.left += line.close(end).filter(|item| item.dead.is_none()).count();
            self.outcome.most_in_flight = self.outcome.most_in_flight.max(line.most);
            self.outcome.jammed = self.outcome.jammed.max(line.jams);
        }
    }

    fn happen(&mut self, event: Event) {
        let item = Item { dead: None, tries: 0, queued: self.now, probe: false };
        match event {
            Event::Healthy(n) => {
                self.lines[0].add(item);
                let next = nth_of(n + 1, self.plan.healthy_a_second * 3_600, Duration::from_hours(1));
                self.at(next, Event::Healthy(n + 1));
            }
            Event::Dead(n) if n < self.plan.dead => {
                let endpoint = n % self.plan.dead_endpoints;
                let line = usize::from(!self.health_of(endpoint).0.is_well());
                self.lines[line].add(Item { dead: Some(endpoint), ..item });
                self.at(nth_of(n + 1, self.plan.dead, self.plan.dead_within), Event::Dead(n + 1));
            }
            Event::Dead(_) => {}
            Event::Handled(line, instance, batch) => {
                self.lines[line].rest(instance);
                for (item, attempted) in batch {
                    self.settle(line, instance, item, attempted);
                }
            }
            Event::Visible(line, item) => {
                self.lines[line].in_flight -= 1;
                self.lines[line].add(item);
            }
            Event::Due(item) => self.lines[1].add(item),
            Event::Minute => self.probe(),
        }
    }

    fn health_of(&self, endpoint: u32) -> &(Health, Time) {
        &self.health[usize::try_from(endpoint).unwrap_or(0)]
    }

    fn hand_out(&mut self, line: usize) {
        while let Some((instance, batch)) = self.lines[line].hand_out(self.now) {
            let mut takes = Duration::ZERO;
            let mut handled = Vec::with_capacity(batch.len());
            for item in batch {
                let attempted = self.is_attempted(&item);
                match item.dead {
                    None => {
                        takes = takes.max(HEALTHY_TAKE);
                        self.outcome.waits.push(item.queued.until(self.now));
                    }
                    Some(_) if attempted => takes = takes.max(self.plan.dead_take),
                    Some(_) => {}
                }
                handled.push((item, attempted));
            }
            self.at(self.now.plus(takes + OVERHEAD), Event::Handled(line, instance, handled));
        }
    }

    fn is_attempted(&self, item: &Item) -> bool {
        let Some(endpoint) = item.dead else { return true };
        let (health, written) = self.health_of(endpoint);
        let known = written.plus(CACHED) <= self.now || *written <= item.queued;
        health.open.is_none() || item.probe || !known
    }

    /// A delivery was attempted, or is held.
    fn settle(&mut self, line: usize, instance: usize, item: Item, attempted: bool) {
        let Some(endpoint) = item.dead else {
            self.lines[line].in_flight -= 1;
            return;
        };
        let place = usize::try_from(endpoint).unwrap_or(0);
        if !attempted {
            self.lines[line].in_flight -= 1;
            self.held[place] += 1;
            return;
        }
        self.outcome.dead_requests += 1;
        self.note(line, instance, endpoint, &item);
        let item = Item { tries: item.tries + 1, probe: false, ..item };
        let Some(wait) = self.plan.schedule.wait_after(item.tries, self.roll()) else {
            self.lines[line].in_flight -= 1;
            return;
        };
        let due = self.now.plus(wait);
        if wait <= self.plan.longest_in_flight {
            self.at(due, Event::Visible(line, item));
        } else {
            self.lines[line].in_flight -= 1;
            self.at(due, Event::Due(item));
        }
    }

    fn roll(&mut self) -> u32 {
        u32::try_from(self.dice.below(u64::from(u32::MAX))).unwrap_or(0)
    }

    fn note(&mut self, line: usize, instance: usize, endpoint: u32, item: &Item) {
        if !self.plan.circuits {
            return;
        }
        let took = self.plan.dead_take;
        let sign = Sign {
            succeeded: false,
            overloaded: took >= Duration::from_secs(15),
            took,
            not_before: None,
            probe: item.probe,
            again: item.tries > 0,
        };
        let (health, written) = &mut self.health[usize::try_from(endpoint).unwrap_or(0)];
        let pulse = self.pulses.entry((line, instance, endpoint)).or_default();
        if let Some(new) = pulse.note(sign, health, self.now) {
            (*health, *written) = (new, self.now);
        }
    }

    /// One delivery of each endpoint whose pause is over is let through.
    fn probe(&mut self) {
        for (place, (health, _)) in self.health.iter().enumerate() {
            if health.open.is_some_and(|open| open.until <= self.now) && self.held[place] > 0 {
                self.held[place] -= 1;
                let dead = u32::try_from(place).ok();
                self.lines[1].add(Item { dead, tries: 0, queued: self.now, probe: true });
            }
        }
        self.at(self.now.plus(MINUTE), Event::Minute);
    }
}
