//! Messages that are published together, as they are sent and answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BATCH_LIMIT, Draft};
use crate::{
    history::MessageOut,
    problem::{Invalid, Refused},
};

/// Messages to be published.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "MessageBatchIn")]
pub struct BulkIn<'a> {
    /// Each as it would be sent by itself.
    // As they came, so that one that cannot be read does not stand in the way of the others.
    #[serde(borrow)]
    #[schemars(with = "Vec<Draft<'_>>", length(min = 1, max = BATCH_LIMIT))]
    pub messages: Vec<&'a RawValue>,
}

/// What became of messages that were sent together.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageBatchOut")]
pub struct BulkOut {
    /// In their order.
    pub data: Vec<BulkRow>,
}

/// What became of one of them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "MessageBatchRow")]
pub enum BulkRow {
    /// It is published.
    Accepted {
        /// As it would be answered by itself.
        #[schemars(extend("const" = 202))]
        status: u16,
        /// The message.
        message: MessageOut,
    },
    /// It is not.
    Refused {
        /// As it would be answered by itself.
        #[schemars(range(min = 400, max = 499))]
        status: u16,
        /// The error, as it would be answered by itself.
        #[schemars(with = "Error<'_>")]
        error: Box<RawValue>,
    },
}

/// The two shapes of errors.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "a shape only")]
enum Error<'a> {
    Refused(Refused<'a>),
    Invalid(Invalid<'a>),
}
