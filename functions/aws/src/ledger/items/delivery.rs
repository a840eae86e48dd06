use aws_sdk_dynamodb::types::AttributeValue;
use postrider_core::{
    blob,
    delivery::{Delivery, Reason, State},
    ids::{AppId, AttemptId, EndpointId, Id as _, MessageId},
    ports::{DeliveryKey, Due, LANES, Progress, Valve},
    time::Time,
};

use super::{expires, set_expires};
use crate::dynamo::{BadItem, Fields as _, Item, bytes, keyed, number, size, text};

/// Its presence puts a delivery in the index.
pub(in crate::ledger) const LANE: &str = "lane";

pub(crate) const WAITING: &str = "w";
pub(crate) const SUCCEEDED: &str = "s";
/// The attribute of the state.
pub(crate) const STATE: &str = "st";
const FAILED: &str = "f";
pub(crate) const HELD: &str = "h";
const UNCONFIRMED: &str = "u";
const CANCELED: &str = "c";

/// Its presence tells without the log that nothing was tried.
pub(in crate::ledger) const UNTRIED: &str = "untried";

/// The sort key of an endpoint's valve.
pub(crate) const VALVE: &str = "valve";

const REASONS: [Reason; 8] = [
    Reason::Exhausted,
    Reason::EndpointDisabled,
    Reason::Refused,
    Reason::EndpointDeleted,
    Reason::MessageGone,
    Reason::ContentExpunged,
    Reason::Malformed,
    Reason::Canceled,
];

/// The lane of an endpoint: its last byte is random.
pub(crate) fn lane_of(endpoint: EndpointId) -> u8 {
    endpoint.ksuid().bytes()[19] % LANES
}

/// The lane of an application's dead letters, in which `due` is when the message was published.
pub(in crate::ledger) fn dead_lane(app: AppId) -> String {
    format!("dead#{app}")
}

/// A delivery's item: its attempts compressed where that saves a write unit.
pub(in crate::ledger) fn delivery_item(delivery: &Delivery) -> Item {
    let mut item = keyed(delivery.endpoint, delivery.message);
    item.insert("app".to_owned(), text(delivery.app));
    item.insert("round".to_owned(), number(delivery.round));
    item.insert("tries".to_owned(), number(delivery.tries));
    item.insert("rev".to_owned(), number(delivery.rev));
    if let Some(slot) = delivery.slot {
        item.insert("slot".to_owned(), number(slot.micros()));
    }
    set_expires(&mut item, delivery.expires_at);
    set_state(&mut item, delivery);
    if !delivery.was_attempted() {
        item.insert(UNTRIED.to_owned(), AttributeValue::Bool(true));
    }
    let log = serde_json::to_vec(&delivery.attempts).unwrap_or_default();
    let beside = size(&item) + "log".len();
    item.insert("log".to_owned(), bytes(blob::pack(&log, beside)));
    item
}

fn set_state(item: &mut Item, delivery: &Delivery) {
    item.insert(STATE.to_owned(), text(code_of(delivery.state)));
    match delivery.state {
        State::Waiting { due, parked } | State::Unconfirmed { due, parked } => {
            item.insert("due".to_owned(), number(due.millis()));
            if parked {
                item.insert(LANE.to_owned(), text(lane_of(delivery.endpoint)));
            }
        }
        State::Held { since } => {
            item.insert("due".to_owned(), number(since.millis()));
            item.insert(LANE.to_owned(), text(delivery.endpoint));
        }
        State::Failed(reason) => {
            item.insert("due".to_owned(), number(delivery.message.ksuid().time().millis()));
            item.insert(LANE.to_owned(), text(dead_lane(delivery.app)));
            item.insert("why".to_owned(), text(reason.as_str()));
        }
        State::Canceled(reason) => {
            item.insert("why".to_owned(), text(reason.as_str()));
        }
        State::Succeeded => {}
    }
}

/// What stands for a state.
pub(in crate::ledger) const fn code_of(state: State) -> &'static str {
    match state {
        State::Waiting { .. } => WAITING,
        State::Held { .. } => HELD,
        State::Unconfirmed { .. } => UNCONFIRMED,
        State::Succeeded => SUCCEEDED,
        State::Failed(_) => FAILED,
        State::Canceled(_) => CANCELED,
    }
}

/// Reads [`delivery_item`].
pub(in crate::ledger) fn delivery_from(item: &Item) -> Result<Delivery, BadItem> {
    let log = blob::unpack(item.bytes("log")?)?;
    let (endpoint, message) = key_from(item)?;
    Ok(Delivery {
        app: item.parsed("app")?,
        endpoint,
        message,
        state: state(item)?,
        round: item.number("round")?,
        tries: item.number("tries")?,
        slot: item.contains_key("slot").then(|| item.number("slot").map(Time::from_micros)).transpose()?,
        attempts: serde_json::from_slice(&log).map_err(|_| BadItem::Document)?,
        expires_at: expires(item)?,
        rev: item.number("rev")?,
    })
}

