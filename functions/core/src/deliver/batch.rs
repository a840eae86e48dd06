//! A batch of queue messages, brought into order.

use super::Received;
use crate::{
    message::{Content, Envelope, Flush},
    ports::DeliveryKey,
};

/// One delivery of a batch, with every queue message that carries it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) envelope: Envelope,
    pub(super) copies: Vec<Received>,
}

impl Job {
    pub(super) const fn key(&self) -> DeliveryKey {
        (self.envelope.endpoint, self.envelope.message)
    }

    /// How often its first copy was received.
    pub(super) fn receives(&self) -> u32 {
        self.copies.first().map_or(0, |copy| copy.receives)
    }
}

/// What a batch holds.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) jobs: Vec<Job>,
    pub(super) flushes: Vec<(Flush, Received)>,
    pub(super) malformed: Vec<Received>,
}

/// Brings the copies of a delivery together, and sets aside what is not a delivery.
pub(super) fn sort(batch: Vec<Received>) -> Sorted {
    let mut sorted = Sorted::default();
    for received in batch {
        match Content::decode(&received.body) {
            Ok(Content::Delivery(envelope)) => add(&mut sorted.jobs, envelope, received),
            Ok(Content::Flush(flush)) => sorted.flushes.push((flush, received)),
            Err(_) => sorted.malformed.push(received),
        }
    }
    sorted
}

fn add(jobs: &mut Vec<Job>, envelope: Envelope, received: Received) {
    let key = (envelope.endpoint, envelope.message);
    // An attempt by hand is apart from those of the schedule.
    let same = |job: &&mut Job| job.key() == key && job.envelope.manual == envelope.manual;
    let Some(job) = jobs.iter_mut().find(same) else {
        return jobs.push(Job { envelope, copies: vec![received] });
    };
    if (envelope.round, envelope.woken) > (job.envelope.round, job.envelope.woken) {
        job.envelope = envelope;
        job.copies.insert(0, received);
    } else {
        job.copies.push(received);
    }
}
