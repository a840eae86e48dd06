//! Whether a payload matches.

use std::{cmp::Ordering, net::IpAddr, slice};

use ipnet::IpNet;
use serde_json::{Map, Number, Value};

use super::{
    Field, Filter, Node,
    text::{Text, Wildcard},
};

/// One of a field's alternatives.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Literal(Value),
    Text(Text),
    Wildcard(Wildcard),
    /// All of these comparisons.
    Numeric(Vec<(Compare, Number)>),
    Network(IpNet),
    /// None of these.
    AnythingBut(Vec<Test>),
    Exists,
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// How something matches. What holds only because something is absent must hold for all elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    No,
    ByAbsence,
    Yes,
}

impl Filter {
    /// Whether a payload matches.
    pub fn matches(&self, payload: &Map<String, Value>) -> bool {
        self.fields.iter().all(|field| field_of(field, Some(payload)) != Match::No)
    }

    /// The parts of the filter that do not match, as JSON Pointers (RFC 6901).
    pub fn failed(&self, payload: &Value) -> Vec<String> {
        let mut failed = Vec::new();
        failed_fields(&self.fields, Some(payload), "", &mut failed);
        failed
    }
}

fn node(node: &Node, value: Option<&Value>) -> Match {
    match node {
        Node::Fields(of) => fields(of, value),
        Node::Any(tests) => alternatives(tests, value),
    }
}

/// All of the fields, in one object.
fn fields(of: &[Field], value: Option<&Value>) -> Match {
    match value {
        Some(list @ Value::Array(elements)) => {
            if elements.iter().any(|element| fields(of, Some(element)) == Match::Yes) {
                return Match::Yes;
            }
            let mut places = Vec::new();
            // The first says whether all of them may be absent at all.
            let is_absent = of.iter().all(|field| is_absent(field, &places)) && {
                flatten(list, &mut places);
                of.iter().all(|field| is_absent(field, &places))
            };
            if is_absent { Match::ByAbsence } else { Match::No }
        }
        Some(Value::Object(object)) => all(of, Some(object)),
        _ => all(of, None),
    }
}

fn all(of: &[Field], object: Option<&Map<String, Value>>) -> Match {
    let mut whole = Match::ByAbsence;
    for field in of {
        match field_of(field, object) {
            Match::No => return Match::No,
            part => whole = whole.max(part),
        }
    }
    whole
}

fn field_of(field: &Field, object: Option<&Map<String, Value>>) -> Match {
    match field {
        Field::Named(name, of) => node(of, object.and_then(|object| object.get(name))),
        Field::Or(branches) => branches.iter().map(|branch| all(branch, object)).max().unwrap_or(Match::No),
    }
}

/// Whether the field is satisfied by its absence in all of the places. Of `$or`, by one of its branches in all of them.
fn is_absent(field: &Field, places: &[&Value]) -> bool {
    match field {
        Field::Or(branches) => branches.iter().any(|branch| branch.iter().all(|field| is_absent(field, places))),
        Field::Named(name, inner) => {
            let mut members = Vec::new();
            places.iter().filter_map(|place| place.get(name)).for_each(|member| flatten(member, &mut members));
            match inner {
                Node::Fields(of) => of.iter().all(|field| is_absent(field, &members)),
                Node::Any(tests) => may_be_absent(tests) && members.iter().all(|member| member.is_object()),
            }
        }
    }
}

/// What is in lists, and in lists within them.
fn flatten<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| flatten(element, into)),
        other => into.push(other),
    }
}

fn may_be_absent(tests: &[Test]) -> bool {
    tests.iter().any(|test| matches!(test, Test::Absent))
}

fn member<'a>(value: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    value?.as_object()?.get(name)
}

fn alternatives(tests: &[Test], value: Option<&Value>) -> Match {
    let mut exists = false;
    let is_met = value.is_some_and(|value| any_leaf(value, &mut exists, tests));
    match (is_met, exists) {
        (true, _) => Match::Yes,
        (false, false) if may_be_absent(tests) => Match::ByAbsence,
        _ => Match::No,
    }
}

/// Whether a leaf meets a test; and whether there are leaves.
fn any_leaf(value: &Value, exists: &mut bool, tests: &[Test]) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any_leaf(element, exists, tests)),
        Value::Object(_) => false,
        leaf => {
            *exists = true;
            tests.iter().any(|test| test.is_met_by(leaf))
        }
    }
}

impl Test {
    fn is_met_by(&self, leaf: &Value) -> bool {
        match (self, leaf) {
            (Self::Literal(Value::Number(wanted)), Value::Number(number)) => {
                compare(number, wanted) == Some(Ordering::Equal)
            }
            (Self::Literal(wanted), leaf) => wanted == leaf,
            (Self::Text(text), Value::String(value)) => text.matches(value),
            (Self::Wildcard(wildcard), Value::String(value)) => wildcard.matches(value),
            (Self::Numeric(bounds), Value::Number(number)) => {
                bounds.iter().all(|(how, bound)| how.holds(compare(number, bound)))
            }
            (Self::Network(network), Value::String(value)) => {
                value.parse::<IpAddr>().is_ok_and(|address| network.contains(&address))
            }
            (Self::AnythingBut(tests), leaf) => !tests.iter().any(|test| test.is_met_by(leaf)),
            (Self::Exists, _) => true,
            _ => false,
        }
    }
}

impl Compare {
    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        })
    }
}

pub(super) fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Notes the smallest parts that do not match by themselves; or the whole, where its parts match but not together.
fn failed_fields(of: &[Field], value: Option<&Value>, place: &str, failed: &mut Vec<String>) {
    if fields(of, value) != Match::No {
        return;
    }
    let before = failed.len();
    for field in of.iter().filter(|field| fields(slice::from_ref(*field), value) == Match::No) {
        match field {
            Field::Or(_) => failed.push(format!("{place}/$or")),
            Field::Named(name, inner) => {
                let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
                match (inner, value) {
                    // In none of many objects: there is no telling in which one it was to be.
                    (Node::Fields(of), Some(Value::Object(_)) | None) => {
                        failed_fields(of, member(value, name), &place, failed);
                    }
                    _ => failed.push(place),
                }
            }
        }
    }
    if failed.len() == before {
        failed.push(place.to_owned());
    }
}
