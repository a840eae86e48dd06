//! Messages.

use std::collections::{BTreeSet, HashMap};

use postrider_core::{
    ids::{AppId, EndpointId, MessageId},
    message::Message,
    poll::Arrival,
    ports::{Messages, Unavailable},
};

use super::{
    Ledger,
    items::{EXPUNGED, message_from, message_item},
};
use crate::{
    cause::Cause,
    dynamo::{Condition, Place, Put, batch_get, batch_put, readable},
};

impl Messages for Ledger {
    async fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        self.put_arrivals(arrivals).await
    }

    async fn store(&self, messages: &[Message]) -> Result<(), Unavailable> {
        if let [message] = messages {
            return self.store_one(message).await;
        }
        // Whoever makes messages again does it when their first maker is dead for certain, and leaves out what is stored.
        let lost = batch_put(&self.table, messages.iter().map(message_item).collect()).await;
        if lost.is_empty() {
            return Ok(());
        }
        Err(Unavailable::new("storing messages", Cause(format!("{} were not written", lost.len()))))
    }

    async fn stored(&self, app: AppId, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        if let [id] = ids {
            let found = self.table.get(app, id).await?.and_then(|item| readable(&item, message_from));
            return Ok(found.map(|message| (*id, message)).into_iter().collect());
        }
        self.messages_of(ids.iter().map(|id| (app, *id))).await
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        let item = self.table.get(app, id).await?;
        let message = item.map(|item| message_from(&item)).transpose();
        message.map_err(|error| Unavailable::new("reading a message", error))
    }
}

impl Ledger {
    async fn store_one(&self, message: &Message) -> Result<(), Unavailable> {
        let kept = Condition {
            expression: "attribute_not_exists(#expunged)",
            names: &[("#expunged", EXPUNGED)],
            values: Vec::new(),
        };
        match self.table.put_if(message_item(message), kept).await? {
            Put::Written | Put::Refused(_) => Ok(()),
            Put::Conflict => Err(Unavailable::new("storing a message", Cause("conflict".to_owned()))),
        }
    }

    /// The messages that exist.
    pub(super) async fn messages_of(
        &self,
        keys: impl Iterator<Item = (AppId, MessageId)>,
    ) -> Result<HashMap<MessageId, Message>, Unavailable> {
        let places: BTreeSet<Place<'_>> =
            keys.map(|(app, id)| (self.table.name.as_str(), app.to_string(), id.to_string())).collect();
        let items = batch_get(&self.table.client, &places).await?;
        let found = items.values().flatten().filter_map(|item| readable(item, message_from));
        Ok(found.map(|message| (message.id, message)).collect())
    }
}
