//! How much there is to do to hold a payload against a schema, counted before it is done.
//!
//! Every branch is taken to be tried, and every value to be compared to the end: the count is at least what any
//! validator does, but for a constant. Counting ends at the limit, so it is cheap where the real thing would not end.

use serde_json::{Map, Value};

use crate::{
    parts::{Applies, Key, Part, parts, target},
    patterns::Sizes,
};

/// Steps: of some tens of nanoseconds each. An ordinary payload of 1 KB takes some hundreds.
const MOST_STEPS: usize = 500_000;
/// Schemas and values within one another.
const DEEPEST: usize = 256;
/// Bytes of text that are looked at in one step.
const BYTES_A_STEP: usize = 16;
/// Bytes of text times bytes of a compiled pattern that are looked at in one step.
const MATCHED_A_STEP: usize = 8_192;

const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// Whether it is little enough.
pub(crate) fn is_bearable(root: &Value, sizes: &Sizes, payload: &Value) -> bool {
    Count { root, sizes, left: MOST_STEPS }.hold(root, payload, 0).is_some()
}

struct Count<'a> {
    root: &'a Value,
    sizes: &'a Sizes,
    left: usize,
}

impl Count<'_> {
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }

    fn hold(&mut self, schema: &Value, value: &Value, depth: usize) -> Option<()> {
        self.spend(1)?;
        let Value::Object(members) = schema else { return Some(()) };
        if depth >= DEEPEST {
            return None;
        }
        self.keywords(members, value)?;
        if let Some(found) = members.get("$ref").and_then(|reference| target(self.root, reference.as_str()?)) {
            self.hold(found, value, depth + 1)?;
        }
        parts(members).into_iter().try_for_each(|part| self.part(members, part, value, depth + 1))?;
        if UNEVALUATED.iter().any(|keyword| members.contains_key(*keyword)) {
            self.mark(members, value, depth + 1)?;
        }
        Some(())
    }

    /// What `unevaluated…` asks for besides: which branches hold is found out once more, and again within each of them.
    fn mark(&mut self, members: &Map<String, Value>, value: &Value, depth: usize) -> Option<()> {
        let referred = members.get("$ref").and_then(|reference| target(self.root, reference.as_str()?));
        let inside = parts(members).into_iter().filter(|part| part.applies == Applies::Itself).map(|part| part.schema);
        referred.into_iter().chain(inside).try_for_each(|schema| {
            self.hold(schema, value, depth)?;
            let Value::Object(members) = schema else { return Some(()) };
            let within = parts(members).into_iter().filter(|part| UNEVALUATED.contains(&part.keyword));
            within.into_iter().try_for_each(|part| self.part(members, part, value, depth + 1))?;
            self.mark(members, value, depth + 1)
        })
    }

    fn part(&mut self, members: &Map<String, Value>, part: Part<'_>, value: &Value, depth: usize) -> Option<()> {
        self.spend(1)?;
        let schema = part.schema;
        match (part.applies, value) {
            (Applies::Itself, _) => self.hold(schema, value, depth),
            (Applies::Member(name), Value::Object(object)) => {
                object.get(name).map_or(Some(()), |member| self.hold(schema, member, depth))
            }
            (Applies::Members, Value::Object(object)) => object.iter().try_for_each(|(name, member)| {
                self.spend(1 + name.len() / BYTES_A_STEP)?;
                if let Some(Key::Name(pattern)) = part.key {
                    self.spend(self.matching(pattern, name))?;
                }
                self.hold(schema, member, depth)
            }),
            (Applies::OtherMembers, Value::Object(object)) => {
                let named = members.get("properties").and_then(Value::as_object);
                let mut others = object.iter().filter(|(name, _)| named.is_none_or(|named| !named.contains_key(*name)));
                others.try_for_each(|(_, member)| self.hold(schema, member, depth))
            }
            (Applies::Item(number), Value::Array(items)) => {
                items.get(number).map_or(Some(()), |item| self.hold(schema, item, depth))
            }
            (Applies::ItemsFrom(number), Value::Array(items)) => {
                items.iter().skip(number).try_for_each(|item| self.hold(schema, item, depth))
            }
            _ => Some(()),
        }
    }

    fn matching(&self, pattern: &str, text: &str) -> usize {
        1 + text.len().saturating_mul(self.sizes.get(pattern)) / MATCHED_A_STEP
    }

    /// What the keywords take that hold no schema.
    fn keywords(&mut self, members: &Map<String, Value>, value: &Value) -> Option<()> {
        self.spend(members.len())?;
        members.iter().try_for_each(|(keyword, given)| match (keyword.as_str(), value) {
            ("enum" | "const" | "required" | "dependentRequired", _) => self.weigh(given),
            ("uniqueItems", _) => self.weigh(value),
            ("pattern", Value::String(text)) => self.spend(self.matching(given.as_str().unwrap_or_default(), text)),
            ("format" | "minLength" | "maxLength" | "contentEncoding" | "contentMediaType", Value::String(text)) => {
                self.spend(text.len() / BYTES_A_STEP)
            }
            _ => Some(()),
        })
    }

    fn weigh(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::Array(items) => {
                self.spend(1 + items.len())?;
                items.iter().try_for_each(|item| self.weigh(item))
            }
            Value::Object(members) => {
                self.spend(1 + members.len())?;
                members.values().try_for_each(|member| self.weigh(member))
            }
            Value::String(text) => self.spend(1 + text.len() / (8 * BYTES_A_STEP)),
            _ => self.spend(1),
        }
    }
}
