//! Fan-outs and rates in memory.

use super::Memory;
use crate::{
    ids::{AppId, MessageId},
    message::Message,
    ports::{FanOuts, FanPage, Paces, Reservation, Slots, Unavailable},
};

impl FanOuts for Memory {
    async fn pages(&self, app: AppId, message: MessageId) -> Result<Vec<FanPage>, Unavailable> {
        let state = self.state();
        let of_message = state.pages.range((app, message, 0)..=(app, message, u32::MAX));
        Ok(of_message.map(|(_, page)| page.clone()).collect())
    }

    async fn last_page(&self, app: AppId, message: MessageId) -> Result<Option<(u32, FanPage)>, Unavailable> {
        let state = self.state();
        let mut of_message = state.pages.range((app, message, 0)..=(app, message, u32::MAX));
        Ok(of_message.next_back().map(|((_, _, number), page)| (*number, page.clone())))
    }

    async fn record_page(
        &self,
        message: &Message,
        number: u32,
        page: &FanPage,
    ) -> Result<Option<FanPage>, Unavailable> {
        let mut state = self.state();
        let key = (message.app, message.id, number);
        let standing = state.pages.get(&key).cloned();
        if standing.is_none() {
            state.pages.insert(key, page.clone());
        }
        Ok(standing)
    }
}

impl Paces for Memory {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        let mut state = self.state();
        let free = state.paces.get(&(wanted.of, wanted.interval)).map_or(wanted.from, |next| wanted.from.max(*next));
        if free > wanted.from.plus(wanted.horizon) {
            return Ok(Slots::Full(free));
        }
        state.paces.insert((wanted.of, wanted.interval), free.plus(wanted.interval * wanted.count));
        Ok(Slots::From(free))
    }
}
