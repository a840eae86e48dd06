//! Logs of pollers in memory.

use std::{collections::BTreeMap, task::Poll};

use super::Memory;
use crate::{
    ids::{EndpointId, MessageId},
    poll::{Arrival, Cursor, Look, Segment, Tail, TakeIn},
    ports::{Polling, Unavailable},
    time::Time,
};

/// What is kept of one poller.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Sealed segments by number.
    pub sealed: BTreeMap<u64, Segment>,
    /// The last segment.
    pub tail: Option<Tail>,
    /// What has no place yet.
    pub arrivals: BTreeMap<MessageId, Arrival>,
    /// By consumer.
    pub cursors: BTreeMap<String, Cursor>,
}

impl Memory {
    pub(super) fn arrive(&self, arrivals: &[(EndpointId, Arrival)]) {
        let mut state = self.state();
        for (poller, arrival) in arrivals {
            state.logs.entry(*poller).or_default().arrivals.insert(arrival.message, *arrival);
        }
    }
}

/// Lets others go on, as every call of a real port does: those who poll at once must get in each other's way.
async fn turn() {
    let mut is_mine = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_mine, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Polling for Memory {
    async fn look(&self, poller: EndpointId, from: u64, most: usize) -> Result<Look, Unavailable> {
        turn().await;
        let log = self.state().logs.get(&poller).cloned().unwrap_or_default();
        let sealed: Vec<_> = log.sealed.range(from..).map(|(_, segment)| segment.clone()).take(most).collect();
        let tail = log.tail.filter(|_| sealed.len() < most);
        let left = most - sealed.len() - usize::from(tail.is_some());
        let arrivals: Vec<_> = log.arrivals.into_values().take(left).collect();
        Ok(Look { is_whole: arrivals.len() < left, sealed, tail, arrivals })
    }

    async fn segment(&self, poller: EndpointId, number: u64) -> Result<Option<Segment>, Unavailable> {
        Ok(self.state().logs.get(&poller).and_then(|log| log.sealed.get(&number).cloned()))
    }

    async fn take_in(&self, poller: EndpointId, what: &TakeIn) -> Result<bool, Unavailable> {
        turn().await;
        let mut state = self.state();
        let log = state.logs.entry(poller).or_default();
        if log.tail.as_ref().map_or(0, |tail| tail.rev) + 1 != what.tail.rev {
            return Ok(false);
        }
        log.tail = Some(what.tail.clone());
        log.sealed.extend(what.sealed.iter().map(|segment| (segment.number, segment.clone())));
        log.arrivals.retain(|id, _| !what.taken.contains(id));
        Ok(true)
    }

    async fn forget(&self, poller: EndpointId, arrivals: &[Arrival]) -> Result<(), Unavailable> {
        let mut state = self.state();
        state.logs.entry(poller).or_default().arrivals.retain(|_, standing| !arrivals.contains(standing));
        Ok(())
    }

    async fn cursor(&self, poller: EndpointId, consumer: &str) -> Result<Option<Cursor>, Unavailable> {
        Ok(self.state().logs.get(&poller).and_then(|log| log.cursors.get(consumer).copied()))
    }

    async fn place_cursor(
        &self,
        poller: EndpointId,
        consumer: &str,
        cursor: &Cursor,
        forward: bool,
        _now: Time,
    ) -> Result<(), Unavailable> {
        let mut state = self.state();
        let cursors = &mut state.logs.entry(poller).or_default().cursors;
        let is_elsewhere = |standing: &Cursor| standing.position > cursor.position || standing.after != cursor.after;
        let stays = forward && cursors.get(consumer).is_some_and(is_elsewhere);
        if !stays {
            cursors.insert(consumer.to_owned(), *cursor);
        }
        Ok(())
    }
}
