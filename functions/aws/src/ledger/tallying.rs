//! The record as it is counted.

use postrider_core::{
    ids::{EndpointId, Id as _, Ksuid, MessageId},
    ports::{Progress, Span, Tallying, Unavailable},
};

use super::{
    Ledger,
    items::{LANE, STATE, UNTRIED, progress_from},
    record::within,
};
use crate::dynamo::readable;

/// What a state is told by, and nothing of what was tried, which is most of a record.
const ATTRIBUTES: [&str; 8] = ["pk", "sk", STATE, "why", "due", LANE, UNTRIED, "expires"];

impl Tallying for Ledger {
    async fn progress(
        &self,
        endpoint: EndpointId,
        above: Ksuid,
        below: Ksuid,
    ) -> Result<(Vec<Progress>, Option<Ksuid>), Unavailable> {
        let span = Span { above: Some(above), below: Some(below), ascending: true, limit: usize::MAX };
        let (items, last) = self.table.some(&within::<MessageId>(endpoint, &span), &ATTRIBUTES).await?;
        let found = items.iter().filter_map(|item| readable(item, progress_from)).collect();
        let next = last.and_then(|sk| sk.parse::<MessageId>().ok()).map(MessageId::ksuid);
        Ok((found, next))
    }
}
