//! The attempts of one message: all its deliveries are read, and put in order.

use super::{AttemptFilter, attempts::AttemptOut};
use crate::{
    delivery::Delivery,
    ids::{AttemptId, EndpointId, Id as _},
    message::Message,
    page::{Batch, List, MOST_ROWS, Part},
    ports::Record,
    problem::Problem,
};

/// Records read at once: full ones must fit the function's memory.
const CHUNK: usize = 100;

/// A list of attempts.
pub(super) struct OfMessage<'a, R> {
    pub(super) record: &'a R,
    pub(super) message: Message,
    pub(super) endpoints: Vec<EndpointId>,
    pub(super) filter: AttemptFilter,
}

impl<R: Record> List for OfMessage<'_, R> {
    type Key = AttemptId;
    type Row = AttemptOut;

    async fn read(&self, part: Part<AttemptId>) -> Result<Batch<AttemptId, AttemptOut>, Problem> {
        if !self.filter.message.passes(&self.message) {
            return Ok(Batch::end());
        }
        // A whole page, whatever is asked: to read everything twice would be worse.
        let most = MOST_ROWS + 1;
        let (mut rows, mut full, mut read) = (Vec::new(), false, 0);
        for endpoints in self.endpoints.chunks(CHUNK) {
            let keys: Vec<_> = endpoints.iter().map(|endpoint| (*endpoint, self.message.id)).collect();
            for delivery in self.record.deliveries_by_key(&keys).await?.values() {
                read += 1;
                rows.extend(self.rows(delivery, &part));
            }
            rows.sort_unstable_by(|a, b| if part.ascending { a.0.cmp(&b.0) } else { b.0.cmp(&a.0) });
            full |= rows.len() > most;
            rows.truncate(most);
        }
        let next = if full { rows.last().map(|(id, _)| *id) } else { None };
        Ok(Batch { rows, next, read })
    }
}

impl<R> OfMessage<'_, R> {
    fn rows(&self, delivery: &Delivery, part: &Part<AttemptId>) -> Vec<(AttemptId, Option<AttemptOut>)> {
        let (above, below) = self.filter.message.window.bounds(part);
        let meant = delivery.attempts.iter().filter(|attempt| {
            let id = attempt.id.ksuid();
            above.is_none_or(|above| id > above) && below.is_none_or(|below| id < below) && self.filter.passes(attempt)
        });
        let with_content = !self.filter.message.without_content;
        meant.map(|attempt| (attempt.id, Some(AttemptOut::new(delivery, attempt, with_content)))).collect()
    }
}
