use postrider_core::{
    ids::{EndpointId, Id as _, MessageId},
    poll::{Arrival, Cursor, Position, Segment, Tail},
    time::Time,
};

use super::{expires, ksuids, set_expires};
use crate::dynamo::{BadItem, Fields as _, Item, bytes, keyed, number};

/// One query reads the log from any segment on, its tail, and the arrivals: their keys are in this order.
const SEALED: &str = "poll#1#";
const TAIL: &str = "poll#2#tail";
const ARRIVAL: &str = "poll#3#";
/// Sorts behind all of them.
pub(in crate::ledger) const END: &str = "poll#3~";
/// What the digits of a segment's number have room for: 40·10¹² messages.
const LAST_NUMBER: u64 = 999_999_999_999;

/// A row of a poller's log.
pub(in crate::ledger) enum Row {
    Sealed(Segment),
    Tail(Tail),
    Arrival(Arrival),
}

/// The key of a sealed segment, and of none below which there is one with a greater number.
pub(in crate::ledger) fn segment_key(n: u64) -> String {
    format!("{SEALED}{:012}", n.min(LAST_NUMBER))
}

pub(in crate::ledger) fn arrival_key(message: MessageId) -> String {
    format!("{ARRIVAL}{message}")
}

pub(in crate::ledger) fn cursor_key(consumer: &str) -> String {
    format!("consumer#{consumer}")
}

pub(in crate::ledger) fn arrival_item(poller: EndpointId, arrival: &Arrival) -> Item {
    let mut item = keyed(poller, arrival_key(arrival.message));
    item.insert("at".to_owned(), number(arrival.at.micros()));
    set_expires(&mut item, arrival.expires_at);
    item
}

pub(in crate::ledger) fn sealed_item(poller: EndpointId, segment: &Segment) -> Item {
    let mut item = segment_item(poller, &segment_key(segment.number), segment);
    set_expires(&mut item, segment.expires_at);
    item
}

/// The tail is kept longer than its messages, until then: it knows what the next entry's number is.
pub(in crate::ledger) fn tail_item(poller: EndpointId, tail: &Tail, kept_until: Time) -> Item {
    let mut item = segment_item(poller, TAIL, &tail.segment);
    item.insert("n".to_owned(), number(tail.segment.number));
    item.insert("rev".to_owned(), number(tail.rev));
    item.insert("last".to_owned(), number(tail.segment.expires_at.secs()));
    set_expires(&mut item, kept_until);
    item
}

fn segment_item(poller: EndpointId, sk: &str, segment: &Segment) -> Item {
    let mut item = keyed(poller, sk);
    let ids = segment.ids.iter().flat_map(|id| id.ksuid().bytes()).collect();
    item.insert("ids".to_owned(), bytes(ids));
    item.insert("log".to_owned(), number(segment.log));
    item.insert("until".to_owned(), number(segment.until.micros()));
    item
}

/// Reads any of them.
pub(in crate::ledger) fn row_from(item: &Item) -> Result<Row, BadItem> {
    let sk = item.text("sk")?;
    if let Some(message) = sk.strip_prefix(ARRIVAL) {
        let message = message.parse().map_err(|_| BadItem::Attribute("sk"))?;
        let at = item.number("at").map(Time::from_micros)?;
        return Ok(Row::Arrival(Arrival { message, at, expires_at: expires(item)? }));
    }
    if sk == TAIL {
        let segment = segment_from(item, item.number("n")?, item.number("last").map(Time::from_secs)?)?;
        return Ok(Row::Tail(Tail { segment, rev: item.number("rev")? }));
    }
    let digits = sk.strip_prefix(SEALED).and_then(|digits| digits.parse().ok());
    segment_from(item, digits.ok_or(BadItem::Attribute("sk"))?, expires(item)?).map(Row::Sealed)
}

fn segment_from(item: &Item, number: u64, expires_at: Time) -> Result<Segment, BadItem> {
    Ok(Segment {
        log: item.number("log")?,
        number,
        ids: ksuids(item.bytes("ids")?, "ids")?.into_iter().map(MessageId::from_ksuid).collect(),
        until: item.number("until").map(Time::from_micros)?,
        expires_at,
    })
}

pub(in crate::ledger) fn cursor_item(poller: EndpointId, consumer: &str, cursor: &Cursor, kept_until: Time) -> Item {
    let mut item = keyed(poller, cursor_key(consumer));
    item.insert("log".to_owned(), number(cursor.position.log));
    item.insert("entry".to_owned(), number(cursor.position.entry));
    if let Some(after) = cursor.after {
        item.insert("after".to_owned(), number(after.micros()));
    }
    set_expires(&mut item, kept_until);
    item
}

/// Reads [`cursor_item`].
pub(in crate::ledger) fn cursor_from(item: &Item) -> Result<Cursor, BadItem> {
    let position = Position { log: item.number("log")?, entry: item.number("entry")? };
    Ok(Cursor { position, after: item.maybe_number("after")?.map(Time::from_micros) })
}

#[cfg(test)]
mod tests {
    use postrider_core::{
        ids::Ksuid,
        poll::{PER_SEGMENT, TakeIn},
    };

    use super::*;
    use crate::dynamo::size;

    const NOW: Time = Time::from_secs(1_790_000_000);

    fn poller() -> EndpointId {
        EndpointId::from_ksuid(Ksuid::from_bytes([3; 20]))
    }

    fn ids(count: usize) -> Vec<MessageId> {
        (0..count).map(|n| MessageId::from_ksuid(Ksuid::from_bytes([u8::try_from(n).unwrap_or(0); 20]))).collect()
    }

    #[test]
    fn items_read_back_in_the_order_of_the_log_and_a_full_segment_takes_one_write_unit() {
        let first = TakeIn::new(None, &ids(PER_SEGMENT), NOW, NOW);
        let second = TakeIn::new(Some(&first.tail), &ids(3), NOW, NOW);
        let (sealed, tail) = (second.sealed.expect("full"), second.tail);
        let items = [sealed_item(poller(), &sealed), tail_item(poller(), &tail, NOW)];
        assert!(size(&items[0]) <= 1_024, "{}", size(&items[0]));
        assert!(matches!(row_from(&items[0]), Ok(Row::Sealed(read)) if read == sealed));
        assert!(matches!(row_from(&items[1]), Ok(Row::Tail(read)) if read == tail));
        let keys = [segment_key(0), segment_key(99), segment_key(u64::MAX), TAIL.to_owned(), arrival_key(ids(1)[0])];
        assert!(keys.is_sorted() && keys.iter().all(|key| key.as_str() < END), "{keys:?}");
    }

    #[test]
    fn a_cursor_reads_back() {
        for after in [None, Some(NOW)] {
            let cursor = Cursor { position: Position { log: u64::MAX, entry: 7 }, after };
            assert_eq!(cursor_from(&cursor_item(poller(), "c", &cursor, NOW)).ok(), Some(cursor));
        }
    }
}
