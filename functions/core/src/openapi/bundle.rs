//! A schema of a document, with everything that it refers to.

use std::collections::{BTreeMap, HashMap};

use postrider_schema::{Fault, SCHEMAS_LIMIT, Shape, shape, target as local};
use serde_json::{Map, Value, json};

use crate::rules::json_size;

pub(super) const NOT_HERE: &str =
    "must point at something in this document, as '#/components/…' does: nothing is fetched";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";
const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const COMPONENTS: &str = "#/components/schemas/";

/// How a document's schemas are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `OpenAPI` 3.0: nearly draft 7, with `nullable`, `example`, and bounds that are exclusive by a word.
    Old,
    /// `OpenAPI` 3.1: 2020-12, unless the document says draft 7.
    New(&'static str),
}

impl Dialect {
    pub(super) fn of(version: &str, given: Option<&str>) -> Option<Self> {
        let seventh = given.is_some_and(|given| given.contains("draft-07"));
        match version.get(..4)? {
            "3.0." => Some(Self::Old),
            "3.1." | "3.2." => Some(Self::New(if seventh { DRAFT_7 } else { DRAFT_2020 })),
            _ => None,
        }
    }

    const fn uri(self) -> &'static str {
        match self {
            Self::Old => DRAFT_7,
            Self::New(uri) => uri,
        }
    }

    /// Where a schema keeps those it refers to.
    fn definitions(self) -> &'static str {
        if self.uri() == DRAFT_7 { "definitions" } else { "$defs" }
    }
}

/// What a reference points at, if that is in the document.
pub(super) fn target<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    if reference.starts_with("#/") { local(document, reference) } else { None }
}

/// A schema being put together.
pub(super) struct Bundle<'a> {
    document: &'a Value,
    dialect: Dialect,
    /// The names of what is referred to, by reference.
    names: HashMap<String, String>,
    /// How often a name was wanted.
    wanted: HashMap<String, usize>,
    waiting: Vec<String>,
    path: Vec<String>,
}

impl<'a> Bundle<'a> {
    /// The schema at that place of the document, as one that stands by itself.
    pub(super) fn of(
        document: &'a Value,
        dialect: Dialect,
        schema: &'a Value,
        path: &[&str],
    ) -> Result<Map<String, Value>, Fault> {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        let mut bundle =
            Self { document, dialect, names: HashMap::new(), wanted: HashMap::new(), waiting: Vec::new(), path };
        let schema = bundle.unwrapped(schema)?;
        let mut root = match bundle.rewritten(schema)? {
            Value::Object(root) => root,
            // `true`, `false`: the payload is an object all the same.
            other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
        };
        let (mut parts, mut size) = (BTreeMap::new(), 0);
        while let Some(reference) = bundle.waiting.pop() {
            let found = target(document, &reference).ok_or_else(|| Fault::new(&bundle.path, NOT_HERE))?;
            bundle.path = reference.split('/').skip(1).map(str::to_owned).collect();
            let part = bundle.rewritten(found)?;
            size += json_size(&part);
            if size > SCHEMAS_LIMIT {
                return Err(Fault::new(
                    &bundle.path,
                    format!("with all that it refers to, more than {SCHEMAS_LIMIT} bytes"),
                ));
            }
            parts.insert(bundle.names[&reference].clone(), part);
        }
        root.entry("$schema").or_insert_with(|| json!(dialect.uri()));
        if !parts.is_empty() {
            let held = root.entry(dialect.definitions()).or_insert_with(|| json!({}));
            if let Some(held) = held.as_object_mut() {
                held.extend(parts);
            }
        }
        Ok(root)
    }

