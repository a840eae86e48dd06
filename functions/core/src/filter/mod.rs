//! Filters on payloads: which messages an endpoint wants, told by the fields of what was published, in the language of
//! Amazon `EventBridge`'s event patterns (user guide, "Comparison operators for use in event patterns").
//!
//! A filter is an object of the payload's shape. Every field that it names must match; a field's list of alternatives
//! matches if one of them does; `$or` matches if one of its objects does.
//!
//! | alternative | matches |
//! | --- | --- |
//! | `"a"`, `1`, `true`, `null` | that value; numbers by value, so that `300`, `300.0` and `3e2` are the same |
//! | `{"prefix": "a"}`, `{"suffix": "a"}` | strings; with `{"equals-ignore-case": "a"}` in place of `"a"` in any case |
//! | `{"equals-ignore-case": "a"}` | strings |
//! | `{"wildcard": "a*b"}` | strings; `*` is any characters, `\*` and `\\` are themselves |
//! | `{"numeric": [">", 0, "<=", 5]}` | numbers; one of `=`, `<`, `<=`, `>`, `>=`, or a range from below to above |
//! | `{"cidr": "10.0.0.0/24"}` | strings that are IP addresses of that network |
//! | `{"anything-but": …}` | any other value: of a string, a number, a list of either, or a `prefix`, `suffix`, `equals-ignore-case` or `wildcard` of a string or a list of them |
//! | `{"exists": true}`, `{"exists": false}` | a value that is there, or not |
//!
//! - **Leaves only.** Alternatives look at strings, numbers, booleans and `null`. Where the payload has an object or
//!   nothing, a field does not exist; so it is with an empty list.
//! - **Lists in the payload** match if one of their elements does. Fields named together in a filter must match in the
//!   same element (a field that is named again in `$or` may match in another). `exists: false` by itself means that no element has the field.
//! - **Numbers** are compared exactly where both are 64-bit integers, otherwise as IEEE 754 doubles. `EventBridge` refuses
//!   what is beyond ±5·10⁹ or has more than six decimals; here there is no such limit.
//! - **Names** are compared exactly; a dot in one is part of it, not a path.
//! - A payload that is no JSON object, or that does not fit this reading (128 levels, numbers within a double), matches
//!   no filter.
//!
//! Limits, so that nobody slows publishing: [`SIZE`], [`DEPTH`], [`WILDCARDS`], [`OPERATORS`]. Every alternative is matched in time
//! linear in the value. (The one library for such patterns, a port of Quamina, has no `$or`, tells no place of an error,
//! and is made for many patterns at once.)

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

mod event;
mod matches;
mod parse;
mod text;
mod trial;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use parse::Misfit;
pub use trial::{TrialIn, TrialOut, try_out};

use matches::Test;

/// Bytes of a filter's JSON at most.
pub const SIZE: usize = 4_096;
/// Objects within each other at most.
pub const DEPTH: usize = 16;
/// Wildcards in a filter at most.
pub const WILDCARDS: usize = 10;
/// Operators in a filter at most; each of the texts that an `anything-but` lists for one counts.
pub const OPERATORS: usize = 100;

/// A filter that satisfies every rule.
#[derive(Debug, Clone)]
pub struct Filter {
    source: Map<String, Value>,
    fields: Vec<Field>,
}

/// Something that must match in one object of the payload.
#[derive(Debug, Clone)]
enum Field {
    /// A field of that name.
    Named(String, Node),
    /// One of these sets of fields.
    Or(Vec<Vec<Field>>),
}

/// What a field must be.
#[derive(Debug, Clone)]
enum Node {
    /// An object with all of these.
    Fields(Vec<Field>),
    /// One of these.
    Any(Vec<Test>),
}

impl Filter {
    /// Checks every rule.
    pub fn parse(source: &Value) -> Result<Self, Misfit> {
        parse::filter(source)
    }
}

/// A filter to show in descriptions.
pub(crate) fn example() -> Value {
    serde_json::json!({ "total": [{ "numeric": [">", 1000] }] })
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Filter {}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
