//! How the domain's things are items, and back.

mod claim;
mod delivery;
mod message;
mod page;
mod poll;

use postrider_core::{
    ids::{EndpointId, Id as _, Ksuid},
    time::Time,
};

pub(super) use claim::{claim_from, claim_item, claim_place};
pub(super) use delivery::{
    HELD, LANE, STATE, SUCCEEDED, UNTRIED, VALVE, WAITING, attempt_from, attempt_item, code_of, dead_lane,
    delivery_from, delivery_item, due_from, key_from, lane_of, progress_from, valve_from,
};
pub(super) use message::{ALSO, EXPUNGED, message_from, message_item};
pub(super) use page::{page_from, page_item, page_prefix};
pub(super) use poll::{
    END as POLL_END, Row, arrival_item, arrival_key, cursor_from, cursor_item, cursor_key, row_from, sealed_item,
    segment_key, tail_item,
};

use crate::dynamo::{BadItem, Fields as _, Item, number};

const KSUID_LEN: usize = 20;

fn expires(item: &Item) -> Result<Time, BadItem> {
    item.number("expires").map(Time::from_secs)
}

pub(super) fn set_expires(item: &mut Item, at: Time) {
    item.insert("expires".to_owned(), number(at.secs()));
}

/// Endpoints as a row of bytes.
fn ids_of(endpoints: &[EndpointId]) -> Vec<u8> {
    endpoints.iter().flat_map(|id| id.ksuid().bytes()).collect()
}

/// Reads [`ids_of`]; none where there is no such attribute.
fn ids_from(item: &Item, name: &'static str) -> Result<Vec<EndpointId>, BadItem> {
    let ids = ksuids(item.maybe_bytes(name).unwrap_or_default(), name)?;
    Ok(ids.into_iter().map(EndpointId::from_ksuid).collect())
}

/// Ids in a row of bytes.
fn ksuids(bytes: &[u8], name: &'static str) -> Result<Vec<Ksuid>, BadItem> {
    let (whole, rest) = bytes.as_chunks::<KSUID_LEN>();
    if rest.is_empty() {
        Ok(whole.iter().copied().map(Ksuid::from_bytes).collect())
    } else {
        Err(BadItem::Attribute(name))
    }
}
