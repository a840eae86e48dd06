//! How far a delivery is, in the contract's numbers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::{
    delivery::{Attempt, Delivery, State},
    time::Time,
};

/// The contract's status, shown as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A 2xx was received.
    Success = 0,
    /// Nothing was tried yet.
    Pending = 1,
    /// It ended otherwise.
    Fail = 2,
    /// It will be tried again.
    Sending = 3,
}

impl Status {
    /// From its number.
    pub const fn of_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Success),
            1 => Some(Self::Pending),
            2 => Some(Self::Fail),
            3 => Some(Self::Sending),
            _ => None,
        }
    }

    /// `statusText`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Fail => "fail",
            Self::Sending => "sending",
        }
    }

    /// Of one attempt.
    pub(super) const fn of_attempt(attempt: &Attempt) -> Self {
        if attempt.succeeded() { Self::Success } else { Self::Fail }
    }

    /// Of a delivery and its next attempt; one without a record is pending.
    pub(super) fn of_delivery(delivery: Option<&Delivery>) -> (Self, Option<Time>) {
        let Some(delivery) = delivery else { return (Self::Pending, None) };
        let open = if delivery.was_attempted() { Self::Sending } else { Self::Pending };
        match delivery.state {
            State::Waiting { due, .. } | State::Unconfirmed { due, .. } => (open, Some(due)),
            State::Held { .. } => (open, None),
            State::Succeeded => (Self::Success, None),
            State::Failed(_) | State::Canceled(_) => (Self::Fail, None),
        }
    }
}

impl JsonSchema for Status {
    fn schema_name() -> Cow<'static, str> {
        "MessageStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How far it is: 0 for success, 1 for pending, 2 for failed, 3 for sending.",
            "type": "integer", "enum": [0, 1, 2, 3],
        })
    }
}

/// The shape of [`Status::text`].
#[derive(Debug)]
pub struct StatusText;

impl JsonSchema for StatusText {
    fn schema_name() -> Cow<'static, str> {
        "MessageStatusText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all = [Status::Success, Status::Pending, Status::Fail, Status::Sending].map(Status::text);
        json_schema!({ "description": "How far it is, in a word.", "type": "string", "enum": all })
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}
