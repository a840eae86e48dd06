//! How the domain's things are items, and back.

mod claim;
mod delivery;
mod message;

use postrider_core::{ids::Ksuid, time::Time};

pub(super) use claim::{claim_from, claim_item, claim_place};
pub(super) use delivery::{LANE, STATE, SUCCEEDED, attempt_from, attempt_item, delivery_from, delivery_item, due_from};
pub(super) use message::{message_from, message_item};

use crate::dynamo::{BadItem, Fields as _, Item, number};

const KSUID_LEN: usize = 20;

fn expires(item: &Item) -> Result<Time, BadItem> {
    item.number("expires").map(Time::from_secs)
}

fn set_expires(item: &mut Item, at: Time) {
    item.insert("expires".to_owned(), number(at.secs()));
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
