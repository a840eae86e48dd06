//! Parameters of paths, queries and headers.

use postrider_core::{
    page::{DEFAULT_LIMIT, MOST_ROWS},
    poll::CONSUMER_LIMIT,
    shapes::Name,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::errors::Error;

/// One parameter.
pub(crate) struct Parameter {
    pub(super) place: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// Made when the document is: a function starts more often than somebody asks for that.
    schema: Box<dyn Fn() -> Value + Send + Sync>,
    /// What a wrong one is refused with.
    pub(super) error: Error,
}

/// What the parameters in paths are. A path with another one cannot be described, which a test notices.
const IN_PATHS: [(&str, &str, &str); 9] = [
    ("app_id", "The application's id or uid.", "acme"),
    ("endpoint_id", "The endpoint's id or uid.", "acme-billing"),
    ("msg_id", "The message's id or `eventId`.", "evt-1"),
    ("attempt_id", "The attempt's id.", "atmpt_2tAbcdefghijklmnopqrstuvwxy"),
    ("event_type_name", "The event type's name.", "invoice.paid"),
    ("task_id", "The task's id.", "qtask_2tAbcdefghijklmnopqrstuvwxy"),
    ("consumer_id", "A name of your choice for the consumer.", "reporting"),
    ("source_id", "The source's id or uid.", "acme-github"),
    ("token", "What the URL that came with the delivery ends with.", "k1.eyJhIjoxfQ.c2lnbmF0dXJl"),
];

/// The parameters in braces.
pub(super) fn in_path(path: &str) -> Vec<Parameter> {
    let named = |segment: &str| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (name, description, example) = IN_PATHS.into_iter().find(|(known, ..)| *known == name)?;
        let schema = move || {
            let mut schema = match name {
                "event_type_name" | "consumer_id" => shape_of::<Name>(),
                _ => json!({ "type": "string", "minLength": 1 }),
            };
            if name == "consumer_id" {
                schema["maxLength"] = CONSUMER_LIMIT.into();
            }
            schema["examples"] = json!([example]);
            schema
        };
        Some(Parameter { place: "path", name, description, schema: Box::new(schema), error: Error::NotFound })
    };
    path.split('/').filter_map(named).collect()
}

fn shape_of<T: JsonSchema>() -> Value {
    SchemaGenerator::default().subschema_for::<T>().into()
}

impl Parameter {
    fn query(
        name: &'static str,
        description: &'static str,
        schema: impl Fn() -> Value + Send + Sync + 'static,
        error: Error,
    ) -> Self {
        Self { place: "query", name, description, schema: Box::new(schema), error }
    }

    /// `true` or `false`.
    pub(crate) fn flag(name: &'static str, description: &'static str, default: bool) -> Self {
        let schema = move || json!({ "type": "boolean", "default": default });
        Self::query(name, description, schema, Error::BadRequest)
    }

    /// `order`.
    pub(crate) fn order(default: &'static str) -> Self {
        let schema = move || json!({ "type": "string", "enum": ["ascending", "descending"], "default": default });
        Self::query("order", "Oldest or newest first.", schema, Error::BadRequest)
    }

    /// A date and time.
    pub(crate) fn time(name: &'static str, description: &'static str) -> Self {
        let schema = move || json!({ "type": "string", "format": "date-time", "examples": ["2026-11-23T20:00:00Z"] });
        Self::query(name, description, schema, Error::BadRequest)
    }

    /// A name.
    pub(crate) fn name(name: &'static str, description: &'static str, example: &'static str) -> Self {
        let schema = move || {
            let mut schema = shape_of::<Name>();
            schema["examples"] = json!([example]);
            schema
        };
        Self::query(name, description, schema, Error::Invalid)
    }

    /// Any text.
    pub(crate) fn text(name: &'static str, description: &'static str, example: &'static str) -> Self {
        let schema = move || json!({ "type": "string", "minLength": 1, "examples": [example] });
        Self::query(name, description, schema, Error::BadRequest)
    }

    /// Names by comma.
    pub(crate) fn names(name: &'static str, description: &'static str, example: &'static str) -> Self {
        let schema =
            move || json!({ "type": "array", "items": shape_of::<Name>(), "minItems": 1, "examples": [[example]] });
        Self::query(name, description, schema, Error::Invalid)
    }

    /// One of some numbers.
    pub(crate) fn number(name: &'static str, description: &'static str, all: &'static [u16]) -> Self {
        let schema = move || json!({ "type": "integer", "enum": all });
        Self::query(name, description, schema, Error::BadRequest)
    }

    /// `limit`.
    pub(crate) fn limit() -> Self {
        let schema = move || json!({ "type": "integer", "minimum": 0, "maximum": MOST_ROWS, "default": DEFAULT_LIMIT });
        Self::query("limit", "Rows of the page, at most.", schema, Error::Invalid)
    }

    /// `iterator`, which is one of `K`.
    pub(crate) fn iterator<K: JsonSchema + 'static>() -> Self {
        Self::query("iterator", "The `iterator` of the page before.", shape_of::<K>, Error::Invalid)
    }

    /// The same of a list that is read in both directions.
    pub(super) fn either_iterator<K: JsonSchema + 'static>() -> Self {
        let schema = || {
            let mut schema = shape_of::<K>();
            if let Some(key) = schema["pattern"].as_str() {
                schema["pattern"] = key.replacen('^', "^-?", 1).into();
            }
            schema
        };
        let description = "The `iterator` of the page before, or the `prevIterator` of the page after.";
        Self::query("iterator", description, schema, Error::Invalid)
    }

    /// A number from 0 on.
    pub(crate) fn count(name: &'static str, description: &'static str, most: u64) -> Self {
        let schema = move || json!({ "type": "integer", "minimum": 0, "maximum": most, "default": 0 });
        Self::query(name, description, schema, Error::Invalid)
    }

    /// As JSON.
    pub(super) fn described(&self) -> Value {
        let schema = (self.schema)();
        let is_list = schema["type"] == "array";
        let mut described = json!({
            "name": self.name,
            "in": self.place,
            "description": self.description,
            "required": self.place == "path",
            "schema": schema,
        });
        if is_list {
            described["style"] = "form".into();
            described["explode"] = false.into();
        }
        described
    }
}

pub(super) fn ignored_key() -> Parameter {
    Parameter { description: "Has no effect: to repeat this is harmless.", ..idempotency_key() }
}

/// Bare, or quoted as a structured string ([`postrider_core::claim::read_key`]).
const KEY: &str = r#"^([!#-+\--~]([\t -+\--~]*[!-+\--~])?|"([\t !#-\[\]-~]|\\["\\])+")$"#;

pub(super) fn idempotency_key() -> Parameter {
    let schema =
        || json!({ "type": "string", "minLength": 1, "maxLength": 256, "pattern": KEY, "examples": ["7b0a1d52"] });
    Parameter {
        place: "header",
        name: "idempotency-key",
        description: "Of your choice. The same request with the same key has its effect once within a day, and gets the \
                      same answer.",
        schema: Box::new(schema),
        error: Error::BadRequest,
    }
}
