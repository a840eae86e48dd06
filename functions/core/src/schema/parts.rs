//! Where a schema holds other schemas, and to what of a value they apply: the applicators of the drafts.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// To what of the value a part applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies<'a> {
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
pub(super) struct Part<'a> {
    pub(super) keyword: &'a str,
    /// Of a keyword that has several.
    pub(super) key: Option<Key<'a>>,
    pub(super) applies: Applies<'a>,
    pub(super) schema: &'a Value,
}

/// Which of several.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    Name(&'a str),
    Number(usize),
}

/// All parts of a schema that is an object.
pub(super) fn parts<'a>(schema: &'a Map<String, Value>) -> Vec<Part<'a>> {
    let mut all = Vec::new();
    for (keyword, value) in schema {
        let one = |applies| vec![Part { keyword, key: None, applies, schema: value }];
        let named = |applies: fn(&'a str) -> Applies<'a>| {
            let members = value.as_object().into_iter().flatten();
            let part = |(name, schema): (&'a String, &'a Value)| {
                let (key, applies) = (Some(Key::Name(name)), applies(name));
                Part { keyword, key, applies, schema }
            };
            members.map(part).collect::<Vec<_>>()
        };
        let numbered = |applies: fn(usize) -> Applies<'static>| {
            let items = value.as_array().into_iter().flatten().enumerate();
            let part = |(n, schema)| Part { keyword, key: Some(Key::Number(n)), applies: applies(n), schema };
            items.map(part).collect::<Vec<_>>()
        };
        all.extend(match keyword.as_str() {
            "allOf" | "anyOf" | "oneOf" => numbered(|_| Applies::Itself),
            "not" | "if" | "then" | "else" => one(Applies::Itself),
            "dependentSchemas" => named(|_| Applies::Itself),
            // Some of them are lists of names.
            "dependencies" => named(|_| Applies::Itself).into_iter().filter(|part| !part.schema.is_array()).collect(),
            "properties" => named(|name| Applies::Member(name)),
            "patternProperties" => named(|_| Applies::Members),
            "propertyNames" => one(Applies::Members),
            "additionalProperties" | "unevaluatedProperties" => one(Applies::OtherMembers),
            "prefixItems" => numbered(Applies::Item),
            "items" if value.is_array() => numbered(Applies::Item),
            "items" => one(Applies::ItemsFrom(length(schema, "prefixItems"))),
            "additionalItems" => one(Applies::ItemsFrom(length(schema, "items"))),
            "contains" | "unevaluatedItems" => one(Applies::ItemsFrom(0)),
            "$defs" | "definitions" => named(|_| Applies::Nothing),
            "contentSchema" => one(Applies::Nothing),
            _ => Vec::new(),
        });
    }
    all
}

fn length(schema: &Map<String, Value>, keyword: &str) -> usize {
    schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len)
}

/// What a local reference points at: `#`, or `#` and a JSON pointer, percent-encoded (RFC 6901, section 6).
pub(super) fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    root.pointer(&pointer)
}
