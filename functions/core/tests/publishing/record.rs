//! The record, and what is removed of it, in the same world.

use std::collections::HashMap;

use postrider_core::{
    delivery::Delivery,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::Message,
    ports::{DeliveryKey, Erasing, Expunging, Holdings, Record, Remains, Span, Unavailable},
};

use crate::world::World;

impl Record for World {
    async fn messages(&self, app: AppId, span: &Span) -> Result<Vec<Message>, Unavailable> {
        self.call(self.memory().messages(app, span)).await
    }

    async fn deliveries(&self, endpoint: EndpointId, span: &Span) -> Result<Vec<Delivery>, Unavailable> {
        self.call(self.memory().deliveries(endpoint, span)).await
    }

    async fn deliveries_by_key(&self, keys: &[DeliveryKey]) -> Result<HashMap<DeliveryKey, Delivery>, Unavailable> {
        self.call(self.memory().deliveries_by_key(keys)).await
    }

    async fn listed_attempts(
        &self,
        endpoint: EndpointId,
        span: &Span,
    ) -> Result<Vec<(AttemptId, MessageId)>, Unavailable> {
        self.call(self.memory().listed_attempts(endpoint, span)).await
    }
}

impl Expunging for World {
    async fn remove_payload(&self, app: AppId, message: MessageId) -> Result<(), Unavailable> {
        self.call(self.memory().remove_payload(app, message)).await
    }

    async fn replace(&self, new: &Delivery, old: Option<&Delivery>) -> Result<bool, Unavailable> {
        self.call(self.memory().replace(new, old)).await
    }
}

impl Erasing for World {
    async fn remains(&self, app: AppId) -> Result<Remains, Unavailable> {
        self.call(self.memory().remains(app)).await
    }

    async fn strip(&self, app: AppId) -> Result<bool, Unavailable> {
        self.call(self.memory().strip(app)).await
    }

    async fn stripped(
        &self,
        app: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Vec<EndpointId>, Unavailable> {
        self.call(self.memory().stripped(app, after, limit)).await
    }

    async fn clear(&self, holdings: Holdings) -> Result<bool, Unavailable> {
        self.call(self.memory().clear(holdings)).await
    }

    async fn forget(&self, app: AppId) -> Result<bool, Unavailable> {
        self.call(self.memory().forget(app)).await
    }
}
