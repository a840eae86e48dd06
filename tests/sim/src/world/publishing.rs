//! The ports of publishing, and time.

use std::{collections::HashMap, time::Duration};

use postrider_core::{
    claim::{Claim, ClaimKey},
    entity::{Application, Endpoint, EventType, Settings},
    ids::{AppId, EndpointId, MessageId, OrgId},
    job::Job,
    keyring::Keyring,
    message::Message,
    poll::Arrival,
    ports::{
        Ambient, Audience, Claims, Jobs, Keys, Messages, Outbox, Paces, Parcel, Reservation, Saved, Slots, Subscribers,
        Unavailable,
    },
    time::Time,
};

use super::{Inner, World, number};

impl Ambient for World {
    fn now(&self) -> Time {
        self.lock().now
    }

    async fn sleep(&self, time: Duration) {
        self.pause(time).await;
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut inner = self.lock();
        for chunk in bytes.chunks_mut(8) {
            let number = inner.dice.roll().to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

impl Keys for World {
    async fn keyring(&self, _: Option<&str>) -> Result<Keyring, Unavailable> {
        Ok(super::ring())
    }
}

impl Subscribers for World {
    async fn subscribers(&self, _: AppId) -> Result<Option<Audience>, Unavailable> {
        self.call("read the subscribers", |inner| {
            let tables = &inner.tables;
            let endpoints = tables.endpoints.values().cloned().collect();
            Some(Audience { application: tables.application.clone(), endpoints, complete: true })
        })
        .await
    }

    async fn create_application(&self, _: &Application) -> Result<Saved, Unavailable> {
        Ok(Saved::Stale)
    }

    async fn endpoints_after(
        &self,
        _: AppId,
        after: Option<EndpointId>,
        limit: usize,
    ) -> Result<Option<Vec<Endpoint>>, Unavailable> {
        self.call("read endpoints", |inner| {
            let all = inner.tables.endpoints.values().filter(|endpoint| after.is_none_or(|after| endpoint.id > after));
            Some(all.take(limit).cloned().collect())
        })
        .await
    }

    async fn application_id(&self, _: &OrgId, _: &str) -> Result<Option<AppId>, Unavailable> {
        Ok(None)
    }

    async fn demands(&self, _: &OrgId) -> Result<Option<Settings>, Unavailable> {
        Ok(None)
    }

    async fn definition(&self, _: &OrgId, _: &str) -> Result<Option<EventType>, Unavailable> {
        Ok(None)
    }
}

impl Claims for World {
    async fn claim(
        &self,
        key: &ClaimKey,
        claim: &Claim,
        over: Option<&Claim>,
        now: Time,
    ) -> Result<Option<Claim>, Unavailable> {
        self.call("claim", |inner| match inner.tables.claims.get(key) {
            Some(standing) if Some(standing) != over && standing.expires_at > now => {
                (standing != claim).then(|| standing.clone())
            }
            _ => {
                inner.tables.claims.insert(key.clone(), claim.clone());
                None
            }
        })
        .await
    }

    async fn standing(&self, key: &ClaimKey) -> Result<Option<Claim>, Unavailable> {
        self.call("read a claim", |inner| inner.tables.claims.get(key).cloned()).await
    }
}

impl Messages for World {
    async fn announce(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        assert!(arrivals.is_empty(), "there are no pollers here");
        Ok(())
    }

    async fn store(&self, messages: &[Message]) -> Result<(), Unavailable> {
        self.call("store the messages", |inner| {
            for message in messages {
                inner.tables.store(message);
            }
        })
        .await
    }

    async fn stored(&self, app: AppId, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        let of = |inner: &Inner, id| Some((id, inner.tables.messages.get(&(app, id))?.clone()));
        self.call("read messages", |inner| ids.iter().filter_map(|id| of(inner, *id)).collect()).await
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Message>, Unavailable> {
        self.call("read a message", |inner| inner.tables.messages.get(&(app, id)).cloned()).await
    }
}

impl Inner {
    fn enqueue(&mut self, parcel: &Parcel) {
        let body = std::sync::Arc::<str>::from(parcel.content.encode());
        let visible = self.now.plus(parcel.delay);
        let queue = number(parcel.way);
        self.note(|| format!("queued {} in {queue}", parcel.content.endpoint()));
        self.queues[queue].send(std::sync::Arc::clone(&body), visible);
        if self.is_stormy() {
            self.note(|| "and once more".to_owned());
            self.duplicated(&body);
            let later = visible.plus(self.dice.millis(0, 20_000));
            self.queues[queue].send(body, later);
        }
    }
}

impl Outbox for World {
    async fn send(&self, parcels: &[Parcel]) -> Result<(), Unavailable> {
        // Ten a call: dying in the middle leaves some of them queued; and each entry may be refused by itself.
        for chunk in parcels.chunks(10) {
            let all = self.call("queue", |inner| {
                let whole = !inner.is_stormy();
                let count = if whole { chunk.len() } else { inner.dice.index(chunk.len()) };
                if !whole {
                    inner.excuse("queue");
                    inner.note(|| "only some of them".to_owned());
                }
                chunk[..count].iter().for_each(|parcel| inner.enqueue(parcel));
                whole
            });
            if !all.await? {
                return Err(Unavailable::new("queue", "some were refused"));
            }
        }
        Ok(())
    }
}

impl Jobs for World {
    async fn submit(&self, _: &[Job]) -> Result<(), Unavailable> {
        self.call("submit jobs", |_| ()).await
    }
}

impl Paces for World {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        self.call("reserve a slot", |inner| inner.tables.reserve(wanted)).await
    }
}
