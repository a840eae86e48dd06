//! Looking at a valve.

use std::time::Duration;

use futures::future::join_all;

use super::{CHUNK, LEASE, Summary, Waker, collected};
use crate::{
    entity::Endpoint,
    ids::EndpointId,
    message::{Content, Flush},
    ports::{Ambient, DeliveryKey, Outbox, Parcel, Parking, Unavailable, Valve, Way},
    time::Time,
    valve::{self, KEPT, LOOK, Opening},
};

impl<P: Parking, Q: Outbox, A: Ambient> Waker<P, Q, A> {
    /// Lets through what may be, and says when to look again by the lease of the valve.
    pub(super) async fn look(
        &self,
        endpoint: EndpointId,
        due: Time,
        now: Time,
        deadline: Time,
    ) -> Result<Summary, Unavailable> {
        let again = now.plus(LOOK);
        let Some(valve) = self.parking.lease_valve(endpoint, due, again).await? else { return Ok(Summary::default()) };
        let found = Parking::endpoint(&self.parking, valve.app, endpoint).await?;
        let opening = valve::opening(found.as_ref(), now);
        let most = match opening {
            Opening::Wide => self.most(found.as_ref()),
            Opening::Shut | Opening::Probe | Opening::Flush => 1,
        };
        let held = self.parking.held(endpoint, most).await?;
        if held.is_empty() {
            if valve.touched.plus(KEPT) < now {
                self.parking.remove_valve(&valve).await?;
            }
            return Ok(Summary::default());
        }
        match opening {
            Opening::Shut => self.wait(&valve, found.as_ref(), again).await.map(|()| Summary::default()),
            Opening::Flush => self.flush(&valve).await.map(|()| Summary::default()),
            Opening::Probe | Opening::Wide => self.release(&held, now, deadline).await,
        }
    }

    /// So many are let through until the next look.
    fn most(&self, endpoint: Option<&Endpoint>) -> usize {
        let throttle = endpoint.and_then(|endpoint| endpoint.throttle_rate).map_or(u32::MAX, u32::from);
        let seconds = u32::try_from(LOOK.as_secs()).unwrap_or(1);
        usize::try_from(self.releases_per_second.min(throttle).saturating_mul(seconds)).unwrap_or(usize::MAX)
    }

    /// The pause may end before the next minute, or much later.
    async fn wait(&self, valve: &Valve, endpoint: Option<&Endpoint>, again: Time) -> Result<(), Unavailable> {
        let at = endpoint.map_or(again, |endpoint| valve::look_at(endpoint, self.ambient.now()));
        if at > again {
            self.parking.lease_valve(valve.endpoint, again, at).await?;
        }
        Ok(())
    }

    async fn flush(&self, valve: &Valve) -> Result<(), Unavailable> {
        let content = Content::Flush(Flush { app: valve.app, endpoint: valve.endpoint, slot: None });
        self.queue.send(&[Parcel { content, way: Way::Retry, delay: Duration::ZERO }]).await
    }

    /// Each becomes a parked delivery, and its copy reaches the queue spread over the time until the next look.
    async fn release(&self, held: &[DeliveryKey], now: Time, deadline: Time) -> Result<Summary, Unavailable> {
        let mut total = Summary::default();
        for (nth, chunk) in held.chunks(CHUNK).enumerate() {
            if self.ambient.now() >= deadline {
                break;
            }
            let leases = chunk.iter().map(|key| self.parking.release(*key, now.plus(LEASE)));
            let taken = collected(join_all(leases).await)?;
            let nth = u32::try_from(nth * CHUNK).unwrap_or(u32::MAX);
            let turn = (Duration::from_secs(1) / self.releases_per_second.max(1)).saturating_mul(nth).min(LOOK);
            // What it took to come here is part of it: otherwise the last ones come beside the next look's.
            let delay = self.ambient.now().until(now.plus(turn));
            total.add(self.wake(taken.into_iter().map(|delivery| (delivery, delay)).collect(), now).await?);
        }
        Ok(total)
    }
}
