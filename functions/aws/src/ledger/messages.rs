//! Messages.

use std::collections::{BTreeSet, HashMap};

use postrider_core::{
    ids::{AppId, MessageId},
    message::Message,
    ports::{Messages, Unavailable},
};

use super::{
    Ledger,
    items::{EXPUNGED, message_from, message_item},
};
use crate::{
    cause::Cause,
    dynamo::{Condition, Place, Put, batch_get, readable},
};

impl Messages for Ledger {
    async fn store(&self, message: &Message) -> Result<(), Unavailable> {
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

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        let item = self.table.get(app, id).await?;
        let message = item.map(|item| message_from(&item)).transpose();
        message.map_err(|error| Unavailable::new("reading a message", error))
    }
}

impl Ledger {
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
