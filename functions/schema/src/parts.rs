//! Where a schema holds other schemas, and to what of a value they apply: the applicators of the drafts.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// To what of the value a part applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applies<'a> {
    /// The value itself.
    Itself,
    /// Its member of that name.
    Member(&'a str),
    /// All its members.
    Members,
    /// Its members that `properties` does not name.
    OtherMembers,
    /// Its item of that number.
    Item(usize),
    /// Its items from that number on.
    ItemsFrom(usize),
    /// Nothing, unless something refers to it.
    Nothing,
}

/// A schema in a schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) keyword: &'a str,
    /// Of a keyword that has several.
    pub(crate) key: Option<Key<'a>>,
    pub(crate) applies: Applies<'a>,
    pub(crate) schema: &'a Value,
}

/// Which of several.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    Name(&'a str),
    Number(usize),
}

/// How a keyword holds schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One.
    One,
    /// Several in a list.
    List,
    /// Several by name.
    Named,
    /// None at all.
    Plain,
}

/// How a keyword with that value holds schemas.
pub fn shape(keyword: &str, value: &Value) -> Shape {
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Shape::List,
        "items" if value.is_array() => Shape::List,
        "properties" | "patternProperties" | "dependentSchemas" | "dependencies" | "$defs" | "definitions" => {
            Shape::Named
        }
        "not"
        | "if"
        | "then"
        | "else"
        | "propertyNames"
        | "additionalProperties"
        | "unevaluatedProperties"
        | "items"
        | "additionalItems"
        | "unevaluatedItems"
        | "contains"
        | "contentSchema" => Shape::One,
        _ => Shape::Plain,
    }
}

/// All parts of a schema that is an object.
pub(crate) fn parts(schema: &Map<String, Value>) -> Vec<Part<'_>> {
    let mut all = Vec::new();
    for (keyword, value) in schema {
        let mut add = |key, value| {
            let applies = applies(schema, keyword, key);
            all.push(Part { keyword, key, applies, schema: value });
        };
        match shape(keyword, value) {
            Shape::One => add(None, value),
            Shape::List => {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .enumerate()
                    .for_each(|(n, value)| add(Some(Key::Number(n)), value));
            }
            Shape::Named => {
                value.as_object().into_iter().flatten().for_each(|(name, value)| add(Some(Key::Name(name)), value));
            }
            Shape::Plain => {}
        }
    }
    all
}

fn applies<'a>(schema: &Map<String, Value>, keyword: &str, key: Option<Key<'a>>) -> Applies<'a> {
    match (keyword, key) {
        ("properties", Some(Key::Name(name))) => Applies::Member(name),
        ("patternProperties" | "propertyNames", _) => Applies::Members,
        ("additionalProperties" | "unevaluatedProperties", _) => Applies::OtherMembers,
        ("prefixItems" | "items", Some(Key::Number(number))) => Applies::Item(number),
        ("items", None) => Applies::ItemsFrom(length(schema, "prefixItems")),
        ("additionalItems", _) => Applies::ItemsFrom(length(schema, "items")),
        ("contains" | "unevaluatedItems", _) => Applies::ItemsFrom(0),
        ("$defs" | "definitions" | "contentSchema", _) => Applies::Nothing,
        // The others, in place. Of `dependencies` some are lists of names, which no schema is.
        _ => Applies::Itself,
    }
}

fn length(schema: &Map<String, Value>, keyword: &str) -> usize {
    schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len)
}

/// What a local reference points at: `#`, or `#` and a JSON pointer, percent-encoded (RFC 6901, section 6).
pub fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    root.pointer(&pointer)
}
