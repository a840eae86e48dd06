//! The logs of pollers.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_core::{
    ids::EndpointId,
    poll::{Arrival, Cursor, Look, Segment, TakeIn},
    ports::{Polling, Unavailable},
    time::Time,
};

use super::{
    Ledger,
    items::{
        POLL_END, Row, arrival_item, arrival_key, cursor_from, cursor_item, cursor_key, row_from, sealed_item,
        segment_key, tail_item,
    },
};
use crate::{
    cause::{Cause, unavailable},
    dynamo::{Condition, Put, Range, Role, Write, batch_put, keyed, number, transact},
};

/// Logs and cursors are kept so long after they were written last: much longer than any message.
const KEPT: Duration = Duration::from_hours(24 * 400);
const AT_ONCE: usize = 8;

impl Polling for Ledger {
    async fn look(&self, poller: EndpointId, from: u64, most: usize) -> Result<Look, Unavailable> {
        let (low, high) = (segment_key(from), POLL_END.to_owned());
        let range = Range { pk: poller.to_string(), low, high, excluded: Vec::new(), ascending: true };
        let rows = self.table.list(&range, most, row_from).await?;
        let mut look = Look { is_whole: rows.len() < most, ..Look::default() };
        for row in rows {
            match row {
                Row::Sealed(segment) => look.sealed.push(segment),
                Row::Tail(tail) => look.tail = Some(tail),
                Row::Arrival(arrival) => look.arrivals.push(arrival),
            }
        }
        Ok(look)
    }

    async fn segment(&self, poller: EndpointId, number: u64) -> Result<Option<Segment>, Unavailable> {
        let Some(item) = self.table.get(poller, segment_key(number)).await? else { return Ok(None) };
        match row_from(&item) {
            Ok(Row::Sealed(segment)) => Ok(Some(segment)),
            Ok(_) => Ok(None),
            Err(error) => Err(Unavailable::new("reading a segment", error)),
        }
    }

    async fn take_in(&self, poller: EndpointId, what: &TakeIn) -> Result<bool, Unavailable> {
        let tail = tail_item(poller, &what.tail, what.tail.segment.until.plus(KEPT));
        let mut writes = vec![Write::Put(Role::Main, tail, Some(in_place_of(what.tail.rev - 1)))];
        writes.extend(what.sealed.iter().map(|segment| Write::Put(Role::Other, sealed_item(poller, segment), None)));
        let gone = what.taken.iter().map(|id| Write::Delete(Role::Other, keyed(poller, arrival_key(*id)), None));
        writes.extend(gone);
        Ok(transact(&self.table, writes).await?.is_ok())
    }

    async fn forget(&self, poller: EndpointId, arrivals: &[Arrival]) -> Result<(), Unavailable> {
        let all: Vec<_> = arrivals.iter().map(|arrival| self.forget_one(poller, *arrival)).collect();
        stream::iter(all).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn cursor(&self, poller: EndpointId, consumer: &str) -> Result<Option<Cursor>, Unavailable> {
        let item = self.table.get(poller, cursor_key(consumer)).await?;
        let cursor = item.map(|item| cursor_from(&item)).transpose();
        cursor.map_err(|error| Unavailable::new("reading a cursor", error))
    }

    async fn place_cursor(
        &self,
        poller: EndpointId,
        consumer: &str,
        cursor: &Cursor,
        forward: bool,
        now: Time,
    ) -> Result<(), Unavailable> {
        let item = cursor_item(poller, consumer, cursor, now.plus(KEPT));
        if !forward {
            return self.table.put(item).await;
        }
        match self.table.put_if(item, not_beyond(cursor)).await? {
            Put::Written | Put::Refused(_) => Ok(()),
            Put::Conflict => Err(Unavailable::new("writing a cursor", Cause("conflict".to_owned()))),
        }
    }
}

impl Ledger {
    pub(super) async fn put_arrivals(&self, arrivals: &[(EndpointId, Arrival)]) -> Result<(), Unavailable> {
        let items = arrivals.iter().map(|(poller, arrival)| arrival_item(*poller, arrival)).collect();
        match batch_put(&self.table, items).await.len() {
            0 => Ok(()),
            failed => Err(Unavailable::new("announcing messages", Cause(format!("{failed} were not written")))),
        }
    }

    /// Unless it was announced again.
    async fn forget_one(&self, poller: EndpointId, arrival: Arrival) -> Result<(), Unavailable> {
        let request = self
            .table
            .client
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(keyed(poller, arrival_key(arrival.message))))
            .condition_expression("#at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", number(arrival.at.micros()));
        match request.send().await {
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            result => result.map(drop).map_err(unavailable("DynamoDB: removing an arrival")),
        }
    }
}

/// Of that revision of a tail; of none where it is 0.
fn in_place_of(rev: u64) -> Condition {
    if rev == 0 {
        return Condition::absent();
    }
    Condition { expression: "#rev = :rev", names: &[("#rev", "rev")], values: vec![(":rev", number(rev))] }
}

/// Nor sought elsewhere meanwhile.
fn not_beyond(cursor: &Cursor) -> Condition {
    let mut values = vec![(":log", number(cursor.position.log)), (":entry", number(cursor.position.entry))];
    values.extend(cursor.after.map(|after| (":after", number(after.micros()))));
    let expression = match cursor.after {
        Some(_) => "attribute_not_exists(#pk) OR #after = :after AND (#log < :log OR #log = :log AND #entry <= :entry)",
        None => {
            "attribute_not_exists(#pk) OR attribute_not_exists(#after) AND (#log < :log OR #log = :log AND #entry <= :entry)"
        }
    };
    Condition { expression, names: &[("#pk", "pk"), ("#after", "after"), ("#log", "log"), ("#entry", "entry")], values }
}
