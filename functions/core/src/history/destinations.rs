//! Where messages went: the messages of an endpoint, and the endpoints of a message.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{History, MessageFilter, MessageOut, Status, StatusText, message_out};
use crate::{
    delivery::Delivery,
    find,
    ids::{AppId, EndpointId, MessageId},
    manage::EndpointRow,
    message::Message,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Directory, Record},
    problem::Problem,
    time::Time,
    token::Caller,
};

/// A message of an endpoint, with how far its delivery there is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointMessageOut {
    #[serde(flatten)]
    message: MessageOut,
    status: Status,
    #[schemars(with = "StatusText")]
    status_text: &'static str,
    /// When it will be tried again; left out if it will not.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt: Option<Time>,
}

/// An endpoint of a message, with how far the delivery is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MessageEndpointOut")]
pub struct DestinationOut {
    #[serde(flatten)]
    endpoint: EndpointRow,
    status: Status,
    #[schemars(with = "StatusText")]
    status_text: &'static str,
    /// When it will be tried again, if it will.
    next_attempt: Option<Time>,
}

impl<D: Directory, R: Record> History<'_, D, R> {
    /// The messages that were tried at an endpoint, or whose delivery there has ended, newest first.
    pub async fn messages_of_endpoint(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        ask: Ask<MessageId>,
        filter: MessageFilter,
        status: Option<Status>,
    ) -> Result<Page<EndpointMessageOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        let endpoint = find::endpoint(self.directory, app, endpoint).await?.id;
        let ask = filter.window.ask(ask);
        let list = Tried { record: self.record, now: self.now, app, endpoint, filter, status };
        page::page(&list, ask, false).await
    }

    /// The endpoints that a message is for, deleted ones too, by id.
    pub async fn endpoints_of_message(
        &self,
        caller: &Caller,
        app: &str,
        message: &str,
        ask: Ask<EndpointId>,
    ) -> Result<Page<DestinationOut>, Problem> {
        let message = self.find_message(caller, app, message).await?;
        let endpoints = find::meant(self.record, &message).await?.all();
        page::page(&Destinations { history: self, message, endpoints }, ask, true).await
    }
}

struct Tried<'a, R> {
    record: &'a R,
    now: Time,
    app: AppId,
    endpoint: EndpointId,
    filter: MessageFilter,
    status: Option<Status>,
}

impl<R: Record> List for Tried<'_, R> {
    type Key = MessageId;
    type Row = EndpointMessageOut;

    async fn read(&self, part: Part<MessageId>) -> Result<Batch<MessageId, EndpointMessageOut>, Problem> {
        let Some(span) = self.filter.window.span(&part) else { return Ok(Batch::end()) };
        let deliveries = self.record.deliveries(self.endpoint, &span).await?;
        let meant = deliveries.iter().filter(|delivery| self.is_meant(delivery));
        let ids: Vec<_> = meant.map(|delivery| delivery.message).collect();
        let messages = if ids.is_empty() { HashMap::new() } else { self.record.stored(self.app, &ids).await? };
        let row = |delivery: &Delivery| (delivery.message, self.row(delivery, messages.get(&delivery.message)));
        Ok(Batch::of(deliveries.iter().map(row).collect(), part.limit))
    }
}

impl<R> Tried<'_, R> {
    fn is_meant(&self, delivery: &Delivery) -> bool {
        let (status, _) = Status::of_delivery(Some(delivery));
        (delivery.has_ended() || !delivery.attempts.is_empty()) && self.status.is_none_or(|wanted| wanted == status)
    }

    fn row(&self, delivery: &Delivery, message: Option<&Message>) -> Option<EndpointMessageOut> {
        let message = message.filter(|message| !message.has_expired(self.now) && self.filter.passes(message))?;
        let (status, next_attempt) = Status::of_delivery(Some(delivery));
        Some(EndpointMessageOut {
            message: message_out(message, !self.filter.without_content),
            status,
            status_text: status.text(),
            next_attempt,
        })
    }
}

struct Destinations<'a, D, R> {
    history: &'a History<'a, D, R>,
    message: Message,
    /// Ascending.
    endpoints: Vec<EndpointId>,
}

impl<D: Directory, R: Record> List for Destinations<'_, D, R> {
    type Key = EndpointId;
    type Row = DestinationOut;

    async fn read(&self, part: Part<EndpointId>) -> Result<Batch<EndpointId, DestinationOut>, Problem> {
        let ids = self.part(&part);
        if ids.is_empty() {
            return Ok(Batch::end());
        }
        let found = self.history.directory.endpoints_even_deleted(self.message.app, &ids).await?;
        let keys: Vec<_> = ids.iter().map(|id| (*id, self.message.id)).collect();
        let deliveries = self.history.record.deliveries_by_key(&keys).await?;
        let mut endpoints: HashMap<_, _> = found.into_iter().map(|endpoint| (endpoint.id, endpoint)).collect();
        let row = |key: &(EndpointId, MessageId)| {
            let (status, next_attempt) = Status::of_delivery(deliveries.get(key));
            let endpoint = EndpointRow::from(endpoints.remove(&key.0)?);
            Some(DestinationOut { endpoint, status, status_text: status.text(), next_attempt })
        };
        let rows: Vec<_> = keys.iter().map(row).collect();
        Ok(Batch::of(ids.into_iter().zip(rows).collect(), part.limit))
    }
}

impl<D, R> Destinations<'_, D, R> {
    fn part(&self, part: &Part<EndpointId>) -> Vec<EndpointId> {
        let ids = self.endpoints.iter().copied();
        if part.ascending {
            ids.filter(|id| part.after.is_none_or(|after| *id > after)).take(part.limit).collect()
        } else {
            ids.rev().filter(|id| part.after.is_none_or(|after| *id < after)).take(part.limit).collect()
        }
    }
}
