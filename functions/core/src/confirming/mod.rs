//! A receiver confirms a delivery: it asks for the URL that came with it ([`crate::confirm`]).
//!
//! Only the delivery's last attempt can be confirmed, while it waits for that: an earlier one has been counted as failed,
//! and the next is on its way. To confirm again what is confirmed is harmless. One that comes before its attempt is
//! recorded is noted; delivering looks for the note when it records the attempt, and again when the time is over.

use crate::{
    confirm::{Confirmation, NotConfirmed, key_name},
    delivery::{Attempt, Delivery, Reason, State},
    operational::{Course, FAILING, Subject},
    ports::{Confirming, Directory, Jobs, Keys, Record, chain},
    problem::Problem,
    time::Time,
};

/// How often it is tried again on what somebody else has written meanwhile.
const TRIES: usize = 5;

/// The use case, over the ports.
#[derive(Debug)]
pub struct Confirmer<'a, D, R, K, J> {
    /// Where applications are.
    pub directory: &'a D,
    /// The record of deliveries.
    pub record: &'a R,
    /// What the tokens are signed with.
    pub keys: &'a K,
    /// Takes operational webhooks.
    pub jobs: &'a J,
    /// The time of the call.
    pub now: Time,
}

/// What a confirmation finds.
enum Found {
    Unconfirmed(Box<Delivery>),
    Confirmed,
    /// The attempt is not recorded yet.
    Nothing,
}

impl<D: Directory, R: Record + Confirming, K: Keys, J: Jobs> Confirmer<'_, D, R, K, J> {
    /// Takes the delivery for succeeded that the token is for.
    pub async fn confirm(&self, token: &str) -> Result<(), Problem> {
        let confirmation = self.verified(token).await?;
        let mut noted = false;
        for _ in 0..TRIES {
            let mut delivery = match self.find(&confirmation).await? {
                Found::Unconfirmed(delivery) => delivery,
                // It may have been recorded meanwhile: then nobody would look at the note until the time is over.
                Found::Nothing if !noted => {
                    self.record.note_confirmation(&confirmation).await?;
                    noted = true;
                    continue;
                }
                Found::Nothing | Found::Confirmed => return Ok(()),
            };
            delivery.state = State::Succeeded;
            delivery.rev += 1;
            if self.record.confirm(&delivery).await? {
                self.tell(&delivery).await;
                return Ok(());
            }
        }
        Err(Problem::conflict("The delivery is being changed at the same time; try again"))
    }

    async fn verified(&self, token: &str) -> Result<Confirmation, Problem> {
        let unknown = |why: NotConfirmed| Problem::refused(404, "not_found", format!("This is {why}"));
        // A text that is no token at all is not worth a look at the keyring.
        let key = key_name(token).ok_or_else(|| unknown(NotConfirmed::Invalid))?;
        let ring = self.keys.keyring(Some(&key)).await?;
        Confirmation::verify(&ring, token, self.now).map_err(unknown)
    }

    async fn find(&self, wanted: &Confirmation) -> Result<Found, Problem> {
        let key = (wanted.endpoint, wanted.message);
        let delivery = self.record.deliveries_by_key(&[key]).await?.remove(&key);
        // The attempt is recorded some time after it has been answered, and many confirm before they answer.
        let Some(delivery) = delivery.filter(|delivery| delivery.attempts.iter().any(|a| a.id == wanted.attempt))
        else {
            return Ok(Found::Nothing);
        };
        let is_last = delivery.attempts.last().is_some_and(|last| last.id == wanted.attempt);
        let has_arrived = delivery.attempts.last().is_some_and(Attempt::succeeded);
        match delivery.state {
            // What was canceled since, because nothing more can be sent, has arrived all the same.
            State::Canceled(Reason::ContentExpunged) if is_last && has_arrived => {
                Ok(Found::Unconfirmed(Box::new(delivery)))
            }
            State::Unconfirmed { .. } if is_last => Ok(Found::Unconfirmed(Box::new(delivery))),
            State::Succeeded if is_last => Ok(Found::Confirmed),
            _ => {
                let detail = "This attempt has been counted as failed already; confirm the one that follows it";
                Err(Problem::refused(409, "too_late", detail))
            }
        }
    }

    /// Tells that a message recovered which was told to be failing. Best effort, as in [`crate::manage`].
    async fn tell(&self, delivery: &Delivery) {
        if delivery.tries <= FAILING {
            return;
        }
        if let Err(error) = self.tell_recovered(delivery).await {
            tracing::error!(error = chain(&error), "an operational webhook was lost");
        }
    }

    async fn tell_recovered(&self, delivery: &Delivery) -> Result<(), crate::ports::Unavailable> {
        let message = self.record.message(delivery.app, delivery.message).await?;
        let application = self.directory.application(delivery.app).await?;
        let (Some(message), Some(application), Some(last)) = (message, application, delivery.attempts.last()) else {
            return Ok(());
        };
        let (event_id, endpoint) = (message.event_id.as_deref(), delivery.endpoint);
        let course = Course { message: message.id, event_id, endpoint, last };
        match Subject::from(&application).attempt_recovered(course) {
            Some(job) => self.jobs.submit(&[job]).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
