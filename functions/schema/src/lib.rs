//! JSON Schemas of event types: read when they are saved, held against payloads when they are published.
//!
//! Actors: an organization, which writes both the schema and the payload and may mean harm with either, and a function
//! that has milliseconds for them.
//!
//! - Dialects: draft 7, which is the default, and 2020-12; 2019-09, 6 and 4 are read as well. `format` is asserted in all.
//! - Nothing is ever fetched. References point into the schema itself (`#` or `#/…`), which makes it complete.
//! - A pattern is matched in time linear in the text: no look-around, no back-references.
//! - References can make a small schema and a small payload exponentially laborious. A schema that is so by itself is
//!   refused when it is saved (`rules`); for each payload the labour is counted before it is done (`effort`).

mod effort;
mod example;
mod parts;
mod patterns;
mod rules;

use std::fmt;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

pub use example::example;
pub use parts::{Shape, shape, target};
use patterns::{LARGEST, Sizes};

/// All schemas of an event type, as JSON text in bytes.
pub const SCHEMAS_LIMIT: usize = 262_144;
/// Longest text about one fault, in bytes: values are quoted in it.
const LONGEST_TEXT: usize = 300;
/// Bytes in memory for one of JSON, about.
const IN_MEMORY: usize = 16;

/// What is wrong, and where: the names and numbers that lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Members and indexes, from the outside.
    pub path: Vec<String>,
    /// For people.
    pub msg: String,
}

impl Fault {
    /// With that message.
    pub fn new(path: &[String], msg: impl Into<String>) -> Self {
        Self { path: path.to_vec(), msg: msg.into() }
    }
}

/// A schema that payloads are held against.
#[derive(Debug)]
pub struct Schema {
    root: Value,
    sizes: Sizes,
    validator: Validator,
}

impl Schema {
    /// Reads a schema, or tells the first thing that is wrong with it.
    pub fn compile(root: &Value) -> Result<Self, Fault> {
        let patterns = rules::check(root)?;
        let sizes = Sizes::of(&patterns);
        let sizes = sizes.ok_or_else(|| Fault::new(&[], "has too many patterns, or too large ones"))?;
        let options = jsonschema::options()
            .with_draft(draft(root)?)
            .offline()
            .should_validate_formats(true)
            // It would compile what the payload says.
            .with_format("regex", |_: &str| true)
            .with_pattern_options(PatternOptions::regex().size_limit(LARGEST));
        let validator = options.build(root).map_err(|error| unreadable(&error))?;
        Ok(Self { root: root.clone(), sizes, validator })
    }
}

/// Reads a schema, or tells the first thing that is wrong with it.
pub type Compile = fn(&Value) -> Result<Box<dyn Rule>, Fault>;

/// What payloads are held against. Publishing knows a [`Schema`] as this alone, so that a function without schemas does
/// not carry what reads them: a third of its size.
pub trait Rule: fmt::Debug + Send + Sync {
    /// Bytes that it takes in memory, about.
    fn size(&self) -> usize;

    /// What is wrong with a payload: nothing if it satisfies the schema. At most `most` faults are told.
    fn faults(&self, payload: &Value, most: usize) -> Vec<Fault>;
}

impl Rule for Schema {
    fn size(&self) -> usize {
        self.sizes.sum() + IN_MEMORY * self.root.to_string().len()
    }

    fn faults(&self, payload: &Value, most: usize) -> Vec<Fault> {
        if !effort::is_bearable(&self.root, &self.sizes, payload) {
            return vec![Fault::new(&[], "is too large or too deep to be held against the schema of its event type")];
        }
        self.validator.iter_errors(payload).take(most).map(|error| fault(&error)).collect()
    }
}

fn unreadable(error: &ValidationError<'_>) -> Fault {
    let is_pattern =
        |kind: &ValidationErrorKind| matches!(kind, ValidationErrorKind::Format { format } if format == "regex");
    let about_pattern = match error.kind() {
        ValidationErrorKind::PropertyNames { error } => is_pattern(error.kind()),
        kind => is_pattern(kind),
    };
    if about_pattern {
        let msg = "must be a regular expression, not too large, without look-around and back-references";
        return Fault::new(&segments(error.instance_path().as_str()), msg);
    }
    fault(error)
}

fn fault(error: &ValidationError<'_>) -> Fault {
    let mut path = segments(error.instance_path().as_str());
    // A member that is missing is named as if it were there.
    if let ValidationErrorKind::Required { property: Value::String(name) } = error.kind() {
        path.push(name.clone());
        return Fault { path, msg: "is required".to_owned() };
    }
    Fault { path, msg: shortened(&error.masked_with("this").to_string()) }
}

/// By `$schema`; what does not say is draft 7.
fn draft(root: &Value) -> Result<Draft, Fault> {
    let Some(uri) = root.get("$schema") else { return Ok(Draft::Draft7) };
    let known = uri.as_str().and_then(|uri| match uri.trim_end_matches('#') {
        "http://json-schema.org/draft-04/schema" => Some(Draft::Draft4),
        "http://json-schema.org/draft-06/schema" => Some(Draft::Draft6),
        "http://json-schema.org/draft-07/schema" | "https://json-schema.org/draft-07/schema" => Some(Draft::Draft7),
        "https://json-schema.org/draft/2019-09/schema" => Some(Draft::Draft201909),
        "https://json-schema.org/draft/2020-12/schema" => Some(Draft::Draft202012),
        _ => None,
    });
    let msg = "must be https://json-schema.org/draft/2020-12/schema or http://json-schema.org/draft-07/schema#";
    known.ok_or_else(|| Fault::new(&["$schema".to_owned()], msg))
}

/// The members and indexes of a JSON pointer (RFC 6901).
fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn shortened(text: &str) -> String {
    let mut end = LONGEST_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
