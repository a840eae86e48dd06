//! What is sent to make or change an event type, and its rules.

use std::{borrow::Cow, collections::BTreeMap};

use postrider_schema::{SCHEMAS_LIMIT, Schema};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::touched;
use crate::{
    entity::{EventType, Validation},
    given::{Given, not_null, object},
    problem::Problem,
    rules::{Check, json_size},
    shapes::{AnyObject, Name, Text, without},
    time::Time,
};

/// Versions of one event type.
const MOST_VERSIONS: usize = 50;

/// An event type to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = name_is_required)]
pub struct EventTypeIn {
    /// Its name, which is its key.
    // Looked at by POST only; PUT has it in the path.
    #[serde(default)]
    #[schemars(with = "Name", example = "invoice.paid")]
    name: Value,
    /// For people.
    #[schemars(with = "Text", example = "An invoice was paid in full")]
    description: String,
    /// Whether it is hidden from lists.
    #[serde(default)]
    archived: bool,
    /// Kept and shown; it changes nothing.
    #[serde(default)]
    deprecated: bool,
    /// A JSON Schema of its payloads for each version. At most 262,144 bytes as JSON.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, AnyObject>>", example = schemas_example())]
    schemas: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "object")]
    validation: Option<ValidationIn>,
    /// Who may see it: applications whose tokens have this flag.
    #[serde(default)]
    #[schemars(with = "Option<Name>", example = &"beta")]
    feature_flag: Option<String>,
}

fn name_is_required(schema: &mut schemars::Schema) {
    schema.insert("required".to_owned(), json!(["description", "name"]));
}

/// The shape of the same where the name is in the path: by PUT.
#[derive(Debug)]
pub struct EventTypeUpdate;

impl JsonSchema for EventTypeUpdate {
    fn schema_name() -> Cow<'static, str> {
        "EventTypeUpdate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        without("name", EventTypeIn::json_schema(generator))
    }
}

/// What to change of an event type. What is not given stays as it is; `null` unsets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypePatch {
    /// For people.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "Text", example = "An invoice was paid in full")]
    description: Option<String>,
    /// Whether it is hidden from lists.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "bool")]
    archived: Option<bool>,
    /// Kept and shown; it changes nothing.
    #[serde(default, deserialize_with = "not_null")]
    #[schemars(with = "bool")]
    deprecated: Option<bool>,
    /// A JSON Schema of its payloads for each version. At most 262,144 bytes as JSON.
    #[serde(default)]
    #[schemars(with = "Given<BTreeMap<String, AnyObject>>", example = schemas_example())]
    schemas: Given<Map<String, Value>>,
    #[serde(default, deserialize_with = "object")]
    validation: Given<ValidationIn>,
    /// Who may see it: applications whose tokens have this flag.
    #[serde(default)]
    #[schemars(with = "Given<Name>", example = &"beta")]
    feature_flag: Given<String>,
}

/// Whether payloads must satisfy a schema.
// An addition to the contract.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "EventTypeValidationIn")]
struct ValidationIn {
    payload: Satisfied,
    /// The version of the schema; the latest unless given.
    #[serde(default)]
    #[schemars(example = &"1")]
    version: Option<String>,
}

/// What is demanded of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "EventTypeValidationMode")]
enum Satisfied {
    /// One that does not satisfy the schema is refused.
    Enforce,
    /// Nothing.
    Off,
}

impl ValidationIn {
    fn demand(&self) -> Option<Validation> {
        (self.payload == Satisfied::Enforce).then(|| Validation { version: self.version.clone() })
    }
}

pub(super) fn schemas_example() -> Value {
    json!({ "1": { "type": "object", "properties": { "total": { "type": "integer" } }, "required": ["total"] } })
}

fn check(description: Option<&str>, schemas: Option<&Map<String, Value>>, flag: Option<&String>) -> Check {
    let mut check = Check::default();
    if let Some(description) = description {
        check.text("description", description);
    }
    if let Some(flag) = flag {
        check.name("featureFlag", flag);
    }
    if let Some(schemas) = schemas {
        check_schemas(&mut check, &["body", "schemas"], schemas);
    }
    check
}

/// Every schema must be one: the first place where each is not is told.
pub(super) fn check_schemas(check: &mut Check, place: &[&str], schemas: &Map<String, Value>) {
    if json_size(schemas) > SCHEMAS_LIMIT {
        check.fail(place, format!("must be at most {SCHEMAS_LIMIT} bytes of JSON together"));
    } else if schemas.len() > MOST_VERSIONS {
        check.fail(place, format!("must be at most {MOST_VERSIONS} versions"));
    } else {
        for (version, schema) in schemas {
            let Err(fault) = Schema::compile(schema) else { continue };
            let path = fault.path.iter().map(String::as_str);
            let loc: Vec<_> = place.iter().copied().chain([version.as_str()]).chain(path).collect();
            check.fail(&loc, fault.msg);
        }
    }
}

/// Where payloads must satisfy a schema, there must be one.
pub(super) fn check_demand(kind: &EventType) -> Result<(), Problem> {
    if kind.validation.is_none() || kind.enforced().is_some() {
        return Ok(());
    }
    Err(Problem::invalid(&["body", "validation"], "payloads can only be held against a version among the schemas"))
}

impl EventTypeIn {
    /// Checks every rule.
    pub(super) fn check(&self) -> Result<(), Problem> {
        check(Some(&self.description), self.schemas.as_ref(), self.feature_flag.as_ref()).finish()
    }

    /// Checks every rule, and gives the name.
    pub(super) fn check_with_name(&self) -> Result<&str, Problem> {
        let name = match &self.name {
            Value::String(name) => name,
            Value::Null => return Err(Problem::json("name", "missing field `name`")),
            _ => return Err(Problem::json("name", "must be a string")),
        };
        let mut check = check(Some(&self.description), self.schemas.as_ref(), self.feature_flag.as_ref());
        check.name("name", name);
        check.finish().map(|()| name.as_str())
    }

    /// The event type as this body has it, in place of `old`.
    pub(super) fn made(&self, name: &str, at: Time, old: Option<&EventType>) -> EventType {
        EventType {
            name: name.to_owned(),
            description: self.description.clone(),
            archived: self.archived,
            deprecated: self.deprecated,
            schemas: self.schemas.clone(),
            validation: self.validation.as_ref().and_then(ValidationIn::demand),
            feature_flag: self.feature_flag.clone(),
            created_at: old.map_or(at, |old| old.created_at),
            updated_at: old.map_or(at, |old| touched(at, old.updated_at)),
            rev: old.map_or(0, |old| old.rev) + 1,
        }
    }
}

impl EventTypePatch {
    /// Checks every rule.
    pub(super) fn check(&self) -> Result<(), Problem> {
        check(self.description.as_deref(), self.schemas.value(), self.feature_flag.value()).finish()
    }

    /// Changes what was given.
    pub(super) fn apply(&self, kind: &mut EventType) {
        if let Some(description) = &self.description {
            kind.description.clone_from(description);
        }
        kind.archived = self.archived.unwrap_or(kind.archived);
        kind.deprecated = self.deprecated.unwrap_or(kind.deprecated);
        self.schemas.clone().apply(&mut kind.schemas);
        match &self.validation {
            Given::Absent => {}
            Given::Null => kind.validation = None,
            Given::Value(given) => kind.validation = given.demand(),
        }
        self.feature_flag.clone().apply(&mut kind.feature_flag);
    }
}
