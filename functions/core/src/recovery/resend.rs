//! Sending one message to one endpoint again: an attempt by hand.

use std::time::Duration;

use super::Recoveries;
use crate::{
    find,
    ids::AttemptId,
    message::{Content, Envelope, Manual},
    ports::{Ambient, Directory, Jobs, Outbox, Parcel, Recovery, Tasks, Way},
    problem::Problem,
    token::Caller,
};

impl<D: Directory, R: Recovery + Tasks, Q: Outbox + Jobs, A: Ambient> Recoveries<'_, D, R, Q, A> {
    /// Queues one attempt, whatever became of the delivery, and whatever the endpoint subscribes to.
    ///
    /// 400 if the message's content was expunged; 409 if the endpoint is disabled: nothing would be sent.
    pub async fn resend(&self, caller: &Caller, app: &str, message: &str, endpoint: &str) -> Result<(), Problem> {
        let now = self.ambient.now();
        let app = find::application(self.directory, caller, app).await?.id;
        let message = find::message(self.record, app, message, now).await?;
        if message.payload.is_none() {
            return Err(missing_payload());
        }
        let endpoint = find::receiver(self.directory, app, endpoint).await?;
        if endpoint.disabled {
            return Err(find::endpoint_disabled());
        }
        let meant = find::meant(self.record, &message).await?;
        if !meant.has(endpoint.id) {
            self.record.note_endpoint(app, message.id, endpoint.id).await?;
        }
        let attempt = AttemptId::new(now, self.ambient.random(), endpoint.id);
        let manual = Manual { attempt, queued: meant.queued.contains(&endpoint.id) };
        let envelope = Envelope::first(&message, &endpoint).ok_or_else(missing_payload)?;
        let envelope = Envelope { manual: Some(manual), ..envelope };
        let parcel = Parcel { content: Content::Delivery(envelope), way: Way::Retry, delay: Duration::ZERO };
        self.queues.send(&[parcel]).await?;
        tracing::info!(%app, msg = %message.id, endpoint = %endpoint.id, %attempt, "resend queued");
        Ok(())
    }
}

fn missing_payload() -> Problem {
    Problem::refused(400, "missing_payload", "The message's content was expunged: there is nothing to send")
}
