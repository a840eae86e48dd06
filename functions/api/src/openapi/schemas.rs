//! Schemas of what is taken and given, as components of the document.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value, json};

use super::operation::Shape;

/// Collects them. What is taken and what is given are described differently: a member that has a default may be left
/// out of the one, and is always in the other.
pub(super) struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
                .with_transform(RecursiveTransform(plain_enum))
                .with_transform(RecursiveTransform(no_null_default))
        };
        Self { taken: settings().into_generator(), given: settings().for_serialize().into_generator() }
    }

    pub(super) fn taken(&mut self, shape: Shape) -> Value {
        shape(&mut self.taken).into()
    }

    pub(super) fn given(&mut self, shape: Shape) -> Value {
        shape(&mut self.given).into()
    }

    pub(super) const fn answers(&mut self) -> &mut SchemaGenerator {
        &mut self.given
    }

    /// All that were referred to, by name.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        for (name, schema) in self.given.take_definitions(true) {
            let clash = all.insert(name.clone(), schema.clone()).filter(|other| *other != schema);
            debug_assert!(clash.is_none(), "{name} means two things");
        }
        all
    }
}

/// A default of `null` says no more than that a member may be left out; and where it may not be `null`, it is wrong.
fn no_null_default(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// A choice of words that have a description each becomes an `enum`, which generators of clients understand better.
fn plain_enum(schema: &mut Schema) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else { return };
    let words: Option<Vec<_>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    let Some(words) = words else { return };
    let says = |choice: &Value| Some(format!("- `{}`: {}", choice["const"].as_str()?, choice["description"].as_str()?));
    let list: Vec<_> = choices.iter().filter_map(says).collect();
    let before = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{before}\n\n{}", list.join("\n"));
    schema.remove("oneOf");
    schema.insert("type".into(), "string".into());
    schema.insert("enum".into(), json!(words));
    schema.insert("description".into(), description.trim().into());
}