    /// A schema that only refers to another is that one.
    fn unwrapped(&self, mut schema: &'a Value) -> Result<&'a Value, Fault> {
        for _ in 0..super::LONGEST_CHAIN {
            let Some(reference) = schema.get("$ref").filter(|_| schema.as_object().is_some_and(|all| all.len() == 1))
            else {
                return Ok(schema);
            };
            let found = reference.as_str().and_then(|reference| target(self.document, reference));
            schema = found.ok_or_else(|| Fault::new(&self.path, NOT_HERE))?;
        }
        Ok(schema)
    }

    fn rewritten(&mut self, schema: &Value) -> Result<Value, Fault> {
        let Value::Object(members) = schema else { return Ok(schema.clone()) };
        let mut all = Map::new();
        for (keyword, value) in members {
            let before = self.path.len();
            self.path.push(keyword.clone());
            let value = match (shape(keyword, value), value) {
                (Shape::One, _) => self.rewritten(value)?,
                (Shape::List, Value::Array(list)) => {
                    let one = |(n, schema): (usize, &Value)| self.inner(&n.to_string(), schema);
                    Value::Array(list.iter().enumerate().map(one).collect::<Result<_, _>>()?)
                }
                (Shape::Named, Value::Object(named)) => {
                    let one = |(name, schema): (&String, &Value)| Ok((name.clone(), self.inner(name, schema)?));
                    Value::Object(named.iter().map(one).collect::<Result<_, _>>()?)
                }
                _ if keyword == "$ref" => Value::String(self.reference(value)?),
                _ => value.clone(),
            };
            self.path.truncate(before);
            all.insert(keyword.clone(), value);
        }
        Ok(Value::Object(if self.dialect == Dialect::Old { modern(all) } else { all }))
    }

    fn inner(&mut self, key: &str, schema: &Value) -> Result<Value, Fault> {
        self.path.push(key.to_owned());
        let rewritten = self.rewritten(schema)?;
        self.path.pop();
        Ok(rewritten)
    }

    /// The same reference, into the bundle.
    fn reference(&mut self, reference: &Value) -> Result<String, Fault> {
        let text = reference.as_str().filter(|text| target(self.document, text).is_some());
        let text = text.ok_or_else(|| Fault::new(&self.path, NOT_HERE))?;
        // Into a component: the component, and the way within it.
        let rest = text.strip_prefix(COMPONENTS).and_then(|rest| rest.find('/'));
        let (whole, within) = text.split_at(rest.map_or(text.len(), |at| COMPONENTS.len() + at));
        if !self.names.contains_key(whole) {
            let name = self.name(whole);
            self.names.insert(whole.to_owned(), name);
            self.waiting.push(whole.to_owned());
        }
        Ok(format!("#/{}/{}{within}", self.dialect.definitions(), self.names[whole]))
    }

    /// A name of plain characters that nothing else has.
    fn name(&mut self, reference: &str) -> String {
        let own = reference.strip_prefix(COMPONENTS).or_else(|| reference.strip_prefix("#/")).unwrap_or(reference);
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let base: String = own.chars().map(plain).collect();
        loop {
            let times = self.wanted.entry(base.clone()).and_modify(|times| *times += 1).or_insert(1);
            let name = if *times == 1 { base.clone() } else { format!("{base}_{times}") };
            // The first of its own kind, or one that was numbered: a name that is wanted later is numbered in its turn.
            if name == base || self.wanted.insert(name.clone(), 1).is_none() {
                return name;
            }
        }
    }
}

/// A schema of `OpenAPI` 3.0 as one of draft 7 (`OpenAPI` 3.0.3, section 4.7.24).
fn modern(mut schema: Map<String, Value>) -> Map<String, Value> {
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match schema.remove(exclusive) {
            Some(Value::Bool(true)) => {
                if let Some(limit) = schema.remove(bound) {
                    schema.insert(exclusive.to_owned(), limit);
                }
            }
            Some(Value::Bool(false)) | None => {}
            Some(limit) => drop(schema.insert(exclusive.to_owned(), limit)),
        }
    }
    if !schema.contains_key("examples")
        && let Some(example) = schema.remove("example")
    {
        schema.insert("examples".to_owned(), json!([example]));
    }
    let nullable = schema.remove("nullable").is_some_and(|nullable| nullable == true);
    if nullable && schema.contains_key("type") {
        let inner = Value::Object(schema);
        return Map::from_iter([("anyOf".to_owned(), json!([inner, {"type": "null"}]))]);
    }
    schema
}
