//! The last step: what becomes of the queue messages, once everything is recorded.

use super::{Courier, Fate, Job, Queues, Received, Store, Trip};
use crate::{
    delivery::Reason,
    message::{Content, Envelope},
    metric::Metric,
    outbound::Sender,
    ports::{Ambient, DeadLetter, Keys, Parcel, Unavailable, Way, chain},
};

/// What is sent elsewhere before its queue messages are acknowledged.
#[derive(Default)]
struct Leaving {
    letters: Vec<DeadLetter>,
    buried: Vec<String>,
    parcels: Vec<Parcel>,
    moved: Vec<String>,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// Buries, moves, holds, and gives what must come back.
    pub(super) async fn dispose(&self, jobs: Vec<(Job, Fate)>, malformed: Vec<Received>, trip: Trip) -> Vec<String> {
        let (mut back, mut undone, mut holds) = (Vec::new(), Vec::new(), Vec::new());
        let mut leaving = Leaving::default();
        for (job, fate) in jobs {
            let ids = job.copies.iter().map(|copy| copy.id.clone());
            match fate {
                Fate::Done => {}
                Fate::Failed => undone.extend(ids),
                // Copies of the same delivery are one from here on.
                Fate::Back(wait) => {
                    holds.extend(job.copies.first().map(|copy| (copy.receipt.clone(), wait)));
                    back.extend(ids.take(1));
                }
                Fate::Moved { .. } => {
                    leaving.moved.extend(ids);
                    leaving.parcels.extend(parcel(job.envelope, fate));
                }
                Fate::Buried(reason) => {
                    leaving.buried.extend(ids);
                    leaving.letters.push(letter(&job.envelope, reason));
                }
            }
        }
        for message in malformed {
            tracing::error!(sqs_message = message.id, "a queue message is not a delivery");
            leaving.letters.push(DeadLetter { body: message.body, reason: Reason::Malformed, about: None });
            leaving.buried.push(message.id);
        }
        let hold = async {
            if !holds.is_empty() {
                self.queues.hold(trip.way, &holds).await;
            }
        };
        let (stayed, ()) = futures::join!(self.send_off(leaving), hold);
        undone.extend(stayed);
        Metric::Undone.count_all(undone.len());
        back.extend(undone);
        back
    }

    /// Moves what is to be moved before anything is waited for: a time that was reserved would be over before the batch is.
    pub(super) async fn move_on(&self, jobs: &[Job], moved: Vec<(usize, Fate)>) -> Vec<(usize, Fate)> {
        let parcels = moved.iter().filter_map(|(at, fate)| parcel(jobs[*at].envelope.clone(), *fate)).collect();
        let fate = if self.are_sent(parcels).await { Fate::Done } else { Fate::Failed };
        moved.into_iter().map(|(at, _)| (at, fate)).collect()
    }

    /// Gives the queue messages whose content could not be sent where it belongs.
    async fn send_off(&self, leaving: Leaving) -> Vec<String> {
        let Leaving { letters, buried, parcels, moved } = leaving;
        let burial = async {
            if !letters.is_empty() {
                self.queues.bury(&letters).await?;
                Metric::DeadLettered.count_all(letters.len());
            }
            Ok::<_, Unavailable>(())
        };
        let (burial, are_sent) = futures::join!(burial, self.are_sent(parcels));
        let mut stayed = Vec::new();
        if let Err(error) = burial {
            tracing::error!(error = %chain(&error), "dead letters could not be sent; they come again");
            stayed.extend(buried);
        }
        if !are_sent {
            stayed.extend(moved);
        }
        stayed
    }

    async fn are_sent(&self, parcels: Vec<Parcel>) -> bool {
        let sent = async { if parcels.is_empty() { Ok(()) } else { self.queues.send(&parcels).await } };
        if let Err(error) = sent.await {
            tracing::error!(error = %chain(&error), "deliveries could not be moved to the retry queue; they come again");
            return false;
        }
        true
    }
}

/// What is sent to the retry queue, if it is to be moved.
fn parcel(envelope: Envelope, fate: Fate) -> Option<Parcel> {
    let Fate::Moved { slot, missed, delay } = fate else { return None };
    let content = Content::Delivery(Envelope { slot, missed, ..envelope });
    Some(Parcel { content, way: Way::Retry, delay })
}

/// What is redriven later: the same delivery, one round on.
pub(super) fn letter(envelope: &Envelope, reason: Reason) -> DeadLetter {
    let next =
        Envelope { round: envelope.round + 1, woken: None, slot: None, missed: 0, manual: None, ..envelope.clone() };
    let about = Some((envelope.app, envelope.endpoint, envelope.message));
    DeadLetter { body: next.encode(), reason, about }
}
