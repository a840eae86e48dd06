//! Messages: one, and an application's by time.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{History, MessageFilter};
use crate::{
    find,
    ids::{AppId, MessageId},
    message::Message,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Directory, Record},
    problem::Problem,
    publish::payload_example,
    shapes::AnyObject,
    time::Time,
    token::Caller,
};

/// A message.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageOut {
    /// The sender's own id for it, usable in place of its id.
    #[schemars(example = "evt-1")]
    event_id: Option<String>,
    /// Its event type.
    #[schemars(example = "invoice.paid")]
    event_type: String,
    /// What was published, `{}` without content.
    // The JSON text as it was published.
    #[schemars(with = "AnyObject", example = payload_example())]
    payload: Box<RawValue>,
    /// Its channels.
    #[schemars(example = ["project_1337"])]
    channels: Option<Vec<String>>,
    /// Its identifier.
    id: MessageId,
    /// When it was taken in.
    timestamp: Time,
}

/// Shows a message. Without content its payload is `{}`.
pub fn message_out(message: &Message, with_content: bool) -> MessageOut {
    let text = if with_content { payload(message) } else { "{}".to_owned() };
    MessageOut {
        event_id: message.event_id.clone(),
        event_type: message.event_type.clone(),
        payload: RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        channels: message.channels.clone(),
        id: message.id,
        timestamp: message.at,
    }
}

/// Stands, as in the contract, for a payload that is not there any more.
const EXPUNGED: &str = r#"{"expired":true}"#;

/// A raw payload is shown in an object: clients expect one, and it need not be JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawOut<'a> {
    raw_payload: &'a str,
    content_type: &'a str,
}

fn payload(message: &Message) -> String {
    let Some(payload) = &message.payload else { return EXPUNGED.to_owned() };
    let Some(content_type) = &message.content_type else { return payload.to_string() };
    serde_json::to_string(&RawOut { raw_payload: payload, content_type }).unwrap_or_default()
}

impl<D: Directory, R: Record> History<'_, D, R> {
    /// An application's messages, newest first.
    pub async fn messages(
        &self,
        caller: &Caller,
        app: &str,
        ask: Ask<MessageId>,
        filter: MessageFilter,
    ) -> Result<Page<MessageOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let ask = filter.window.ask(ask);
        page::page(&Messages { record: self.record, now: self.now, app, filter }, ask, false).await
    }

    /// One message, by id or `eventId`.
    pub async fn message(
        &self,
        caller: &Caller,
        app: &str,
        segment: &str,
        with_content: bool,
    ) -> Result<MessageOut, Problem> {
        Ok(message_out(&self.find_message(caller, app, segment).await?, with_content))
    }

    pub(super) async fn find_message(&self, caller: &Caller, app: &str, segment: &str) -> Result<Message, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        find::message(self.record, app, segment, self.now).await
    }
}

struct Messages<'a, R> {
    record: &'a R,
    now: Time,
    app: AppId,
    filter: MessageFilter,
}

impl<R: Record> List for Messages<'_, R> {
    type Key = MessageId;
    type Row = MessageOut;

    async fn read(&self, part: Part<MessageId>) -> Result<Batch<MessageId, MessageOut>, Problem> {
        let Some(span) = self.filter.window.span(&part) else { return Ok(Batch::end()) };
        let found = self.record.messages(self.app, &span).await?;
        let row = |message: &Message| {
            let is_shown = !message.has_expired(self.now) && self.filter.passes(message);
            (message.id, is_shown.then(|| message_out(message, !self.filter.without_content)))
        };
        Ok(Batch::of(found.iter().map(row).collect(), part.limit))
    }
}
