//! Attempts: one, an endpoint's, and a message's.

use schemars::JsonSchema;
use serde::Serialize;

use super::{AttemptFilter, History, Status, StatusText, attempt_list::OfEndpoint, message_attempts::OfMessage};
use crate::{
    delivery::{Attempt, Delivery},
    find,
    ids::{AttemptId, EndpointId, MessageId},
    message::Message,
    page::{self, Ask, Page},
    ports::{Directory, Record},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// An attempt: one request that was made to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MessageAttemptOut")]
pub struct AttemptOut {
    /// Its identifier.
    pub id: AttemptId,
    /// The message.
    msg_id: MessageId,
    /// The endpoint.
    endpoint_id: EndpointId,
    /// Where it was sent.
    #[schemars(example = "https://example.com/webhooks")]
    url: String,
    /// The body of the response, or why there was none; `{}` without content.
    #[schemars(example = "{}")]
    response: String,
    /// The status of the response; 0 if there was none.
    #[schemars(example = 200)]
    response_status_code: u16,
    /// Milliseconds until it came.
    #[schemars(example = 87)]
    response_duration_ms: u64,
    status: Status,
    #[schemars(with = "StatusText")]
    status_text: &'static str,
    /// 0 if it was made on schedule, 1 if by hand.
    #[schemars(extend("enum" = [0, 1]))]
    trigger_type: u8,
    /// When it began.
    timestamp: Time,
}

impl AttemptOut {
    /// Without content its response is `{}`.
    pub(super) fn new(delivery: &Delivery, attempt: &Attempt, with_content: bool) -> Self {
        let status = Status::of_attempt(attempt);
        Self {
            id: attempt.id,
            msg_id: delivery.message,
            endpoint_id: delivery.endpoint,
            url: attempt.url.clone(),
            response: if with_content { attempt.response.clone() } else { "{}".to_owned() },
            response_status_code: attempt.status,
            response_duration_ms: attempt.millis,
            status,
            status_text: status.text(),
            trigger_type: u8::from(attempt.manual),
            timestamp: attempt.at,
        }
    }
}

impl<D: Directory, R: Record> History<'_, D, R> {
    /// The attempts at one endpoint, newest first.
    pub async fn attempts_of_endpoint(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        ask: Ask<AttemptId>,
        filter: AttemptFilter,
    ) -> Result<Page<AttemptOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let endpoint = find::endpoint(self.directory, app, endpoint).await?.id;
        let ask = filter.message.window.ask(ask);
        page::page(&OfEndpoint { record: self.record, now: self.now, app, endpoint, filter }, ask, false).await
    }

    /// The attempts to deliver one message, newest first; at one endpoint only, if it is given.
    pub async fn attempts_of_message(
        &self,
        caller: &Caller,
        app: &str,
        message: &str,
        endpoint: Option<&str>,
        ask: Ask<AttemptId>,
        filter: AttemptFilter,
    ) -> Result<Page<AttemptOut>, Problem> {
        let message = self.find_message(caller, app, message).await?;
        let endpoints = match endpoint {
            Some(segment) => vec![find::endpoint(self.directory, message.app, segment).await?.id],
            None => find::meant(self.record, &message).await?.all(),
        };
        let ask = filter.message.window.ask(ask);
        page::page(&OfMessage { record: self.record, message, endpoints, filter }, ask, false).await
    }

    /// One attempt of a message.
    pub async fn attempt(
        &self,
        caller: &Caller,
        app: &str,
        message: &str,
        attempt: &str,
    ) -> Result<AttemptOut, Problem> {
        let message = self.find_message(caller, app, message).await?;
        let (delivery, id) = attempt_of(self.record, &message, attempt).await?;
        let found = delivery.attempts.iter().find(|attempt| attempt.id == id);
        found.map(|attempt| AttemptOut::new(&delivery, attempt, true)).ok_or_else(unknown)
    }
}

fn unknown() -> Problem {
    Problem::not_found("Attempt")
}

/// The delivery of a message that an attempt was made for, and the attempt's id; 404 if there is none.
pub(crate) async fn attempt_of<R: Record>(
    record: &R,
    message: &Message,
    attempt: &str,
) -> Result<(Delivery, AttemptId), Problem> {
    let id: AttemptId = attempt.parse().map_err(|_| unknown())?;
    let likely = find::meant(record, message).await?.all().into_iter().filter(|endpoint| id.may_be_of(*endpoint));
    let keys: Vec<_> = likely.map(|endpoint| (endpoint, message.id)).collect();
    if keys.is_empty() {
        return Err(unknown());
    }
    let deliveries = record.deliveries_by_key(&keys).await?;
    let mut deliveries = deliveries.into_values();
    let found = deliveries.find(|delivery| delivery.attempts.iter().any(|attempt| attempt.id == id));
    found.map(|delivery| (delivery, id)).ok_or_else(unknown)
}
