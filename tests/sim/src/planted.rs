//! Bugs that are planted on purpose, between the use case and its ports: the simulation must find them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use postrider_core::{
    delivery::{Delivery, State},
    entity::Endpoint,
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::Message,
    ports::{Deliveries, DeliveryKey, Known, Paces, Reservation, Slots, Unavailable, Valves},
    time::Time,
};

use crate::world::World;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// What is parked or held is acknowledged first, and recorded then.
    AcknowledgeBeforePark,
    /// Records are written without looking at what stands.
    WriteBeforeCondition,
    /// The answer names nothing that must come back.
    ForgetFailures,
}

/// The record of deliveries, with a bug or none.
#[derive(Debug)]
pub struct Suspect {
    world: World,
    bug: Option<Bug>,
    late: Mutex<Vec<Delivery>>,
}

impl Suspect {
    /// Over the world.
    pub const fn new(world: World, bug: Option<Bug>) -> Self {
        Self { world, bug, late: Mutex::new(Vec::new()) }
    }

    /// What must come back, as the queue is told.
    pub fn answer(&self, back: Vec<String>) -> Vec<String> {
        if self.bug == Some(Bug::ForgetFailures) { Vec::new() } else { back }
    }

    /// The batch is acknowledged: what was put off is done now.
    pub async fn acknowledged(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for delivery in late {
            let _ = self.world.record(&delivery).await;
        }
    }
}

const fn is_parked(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Waiting { parked: true, .. } | State::Held { .. })
}

impl Deliveries for &Suspect {
    async fn load(&self, keys: &[DeliveryKey], endpoints: &[(AppId, EndpointId)]) -> Result<Known, Unavailable> {
        self.world.load(keys, endpoints).await
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<DeliveryKey> {
        self.world.record_successes(done).await
    }

    async fn record(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        match self.bug {
            Some(Bug::AcknowledgeBeforePark) if is_parked(delivery) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(delivery.clone());
                Ok(true)
            }
            Some(Bug::WriteBeforeCondition) => self.world.record_anyway(delivery).await.map(|()| true),
            _ => self.world.record(delivery).await,
        }
    }

    async fn save_health(&self, new: &Endpoint, old: &Endpoint) -> Result<bool, Unavailable> {
        self.world.save_health(new, old).await
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        Deliveries::messages(&self.world, keys).await
    }

    async fn noted_confirmation(&self, key: DeliveryKey) -> Result<Option<AttemptId>, Unavailable> {
        self.world.noted_confirmation(key).await
    }

    async fn list_attempts(&self, attempts: &[(EndpointId, AttemptId, MessageId, Time)]) -> Result<(), Unavailable> {
        self.world.list_attempts(attempts).await
    }
}

impl Valves for &Suspect {
    async fn touch(&self, endpoint: (AppId, EndpointId), count: u32, due: Time, now: Time) -> Result<u32, Unavailable> {
        self.world.touch(endpoint, count, due, now).await
    }

    async fn lock(&self, endpoint: EndpointId, now: Time, until: Time) -> Result<bool, Unavailable> {
        Valves::lock(&self.world, endpoint, now, until).await
    }

    async fn unlock(&self, endpoint: EndpointId, until: Time) {
        self.world.unlock(endpoint, until).await;
    }

    async fn held(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<DeliveryKey>, Unavailable> {
        self.world.held(endpoint, limit).await
    }
}

impl Paces for &Suspect {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        self.world.reserve(wanted).await
    }
}
