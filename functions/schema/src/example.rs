//! The example that a schema gives.

use serde_json::{Map, Value};

use crate::parts::target;

/// References that are followed.
const MOST_REFERENCES: usize = 16;

/// The first of `examples`, or `example`, of a schema or of what it refers to; an object, as payloads are.
pub fn example(root: &Value) -> Option<&Map<String, Value>> {
    let follow = |schema: &Value| target(root, schema.get("$ref")?.as_str()?);
    let mut schema = Some(root);
    for _ in 0..MOST_REFERENCES {
        let here = schema?;
        let given = here.get("examples").and_then(|examples| examples.get(0)).or_else(|| here.get("example"));
        if given.is_some() {
            return given?.as_object();
        }
        schema = follow(here);
    }
    None
}
