//! The record as it is shown.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Display,
};

use postrider_core::{
    delivery::Delivery,
    ids::{AppId, AttemptId, EndpointId, Id, MessageId},
    message::Message,
    ports::{DeliveryKey, Record, Span, Unavailable},
};

use super::{
    Ledger,
    items::{attempt_from, delivery_from, message_from},
};
use crate::dynamo::{Place, Range, batch_get, readable};

/// The ids of that kind within a span.
pub(super) fn within<I: Id>(pk: impl Display, span: &Span) -> Range {
    let key = |ksuid| I::from_ksuid(ksuid).to_string();
    Range::prefixed(pk, I::PREFIX, span.ascending).above(span.above.map(key)).below(span.below.map(key))
}

impl Record for Ledger {
    async fn messages(&self, app: AppId, span: &Span) -> Result<Vec<Message>, Unavailable> {
        self.table.list(&within::<MessageId>(app, span), span.limit, message_from).await
    }

    async fn deliveries(&self, endpoint: EndpointId, span: &Span) -> Result<Vec<Delivery>, Unavailable> {
        self.table.list(&within::<MessageId>(endpoint, span), span.limit, delivery_from).await
    }

    async fn deliveries_by_key(&self, keys: &[DeliveryKey]) -> Result<HashMap<DeliveryKey, Delivery>, Unavailable> {
        let place = |(endpoint, message): &DeliveryKey| -> Place<'_> {
            (&self.table.name, endpoint.to_string(), message.to_string())
        };
        let items = batch_get(&self.table.client, &keys.iter().map(place).collect::<BTreeSet<_>>()).await?;
        let found = items.values().flatten().filter_map(|item| readable(item, delivery_from));
        Ok(found.map(|delivery| ((delivery.endpoint, delivery.message), delivery)).collect())
    }

    async fn listed_attempts(
        &self,
        endpoint: EndpointId,
        span: &Span,
    ) -> Result<Vec<(AttemptId, MessageId)>, Unavailable> {
        self.table.list(&within::<AttemptId>(endpoint, span), span.limit, attempt_from).await
    }
}
