//! An example of a schema, put together from the examples of its members.

use serde_json::{Map, Value, json};

/// Deeper than any of ours.
const DEEPEST: usize = 12;

/// An example that fits the schema. References are looked up among `components`.
pub(super) fn example(schema: &Value, components: &Map<String, Value>) -> Value {
    of(schema, components, 0)
}

fn of(schema: &Value, components: &Map<String, Value>, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(stated) = stated(schema) {
        return stated;
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return components.get(name).map_or(Value::Null, |schema| of(schema, components, depth + 1));
    }
    if schema.get("properties").is_some() {
        return object(schema, components, depth);
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        return choices.first().map_or(Value::Null, |choice| of(choice, components, depth + 1));
    }
    let kind = &schema["type"];
    match kind.as_str().or_else(|| kind[0].as_str()) {
        Some("object") => object(schema, components, depth),
        Some("array") => json!([of(&schema["items"], components, depth + 1)]),
        Some("string") => json!(""),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        Some("boolean") => json!(false),
        _ => Value::Null,
    }
}

/// The example, the only value, the default or the first choice.
fn stated(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema.get(name).and_then(|all| all.get(0)).cloned();
    let one = |name: &str| schema.get(name).filter(|value| !value.is_null()).cloned();
    first("examples").or_else(|| one("const")).or_else(|| one("default")).or_else(|| first("enum"))
}

/// What must be there, and what has an example and is not out of use.
fn object(schema: &Value, components: &Map<String, Value>, depth: usize) -> Value {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let members = schema["properties"].as_object().into_iter().flatten();
    let shown = members.filter(|(name, schema)| {
        required(name) || (schema.get("examples").is_some() && schema.get("deprecated").is_none())
    });
    let mut made: Map<_, _> = shown.map(|(name, schema)| (name.clone(), of(schema, components, depth + 1))).collect();
    // What is flattened into it, and one of several.
    if let Some(Value::Object(more)) = schema["oneOf"].get(0).map(|choice| of(choice, components, depth + 1)) {
        // Of members that it has already, a choice says less.
        for (name, value) in more {
            made.entry(name).or_insert(value);
        }
    }
    made.into()
}
