//! Counting in memory.

use super::Memory;
use crate::{
    ids::{EndpointId, Id as _, Ksuid},
    ports::{Progress, Tallying, Unavailable},
};

/// Records that one read gives.
const READ: usize = 3;

impl Tallying for Memory {
    async fn progress(
        &self,
        endpoint: EndpointId,
        above: Ksuid,
        below: Ksuid,
    ) -> Result<(Vec<Progress>, Option<Ksuid>), Unavailable> {
        let state = self.state();
        let all = state.deliveries.iter().filter(|((of, _), _)| *of == endpoint);
        let all = all.filter(|((_, id), _)| id.ksuid() > above && id.ksuid() < below);
        let read: Vec<_> = all.take(READ).collect();
        let next = read.last().filter(|_| read.len() == READ).map(|((_, id), _)| id.ksuid());
        let progress = read.iter().map(|(_, delivery)| Progress {
            state: delivery.state,
            attempted: delivery.was_attempted(),
            expires_at: delivery.expires_at,
        });
        Ok((progress.collect(), next))
    }
}
