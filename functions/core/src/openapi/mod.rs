//! Event types from an `OpenAPI` document: its `webhooks` (3.1), or `x-webhooks`, as documents of 3.0 have it.
//!
//! Each becomes a name, a description and a JSON Schema that stands by itself: what it refers to in the document comes
//! with it. Nothing else of the document is looked at, and nothing outside of it.

mod bundle;
mod yaml;

use postrider_schema::{Fault, example};
use serde_json::{Map, Value, json};

pub use yaml::from_yaml;

use crate::rules::{NAME_RULE, is_name, json_size};
use bundle::{Bundle, Dialect};

/// Event types of one document.
const MOST: usize = 500;
/// Bytes of JSON of all their schemas together: they repeat what they share.
const LARGEST_TOGETHER: usize = 4 * 1024 * 1024;
/// References that lead to one another, outside of schemas.
const LONGEST_CHAIN: usize = 8;

/// An event type as a document describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where it stands in the document.
    pub section: &'static str,
    /// Its key there.
    pub name: String,
    /// The operation's description or summary.
    pub description: String,
    /// The operation's.
    pub deprecated: bool,
    /// Of the JSON body, if it has one.
    pub schema: Option<Value>,
}

/// Reads all webhooks of a document, or tells the first thing that is wrong with it, and where.
pub fn webhooks(document: &Value) -> Result<Vec<Webhook>, Fault> {
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    let dialect = Dialect::of(version, document.get("jsonSchemaDialect").and_then(Value::as_str));
    let dialect = dialect.ok_or_else(|| at(&["openapi"], "must be 3.0.x or 3.1.x: this is no OpenAPI document"))?;
    let reader = Reader { document, dialect };
    let (mut all, mut size) = (Vec::new(), 0);
    for section in ["webhooks", "x-webhooks"] {
        for (name, item) in document.get(section).and_then(Value::as_object).into_iter().flatten() {
            let webhook = reader.webhook(section, name, item)?;
            size += webhook.schema.as_ref().map_or(0, json_size);
            all.push(webhook);
            if all.len() > MOST || size > LARGEST_TOGETHER {
                let msg = format!("has more than {MOST} event types, or more than {LARGEST_TOGETHER} bytes of schemas");
                return Err(at(&[section], msg));
            }
        }
    }
    if all.is_empty() {
        return Err(at(&[], "has neither webhooks nor x-webhooks"));
    }
    Ok(all)
}

fn at(path: &[&str], msg: impl Into<String>) -> Fault {
    Fault { path: path.iter().map(|part| (*part).to_owned()).collect(), msg: msg.into() }
}

struct Reader<'a> {
    document: &'a Value,
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    fn webhook(&self, section: &'static str, name: &str, item: &'a Value) -> Result<Webhook, Fault> {
        if !is_name(name) {
            return Err(at(&[section, name], NAME_RULE));
        }
        let path = [section, name];
        let item = self.resolved(item, &path)?;
        let methods = ["post", "put", "patch", "get", "delete"];
        let operation = methods.iter().find_map(|method| Some((*method, item.get(*method)?.as_object()?)));
        let (method, operation) = operation.ok_or_else(|| at(&path, "has no operation, such as post"))?;
        let text =
            |of: &Value| ["description", "summary"].iter().find_map(|key| Some(of.get(key)?.as_str()?.to_owned()));
        let description = ["description", "summary"].iter().find_map(|key| operation.get(*key)?.as_str());
        Ok(Webhook {
            section,
            name: name.to_owned(),
            description: description.map(str::to_owned).or_else(|| text(item)).unwrap_or_default(),
            deprecated: operation.get("deprecated").and_then(Value::as_bool).unwrap_or_default(),
            schema: self.schema(operation, &[section, name, method, "requestBody"])?,
        })
    }

    fn schema(&self, operation: &'a Map<String, Value>, path: &[&str]) -> Result<Option<Value>, Fault> {
        let Some(body) = operation.get("requestBody") else { return Ok(None) };
        let content = self.resolved(body, path)?.get("content").and_then(Value::as_object);
        let is_json = |kind: &str| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind == "application/json" || kind.ends_with("+json")
        };
        let media = content.into_iter().flatten().find(|(kind, _)| is_json(kind));
        let Some((kind, media)) = media else { return Ok(None) };
        let Some(schema) = media.get("schema") else { return Ok(None) };
        let place = [path, &["content", kind, "schema"]].concat();
        let mut schema = Value::Object(Bundle::of(self.document, self.dialect, schema, &place)?);
        let examples = self.examples(media, &place)?;
        if example(&schema).is_none() && !examples.is_empty() {
            schema["examples"] = json!(examples);
        }
        Ok(Some(schema))
    }

    /// Those beside the schema.
    fn examples(&self, media: &'a Value, path: &[&str]) -> Result<Vec<&'a Value>, Fault> {
        if let Some(example) = media.get("example") {
            return Ok(vec![example]);
        }
        let named = media.get("examples").and_then(Value::as_object).into_iter().flatten();
        let found: Result<Vec<_>, _> = named.map(|(_, example)| self.resolved(example, path)).collect();
        Ok(found?.into_iter().filter_map(|example| example.get("value")).collect())
    }

    /// What an object of the document stands for: itself, unless it refers to another.
    fn resolved(&self, mut object: &'a Value, path: &[&str]) -> Result<&'a Value, Fault> {
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = object.get("$ref") else { return Ok(object) };
            let found = reference.as_str().and_then(|reference| bundle::target(self.document, reference));
            object = found.ok_or_else(|| at(&[path, &["$ref"]].concat(), bundle::NOT_HERE))?;
        }
        Err(at(&[path, &["$ref"]].concat(), "refers to itself"))
    }
}

#[cfg(test)]
mod tests;
