//! From an event of EventBridge to a message: whose it is, for which application, of which type.

use std::str::FromStr;

use serde_json::{Value, value::RawValue};

use crate::{ids::OrgId, problem::Problem, rules::is_name};

/// How events of the bus become messages. The payload is the event's `detail`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventMap {
    /// Whose they are.
    pub organization: Option<OrgId>,
    /// Where in the `detail` an event names its application, by id or uid.
    pub application: FieldPath,
    /// From `detail-type` to event type.
    pub types: EventTypes,
}

/// A text of the configuration that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMap(String);

/// A place in a JSON object: names with dots between (`customer.id`, or `detail.customer.id`), or a JSON pointer
/// (`/customer/id`, RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(String);

impl Default for FieldPath {
    fn default() -> Self {
        Self("/applicationUid".to_owned())
    }
}

impl FromStr for FieldPath {
    type Err = InvalidMap;

    fn from_str(text: &str) -> Result<Self, InvalidMap> {
        if text.starts_with('/') {
            return Ok(Self(text.to_owned()));
        }
        let names = text.strip_prefix("detail.").unwrap_or(text);
        if names.split('.').any(str::is_empty) {
            return Err(InvalidMap(format!("{text:?} is neither names with dots between nor a JSON pointer")));
        }
        let pointer = names.split('.').map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        Ok(Self(pointer.collect()))
    }
}

impl FieldPath {
    /// The text, or the whole number, that is there.
    pub(super) fn find(&self, detail: &RawValue) -> Result<String, Problem> {
        let detail: Value =
            serde_json::from_str(detail.get()).map_err(|error| Problem::json("detail", error.to_string()))?;
        match detail.pointer(&self.0) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
            _ => {
                Err(Problem::invalid(&["body", "detail", &self.0[1..]], "must name the application, by its id or uid"))
            }
        }
    }
}

/// Such as `OrderPaid=order.paid,*=other`: an event type for a `detail-type`, and one for all others. Without `*`, a
/// `detail-type` that is not named is the event type itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypes(Vec<(String, String)>);

const ALL_OTHERS: &str = "*";

impl FromStr for EventTypes {
    type Err = InvalidMap;

    fn from_str(text: &str) -> Result<Self, InvalidMap> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let pairs = entries.map(|entry| match entry.split_once('=') {
            Some((from, to)) if !from.trim().is_empty() && is_name(to.trim()) => {
                Ok((from.trim().to_owned(), to.trim().to_owned()))
            }
            _ => Err(InvalidMap(format!("{entry:?} is not a detail-type, = and an event type"))),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

impl EventTypes {
    /// The event type of a `detail-type`.
    pub(super) fn of(&self, detail_type: &str) -> Result<String, Problem> {
        let find = |wanted: &str| self.0.iter().find(|(from, _)| from == wanted).map(|(_, to)| to.clone());
        let found = find(detail_type).or_else(|| find(ALL_OTHERS));
        found.or_else(|| is_name(detail_type).then(|| detail_type.to_owned())).ok_or_else(|| {
            let rule = "must be 1 to 256 characters of A-Z a-z 0-9 - _ ., or have an event type in EventBridgeTypes";
            Problem::invalid(&["body", "detail-type"], rule)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_names_or_a_pointer() {
        let detail =
            RawValue::from_string(r#"{"customer":{"id":"a","n":7,"x":1.5},"a/b":"c","detail":{"id":"d"}}"#.to_owned());
        let detail = detail.expect("JSON");
        for (path, found) in [
            ("customer.id", Some("a")),
            ("detail.customer.id", Some("a")),
            ("/customer/n", Some("7")),
            ("a/b", Some("c")),
            ("/detail/id", Some("d")),
            ("customer", None),
            ("customer.x", None),
            ("nothing", None),
        ] {
            let path: FieldPath = path.parse().expect("a path");
            assert_eq!(path.find(&detail).ok().as_deref(), found, "{path:?}");
        }
        for bad in ["", ".", "a..b", "detail."] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_mapped_by_name_then_by_the_rest_then_by_themselves() {
        let types: EventTypes = "OrderPaid=order.paid, Order Sent = order.sent".parse().expect("types");
        for (from, to) in [
            ("OrderPaid", Some("order.paid")),
            ("Order Sent", Some("order.sent")),
            ("Other", Some("Other")),
            ("Not A Name", None),
        ] {
            assert_eq!(types.of(from).ok().as_deref(), to, "{from}");
        }
        let rest: EventTypes = "A=a,*=rest".parse().expect("types");
        assert_eq!((rest.of("A").ok().as_deref(), rest.of("B C").ok().as_deref()), (Some("a"), Some("rest")));
        assert_eq!("".parse::<EventTypes>().ok(), Some(EventTypes::default()));
        for bad in ["a", "a=", "=a", "a=b c", "a=b,c"] {
            assert!(bad.parse::<EventTypes>().is_err(), "{bad}");
        }
    }
}
