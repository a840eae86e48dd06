//! The shapes of fields as JSON Schema, for the description of the API: the same limits that [`crate::rules`] checks.
//!
//! What has a type of its own says its shape there ([`crate::ids`], [`crate::time`]). A field that is a plain string
//! borrows its shape from a type in here: `#[schemars(with = "Option<Name>")]`.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    given::Given,
    ids::Id,
    rules::{METADATA_LIMIT, NAME_LIMIT, SESSION_LIMIT, TEXT_LIMIT, URL_LIMIT},
};

/// A type whose shape is written where it is used, under no name of its own.
macro_rules! inline_schema {
    ($name:ident$(<$generic:ident: $bound:path>)? => $schema:expr) => {
        impl$(<$generic: $bound>)? schemars::JsonSchema for $name$(<$generic>)? {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use inline_schema;

/// What [`crate::rules::is_name`] takes.
#[derive(Debug)]
pub struct Name;

inline_schema!(Name => json_schema!({
    "type": "string", "minLength": 1, "maxLength": NAME_LIMIT, "pattern": "^[A-Za-z0-9\\-_.]+$",
}));

/// A name that cannot be taken for an id of that kind.
#[derive(Debug)]
pub struct Uid<I>(PhantomData<I>);

inline_schema!(Uid<I: Id> => json_schema!({
    "type": "string", "minLength": 1, "maxLength": NAME_LIMIT, "pattern": "^[A-Za-z0-9\\-_.]+$",
    "not": { "type": "string", "pattern": format!("^{}", I::PREFIX) },
}));

/// Text for people.
#[derive(Debug)]
pub struct Text;

inline_schema!(Text => json_schema!({
    "type": "string", "maxLength": TEXT_LIMIT, "pattern": "^[^\\u0000-\\u0008]*$",
}));

/// A URL that Postrider sends to.
#[derive(Debug)]
pub struct TargetUrl;

inline_schema!(TargetUrl => json_schema!({
    "type": "string", "format": "uri", "minLength": 1, "maxLength": URL_LIMIT, "pattern": "^https?://",
    "examples": ["https://example.com/webhooks"],
}));

/// A signing secret that a caller brings; its alphabet and its longest text. What it decodes to has limits as well.
#[derive(Debug)]
pub struct Secret;

inline_schema!(Secret => json_schema!({
    "type": "string", "pattern": "^wh(sec|sk)_[A-Za-z0-9+/]{32,100}={0,2}$",
    "description": "`whsec_` and 24 to 75 bytes in base64, or `whsk_` and an Ed25519 key of 32 or 64 bytes in base64.",
    "examples": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
}));

/// What a caller calls a session, in a token.
#[derive(Debug)]
pub struct Session;

inline_schema!(Session => json_schema!({
    "type": "string", "minLength": 1, "maxLength": SESSION_LIMIT, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    "examples": ["user_1-session_2"],
}));

/// A rate, never 0.
#[derive(Debug)]
pub struct Rate;

inline_schema!(Rate => json_schema!({ "type": "integer", "minimum": 1, "maximum": u16::MAX, "examples": [50] }));

/// The metadata of an application or an endpoint.
#[derive(Debug)]
pub struct MetadataShape;

inline_schema!(MetadataShape => json_schema!({
    "type": "object", "additionalProperties": { "type": "string" }, "examples": [{ "plan": "pro" }],
    "description": format!("Strings by name, for your own use. At most {METADATA_LIMIT} bytes as JSON."),
}));

/// Any JSON object.
#[derive(Debug)]
pub struct AnyObject;

inline_schema!(AnyObject => json_schema!({ "type": "object" }));

/// That exactly one of the two members is given, of that type; the other may be `null`.
pub(crate) fn one_of([one, other]: [&str; 2], kind: &str) -> serde_json::Value {
    let only = |this: &str, not: &str| serde_json::json!({ "required": [this], "properties": { this: { "type": kind }, not: { "type": "null" } } });
    serde_json::json!([only(one, other), only(other, one)])
}

/// The shape of an object without one of its members.
pub(crate) fn without(member: &str, mut schema: Schema) -> Schema {
    if let Some(serde_json::Value::Object(members)) = schema.get_mut("properties") {
        members.remove(member);
    }
    if let Some(serde_json::Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != member);
    }
    schema
}

/// An id: its prefix and 27 base62 digits. Until the year 2144 the first of them is no small letter, and without any
/// none is beyond the largest id.
pub(crate) fn id(prefix: &str) -> Schema {
    json_schema!({
        "type": "string", "pattern": format!("^{prefix}[0-9A-Z][0-9A-Za-z]{{26}}$"),
        "examples": [format!("{prefix}2tAbcdefghijklmnopqrstuvwxy")],
    })
}

/// A field that may be absent has the shape of one that may be `null`; `#[serde(default)]` says the rest.
impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        <Option<T>>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Option<T>>::json_schema(generator)
    }
}
