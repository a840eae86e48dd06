//! Ending a delivery that has not ended.

use super::Recoveries;
use crate::{
    delivery::{Delivery, Reason, State},
    find,
    ports::{Ambient, Directory, Jobs, Outbox, Recovery, Tasks},
    problem::Problem,
    token::Caller,
};

/// How often it is tried again on what somebody else has written meanwhile.
const TRIES: usize = 5;

/// What is written to end a delivery: no copy of it is sent afterwards. A request that is on its way is not called back.
pub(super) fn canceled(delivery: Delivery) -> Delivery {
    Delivery { state: State::Canceled(Reason::Canceled), slot: None, rev: delivery.rev + 1, ..delivery }
}

impl<D: Directory, R: Recovery + Tasks, Q: Outbox + Jobs, A: Ambient> Recoveries<'_, D, R, Q, A> {
    /// Cancels the delivery of a message to an endpoint. Canceling again changes nothing; 409 for one that has succeeded
    /// or failed, 404 for one that the message is not for.
    pub async fn cancel(&self, caller: &Caller, app: &str, message: &str, endpoint: &str) -> Result<(), Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let message = find::message(self.record, app, message, self.ambient.now()).await?;
        let endpoint = find::endpoint(self.directory, app, endpoint).await?.id;
        if !find::meant(self.record, &message).await?.has(endpoint) {
            return Err(Problem::not_found("Delivery"));
        }
        for _ in 0..TRIES {
            let key = (endpoint, message.id);
            let standing = self.record.deliveries_by_key(&[key]).await?.remove(&key);
            let delivery = standing.unwrap_or_else(|| Delivery::new(app, endpoint, message.id, message.expires_at));
            match delivery.state {
                State::Canceled(_) if delivery.rev > 0 => return Ok(()),
                State::Succeeded | State::Failed(_) => {
                    let detail = "The delivery has ended already; there is nothing to cancel";
                    return Err(Problem::refused(409, "conflict", detail));
                }
                _ => {}
            }
            if self.record.change(&canceled(delivery)).await? {
                tracing::info!(%app, msg = %message.id, %endpoint, "delivery canceled");
                return Ok(());
            }
        }
        Err(Problem::conflict("The delivery is being changed at the same time; try again"))
    }
}
