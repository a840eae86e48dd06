//! What a schema must keep to besides its own dialect, so that reading it and using it ends soon.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{
    Fault,
    parts::{Applies, Key, parts, target},
    segments,
};

/// Schemas within schemas, and values in them.
const DEEPEST: usize = 64;
/// Schemas that one value is held against, its members and items apart.
const MOST_AT_ONCE: u32 = 5_000;
/// Schemas that lead to one another without leading into the value.
const LONGEST_CHAIN: u32 = 64;
/// Keywords whose references mean different things at different times.
const UNKNOWN: [&str; 4] = ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"];
const ENDLESS: &str = "refers to itself, or to too much, without going into the payload";

/// Checks every rule; gives the patterns.
pub(crate) fn check(root: &Value) -> Result<BTreeSet<&str>, Fault> {
    if !root.is_object() {
        return Err(Fault::new(&[], "must be a JSON Schema, as an object"));
    }
    if depth_exceeds(root, DEEPEST) {
        return Err(Fault::new(&[], format!("must be nested at most {DEEPEST} deep")));
    }
    let mut walk = Walk {
        root,
        targets: vec![(Vec::new(), root)],
        seen: HashSet::new(),
        spans: HashMap::new(),
        patterns: BTreeSet::new(),
    };
    while let Some((mut path, schema)) = walk.targets.pop() {
        walk.schema(schema, &mut path)?;
    }
    Ok(walk.patterns)
}

fn depth_exceeds(value: &Value, limit: usize) -> bool {
    let deeper = |value| limit == 0 || depth_exceeds(value, limit - 1);
    match value {
        Value::Array(items) => items.iter().any(deeper),
        Value::Object(members) => members.values().any(deeper),
        _ => false,
    }
}

fn fault(path: &[String], keyword: &str, msg: &'static str) -> Fault {
    Fault { path: [path, &[keyword.to_owned()]].concat(), msg: msg.to_owned() }
}

/// What a value that is held against a schema is held against.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Schemas in all.
    count: u32,
    /// Those that lead to one another.
    chain: u32,
}

/// Goes through every schema that can come to be used: the parts, and whatever references point at.
struct Walk<'a> {
    root: &'a Value,
    seen: HashSet<*const Value>,
    targets: Vec<(Vec<String>, &'a Value)>,
    /// Unset while it is being counted.
    spans: HashMap<*const Value, Option<Span>>,
    patterns: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, schema: &'a Value, path: &mut Vec<String>) -> Result<(), Fault> {
        let Value::Object(members) = schema else { return Ok(()) };
        if !self.seen.insert(schema) {
            return Ok(());
        }
        keywords(members, path)?;
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            self.reference(reference, path)?;
        }
        if self.span(schema, 0).is_none() {
            return Err(Fault::new(path, ENDLESS));
        }
        self.patterns.extend(members.get("pattern").and_then(Value::as_str));
        let named = members.get("patternProperties").and_then(Value::as_object);
        self.patterns.extend(named.into_iter().flatten().map(|(pattern, _)| pattern.as_str()));
        for part in parts(members) {
            let before = path.len();
            path.push(part.keyword.to_owned());
            path.extend(part.key.map(|key| match key {
                Key::Name(name) => name.to_owned(),
                Key::Number(number) => number.to_string(),
            }));
            self.schema(part.schema, path)?;
            path.truncate(before);
        }
        Ok(())
    }

    fn reference(&mut self, reference: &str, path: &[String]) -> Result<(), Fault> {
        if reference != "#" && !reference.starts_with("#/") {
            let msg = "must point into this schema, as '#' or '#/…' does: nothing is fetched";
            return Err(fault(path, "$ref", msg));
        }
        let found = target(self.root, reference);
        let found = found.ok_or_else(|| fault(path, "$ref", "points at nothing in this schema"))?;
        self.targets.push((segments(&reference[1..]), found));
        Ok(())
    }

    /// Nothing if it is more than may be.
    fn span(&mut self, schema: &'a Value, depth: u32) -> Option<Span> {
        let Value::Object(members) = schema else { return Some(Span { count: 1, chain: 1 }) };
        let key: *const Value = schema;
        if let Some(known) = self.spans.get(&key) {
            return *known;
        }
        if depth >= LONGEST_CHAIN {
            return None;
        }
        self.spans.insert(key, None);
        let referred = members.get("$ref").and_then(|reference| target(self.root, reference.as_str()?));
        let inside = parts(members).into_iter().filter(|part| part.applies == Applies::Itself).map(|part| part.schema);
        let mut span = Span { count: 1, chain: 1 };
        for schema in referred.into_iter().chain(inside) {
            let part = self.span(schema, depth + 1)?;
            span.count = span.count.saturating_add(part.count);
            span.chain = span.chain.max(part.chain + 1);
        }
        if span.count > MOST_AT_ONCE || span.chain > LONGEST_CHAIN {
            return None;
        }
        self.spans.insert(key, Some(span));
        Some(span)
    }
}

fn keywords(members: &Map<String, Value>, path: &[String]) -> Result<(), Fault> {
    if let Some(keyword) = UNKNOWN.iter().find(|keyword| members.contains_key(**keyword)) {
        return Err(fault(path, keyword, "is not supported: use $ref and $defs"));
    }
    let inner = ["$id", "id"].into_iter().find(|keyword| members.get(*keyword).is_some_and(Value::is_string));
    match inner {
        Some(keyword) if !path.is_empty() => Err(fault(path, keyword, "may stand at the root only")),
        _ => Ok(()),
    }
}
