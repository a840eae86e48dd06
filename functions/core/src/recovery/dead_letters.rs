//! Dead letters: deliveries that failed for good, as an application sees them.
//!
//! This is the record, not the dead-letter queue, which is the operator's: it holds a copy of each of these for 14 days, and
//! what crashed the function besides.

use schemars::JsonSchema;
use serde::Serialize;

use super::{DeadKey, Recoveries};
use crate::{
    delivery::{Delivery, State},
    find,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::Message,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, DeadSpan, Directory, Jobs, Outbox, Recovery, Tasks},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// A delivery that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterOut {
    /// The message.
    message_id: MessageId,
    /// The endpoint.
    endpoint_id: EndpointId,
    /// The message's event type.
    #[schemars(example = "invoice.paid")]
    event_type: String,
    /// The sender's own id for the message.
    #[schemars(example = "evt-1")]
    event_id: Option<String>,
    /// Why it failed, such as `exhausted`.
    #[schemars(example = &"exhausted")]
    reason: &'static str,
    /// Attempts that are kept.
    #[schemars(example = 10)]
    attempts: usize,
    /// The last of them; none was made at a disabled endpoint.
    last_attempt: Option<LastAttempt>,
    /// When the message was published.
    timestamp: Time,
}

/// The last attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LastAttempt {
    /// Its identifier.
    id: AttemptId,
    /// The status of the response; 0 if there was none.
    #[schemars(example = 500)]
    response_status_code: u16,
    /// When it began.
    timestamp: Time,
}

impl<D: Directory, R: Recovery + Tasks, Q: Outbox + Jobs, A: Ambient> Recoveries<'_, D, R, Q, A> {
    /// An application's dead letters, newest message first; of one endpoint only, if it is given. What failed a moment ago
    /// may be missing.
    pub async fn dead_letters(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: Option<&str>,
        (before, after): (Option<Time>, Option<Time>),
        ask: Ask<DeadKey>,
    ) -> Result<Page<DeadLetterOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let endpoint = match endpoint {
            Some(segment) => Some(find::endpoint(self.directory, app, segment).await?.id),
            None => None,
        };
        let now = self.ambient.now();
        let (since, until) = (after.unwrap_or(Time::from_secs(0)), before.unwrap_or(now).min(now));
        page::page(&Dead { record: self.record, now, app, endpoint, since, until }, ask, false).await
    }
}

struct Dead<'a, R> {
    record: &'a R,
    now: Time,
    app: AppId,
    endpoint: Option<EndpointId>,
    since: Time,
    until: Time,
}

impl<R: Recovery> List for Dead<'_, R> {
    type Key = DeadKey;
    type Row = DeadLetterOut;

    async fn read(
        &self,
        Part { after, ascending, limit }: Part<DeadKey>,
    ) -> Result<Batch<DeadKey, DeadLetterOut>, Problem> {
        let Some(span) = self.span(after, ascending, limit) else { return Ok(Batch::end()) };
        let found = self.record.dead_letters(self.app, &span).await?;
        let meant = found.iter().filter(|dead| self.endpoint.is_none_or(|only| only == dead.endpoint));
        let keys: Vec<_> = meant.map(|dead| (dead.endpoint, dead.message)).collect();
        if keys.is_empty() {
            return Ok(Batch::of(found.iter().map(|dead| (*dead, None)).collect(), limit));
        }
        let deliveries = self.record.deliveries_by_key(&keys).await?;
        let ids: Vec<_> = keys.iter().map(|(_, message)| *message).collect();
        let messages = self.record.stored(self.app, &ids).await?;
        let row = |dead: &DeadKey| {
            let delivery = deliveries.get(&(dead.endpoint, dead.message))?;
            let message = messages.get(&dead.message).filter(|message| !message.has_expired(self.now))?;
            shown(delivery, message)
        };
        Ok(Batch::of(found.iter().map(|dead| (*dead, row(dead))).collect(), limit))
    }
}

impl<R> Dead<'_, R> {
    /// From its beginning unless `after` lies in it; nothing if `after` is beyond its end. Stores refuse a place outside
    /// of a span, and a span whose ends are the wrong way round.
    fn span(&self, after: Option<DeadKey>, ascending: bool, limit: usize) -> Option<DeadSpan> {
        let Self { since, until, .. } = *self;
        let after = after.filter(|key| if ascending { key.at() >= since } else { key.at() <= until });
        let is_beyond = |key: DeadKey| if ascending { key.at() > until } else { key.at() < since };
        (since <= until && !after.is_some_and(is_beyond)).then_some(DeadSpan { after, since, until, ascending, limit })
    }
}

/// Nothing if it is being sent again.
fn shown(delivery: &Delivery, message: &Message) -> Option<DeadLetterOut> {
    let State::Failed(reason) = delivery.state else { return None };
    let last_attempt = delivery.attempts.last().map(|last| LastAttempt {
        id: last.id,
        response_status_code: last.status,
        timestamp: last.at,
    });
    Some(DeadLetterOut {
        message_id: delivery.message,
        endpoint_id: delivery.endpoint,
        event_type: message.event_type.clone(),
        event_id: message.event_id.clone(),
        reason: reason.as_str(),
        attempts: delivery.attempts.len(),
        last_attempt,
        timestamp: message.at,
    })
}
