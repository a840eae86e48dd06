//! What the operator is told of deliveries and endpoints.
//!
//! Told before it is recorded: a crash in between tells it again, as the same message. What cannot be told is logged; no
//! request is repeated for it.

use super::{Courier, Outcome, Queues, Store};
use crate::{
    delivery::{Reason, State},
    entity::Endpoint,
    job::Job,
    operational::{Course, FAILING, Subject},
    outbound::Sender,
    ports::{Ambient, Keys, Known, Owner, chain},
};

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    pub(super) async fn tell(&self, outcomes: &[&Outcome], known: &Known) {
        let news = outcomes.iter().filter_map(|outcome| {
            let owner = known.owners.get(&outcome.delivery.app)?;
            news(outcome, owner)
        });
        self.submit(news.collect()).await;
    }

    pub(super) async fn tell_disabled(&self, endpoint: &Endpoint, owner: Option<&Owner>) {
        let since = endpoint.health.failing_since.unwrap_or_else(|| self.ambient.now());
        let news = owner.and_then(|owner| subject(owner, endpoint.app).endpoint_disabled(endpoint, since));
        self.submit(news.into_iter().collect()).await;
    }

    async fn submit(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        if let Err(error) = self.queues.submit(&jobs).await {
            tracing::error!(jobs = jobs.len(), error = %chain(&error), "operational webhooks could not be queued");
        }
    }
}

const fn subject(owner: &Owner, app: crate::ids::AppId) -> Subject<'_> {
    Subject {
        org: &owner.org,
        app,
        app_uid: match &owner.uid {
            Some(uid) => Some(uid.as_str()),
            None => None,
        },
    }
}

/// What an attempt of the schedule changes in a message's course.
fn news(outcome: &Outcome, owner: &Owner) -> Option<Job> {
    let delivery = &outcome.delivery;
    let course = course(outcome)?;
    let subject = subject(owner, delivery.app);
    match delivery.state {
        State::Waiting { .. } if outcome.attempted && delivery.tries == FAILING => subject.attempt_failing(course),
        State::Failed(Reason::Exhausted) => subject.attempt_exhausted(course),
        State::Succeeded if delivery.tries > FAILING => subject.attempt_recovered(course),
        _ => None,
    }
}

fn course(outcome: &Outcome) -> Option<Course<'_>> {
    let Outcome { delivery, event_id, .. } = outcome;
    // Whoever tries something by hand sees what comes of it.
    let last = delivery.attempts.last().filter(|last| !last.manual)?;
    let event_id = event_id.as_deref();
    Some(Course { message: delivery.message, event_id, endpoint: delivery.endpoint, last })
}
