//! The pages of large fan-outs.

use postrider_core::{
    ids::{AppId, MessageId},
    message::Message,
    ports::{FanOuts, FanPage, Unavailable},
};

use super::{
    Ledger,
    items::{page_from, page_item, page_prefix},
};
use crate::{
    cause::Cause,
    dynamo::{Condition, Put, Range},
};

impl FanOuts for Ledger {
    async fn pages(&self, app: AppId, message: MessageId) -> Result<Vec<FanPage>, Unavailable> {
        let range = Range::prefixed(app, &page_prefix(message), true);
        let pages = self.table.list(&range, usize::MAX, page_from).await?;
        Ok(pages.into_iter().map(|(_, page)| page).collect())
    }

    async fn last_page(&self, app: AppId, message: MessageId) -> Result<Option<(u32, FanPage)>, Unavailable> {
        let range = Range::prefixed(app, &page_prefix(message), false);
        Ok(self.table.list(&range, 1, page_from).await?.pop())
    }

    async fn record_page(
        &self,
        message: &Message,
        number: u32,
        page: &FanPage,
    ) -> Result<Option<FanPage>, Unavailable> {
        match self.table.put_if(page_item(message, number, page), Condition::absent()).await? {
            Put::Written => Ok(None),
            Put::Refused(item) => {
                let standing = page_from(&item).map_err(|error| Unavailable::new("reading a page", error))?;
                Ok(Some(standing.1))
            }
            Put::Conflict => Err(Unavailable::new("writing a page", Cause("conflict".to_owned()))),
        }
    }
}