fn state(item: &Item) -> Result<State, BadItem> {
    match item.text(STATE)? {
        WAITING => Ok(State::Waiting { due: due(item)?, parked: item.contains_key(LANE) }),
        UNCONFIRMED => Ok(State::Unconfirmed { due: due(item)?, parked: item.contains_key(LANE) }),
        HELD => Ok(State::Held { since: due(item)? }),
        SUCCEEDED => Ok(State::Succeeded),
        FAILED => reason(item).map(State::Failed),
        CANCELED => reason(item).map(State::Canceled),
        _ => Err(BadItem::Attribute(STATE)),
    }
}

fn reason(item: &Item) -> Result<Reason, BadItem> {
    let why = item.text("why")?;
    REASONS.into_iter().find(|reason| reason.as_str() == why).ok_or(BadItem::Attribute("why"))
}

fn due(item: &Item) -> Result<Time, BadItem> {
    item.number("due").map(Time::from_millis)
}

/// Reads of a delivery what is counted.
pub(in crate::ledger) fn progress_from(item: &Item) -> Result<Progress, BadItem> {
    Ok(Progress { state: state(item)?, attempted: !item.contains_key(UNTRIED), expires_at: expires(item)? })
}

/// Which delivery an item, or its entry in the index, is of.
pub(in crate::ledger) fn key_from(item: &Item) -> Result<DeliveryKey, BadItem> {
    Ok((item.parsed("pk")?, item.parsed("sk")?))
}

/// What is due and when, as the index has them.
pub(in crate::ledger) fn due_from(item: &Item) -> Result<(Due, Time), BadItem> {
    let what = match item.text("sk")? {
        VALVE => Due::Valve(item.parsed("pk")?),
        _ => Due::Delivery(key_from(item)?),
    };
    Ok((what, due(item)?))
}

/// Reads a valve.
pub(in crate::ledger) fn valve_from(item: &Item) -> Result<Valve, BadItem> {
    let touched = item.number("touched").map(Time::from_millis)?;
    Ok(Valve { app: item.parsed("app")?, endpoint: item.parsed("pk")?, touched })
}

/// The entry that lists an attempt.
pub(in crate::ledger) fn attempt_item(
    endpoint: EndpointId,
    attempt: AttemptId,
    message: MessageId,
    expires_at: Time,
) -> Item {
    let mut item = keyed(endpoint, attempt);
    item.insert("msg".to_owned(), text(message));
    set_expires(&mut item, expires_at);
    item
}

/// Reads [`attempt_item`].
pub(in crate::ledger) fn attempt_from(item: &Item) -> Result<(AttemptId, MessageId), BadItem> {
    Ok((item.parsed("sk")?, item.parsed("msg")?))
}

#[cfg(test)]
mod tests {
    use postrider_core::{
        delivery::{Attempt, FaultClass},
        ids::Ksuid,
    };
    use proptest::prelude::*;

    use super::*;

    fn attempt(n: u8, response: String) -> Attempt {
        Attempt {
            id: AttemptId::from_ksuid(Ksuid::from_bytes([n; 20])),
            at: Time::from_micros(1_790_000_000_000_001),
            millis: u64::from(n),
            status: if n.is_multiple_of(2) { 0 } else { 503 },
            fault: n.is_multiple_of(2).then_some(FaultClass::Timeout),
            response,
            url: "https://example.com/hook".to_owned(),
            manual: n.is_multiple_of(3),
        }
    }

    fn states() -> impl Strategy<Value = State> {
        let reason = prop::sample::select(REASONS.to_vec());
        prop_oneof![
            (0..4_000_000_000_000_i64, any::<bool>())
                .prop_map(|(due, parked)| State::Waiting { due: Time::from_millis(due), parked }),
            (0..4_000_000_000_000_i64, any::<bool>())
                .prop_map(|(due, parked)| State::Unconfirmed { due: Time::from_millis(due), parked }),
            (0..4_000_000_000_000_i64).prop_map(|since| State::Held { since: Time::from_millis(since) }),
            Just(State::Succeeded),
            reason.clone().prop_map(State::Failed),
            reason.prop_map(State::Canceled),
        ]
    }

    proptest! {
        #[test]
        fn an_item_reads_back_as_the_delivery(state in states(), responses: Vec<String>, round: u32, rev: u64) {
            let delivery = Delivery {
                app: AppId::from_ksuid(Ksuid::from_bytes([1; 20])),
                endpoint: EndpointId::from_ksuid(Ksuid::from_bytes([2; 20])),
                message: MessageId::from_ksuid(Ksuid::from_bytes([3; 20])),
                state,
                round,
                tries: 3,
                slot: (rev % 2 == 0).then_some(Time::from_micros(1_790_000_000_000_003)),
                attempts: (0_u8..).zip(responses).map(|(n, response)| attempt(n, response)).collect(),
                expires_at: Time::from_secs(1_800_000_000),
                rev,
            };
            let item = delivery_item(&delivery);
            let parked = matches!(
                state,
                State::Waiting { parked: true, .. }
                    | State::Unconfirmed { parked: true, .. }
                    | State::Held { .. }
                    | State::Failed(_)
            );
            prop_assert_eq!(item.contains_key(LANE), parked);
            prop_assert_eq!(delivery_from(&item).ok(), Some(delivery));
        }
    }
}
