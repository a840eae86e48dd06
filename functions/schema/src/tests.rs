//! Good schemas and bad ones, hostile ones, and what they say about payloads.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::*;

const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";
/// Of an unoptimized build on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn refused(schema: &Value) -> String {
    let fault = Schema::compile(schema).map(drop).expect_err(&format!("accepted: {schema}"));
    fault.path.join("/")
}

fn compiled(schema: &Value) -> Schema {
    Schema::compile(schema).unwrap_or_else(|fault| panic!("{fault:?}: {schema}"))
}

fn faults(schema: &Value, payload: &Value) -> Vec<String> {
    compiled(schema).faults(payload, 50).iter().map(|fault| fault.path.join("/")).collect()
}

#[test]
fn a_schema_that_is_none_is_refused_where_it_is_wrong() {
    for (schema, path) in [
        (json!({"properties": {"a": {"type": "strin"}}}), "properties/a/type"),
        (json!({"required": "a"}), "required"),
        (json!({"$schema": DRAFT_2020, "prefixItems": {}}), "prefixItems"),
        (json!({"properties": {"a": {"minLength": -1}}}), "properties/a/minLength"),
        (json!({"properties": {"a": {"pattern": "("}}}), "properties/a/pattern"),
        (json!({"properties": {"a/b": {"pattern": "(?=a)b"}}}), "properties/a/b/pattern"),
        (json!({"properties": {"a": {"pattern": "(a)\\1"}}}), "properties/a/pattern"),
        (json!({"properties": {"a": {"pattern": "((a{99}){99}){99}"}}}), "properties/a/pattern"),
        (json!({"patternProperties": {"(?!b)": {}}}), "patternProperties/(?!b)"),
        (json!({"$schema": "https://example.com/mine"}), "$schema"),
        (json!({"$schema": 7}), "$schema"),
        (json!([]), ""),
    ] {
        assert_eq!(refused(&schema), path, "{schema}");
    }
}

#[test]
fn nothing_is_fetched_and_references_stay_inside() {
    for reference in [
        "https://example.com/order.json",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "/etc/passwd",
        "other.json#/a",
        "#anchor",
        "#/$defs/none",
    ] {
        let schema = json!({"properties": {"a": {"items": {"$ref": reference}}}});
        assert_eq!(refused(&schema), "properties/a/items/$ref", "{reference}");
        // Where nothing refers to it, it is a value like any other.
        compiled(&json!({"properties": {"$ref": {"const": {"$ref": reference}}}}));
        // Where something does, it counts.
        let hidden = json!({"$ref": "#/examples/0", "examples": [{"not": {"$ref": reference}}]});
        assert_eq!(refused(&hidden), "examples/0/not/$ref", "{reference}");
    }
    assert_eq!(refused(&json!({"$defs": {"a": {"$id": "https://example.com/a"}}})), "$defs/a/$id");
    assert_eq!(refused(&json!({"$schema": DRAFT_2020, "$dynamicRef": "#"})), "$dynamicRef");
    compiled(&json!({"$id": "https://example.com/root", "$ref": "#/$defs/a%20b", "$defs": {"a b": {}}}));
}

#[test]
fn each_failing_place_is_told() {
    let schema = json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "format": "uuid"}, "at": {"format": "date-time"},
            "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}},
        },
        "definitions": {"line": {"required": ["sku"], "properties": {"quantity": {"minimum": 1}}}},
    });
    let payload = json!({"at": "today", "lines": [{"sku": "a", "quantity": 0}, {}], "extra": 1});
    let mut found = faults(&schema, &payload);
    found.sort();
    assert_eq!(found, ["", "at", "id", "lines/0/quantity", "lines/1/sku"]);
    let good = json!({"id": "3f2b9a52-7d3a-4c76-9b53-0d4f6f2d7a11", "lines": [{"sku": "a"}]});
    assert_eq!(faults(&schema, &good), [""; 0]);
}

#[test]
fn each_dialect_reads_its_own_keywords() {
    let schema = |dialect: &str| json!({"$schema": dialect, "prefixItems": [{"type": "string"}]});
    assert_eq!(faults(&schema(DRAFT_2020), &json!([1])), ["0"]);
    assert_eq!(faults(&schema("http://json-schema.org/draft-07/schema#"), &json!([1])), [""; 0]);
    // As the contract has it, what does not say is draft 7.
    assert_eq!(faults(&json!({"items": [{"type": "string"}]}), &json!([1])), ["0"]);
}

#[test]
fn the_value_is_not_quoted_and_texts_are_short() {
    let schema = compiled(&json!({"properties": {"a": {"enum": [("x".repeat(2_000))]}, "b": {"type": "string"}}}));
    let found = schema.faults(&json!({"a": "secret", "b": {"secret": 1}}), 50);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|fault| fault.msg.len() < 400 && !fault.msg.contains("secret")), "{found:?}");
}

#[test]
fn the_first_example_is_found_through_references() {
    let find = |schema: &Value| example(schema).cloned().map(Value::Object);
    assert_eq!(find(&json!({"examples": [{"a": 1}, {"a": 2}], "example": {"a": 3}})), Some(json!({"a": 1})));
    assert_eq!(find(&json!({"example": {"a": 3}})), Some(json!({"a": 3})));
    let referring = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"examples": [{"a": 4}]}}});
    assert_eq!(find(&referring), Some(json!({"a": 4})));
    for none in [json!({}), json!({"examples": []}), json!({"examples": [1]}), json!({"$ref": "#"})] {
        assert_eq!(find(&none), None, "{none}");
    }
}

/// Each refers twice to the next.
fn doubling(length: usize) -> Value {
    let link = |n: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        (format!("d{n}"), json!({"allOf": [next, next]}))
    };
    let mut defs: Map<String, Value> = (0..length).map(link).collect();
    defs.insert(format!("d{length}"), json!({"properties": {"a": {"type": "string"}}}));
    json!({"$schema": DRAFT_2020, "$ref": "#/$defs/d0", "$defs": defs, "unevaluatedProperties": false})
}

/// Each refers to the next.
fn chain(length: usize) -> Value {
    let link = |n: usize| (format!("d{n}"), json!({"$ref": format!("#/definitions/d{}", n + 1)}));
    let mut defs: Map<String, Value> = (0..length).map(link).collect();
    defs.insert(format!("d{length}"), json!({}));
    json!({"$ref": "#/definitions/d0", "definitions": defs})
}

/// Whether each branch holds is asked for by the one around it and, once more, by what it leaves unevaluated.
fn branches(depth: usize) -> Value {
    let around = |inner, _| json!({"anyOf": [inner], "unevaluatedProperties": false});
    let mut schema = (0..depth).fold(json!({"properties": {"a": {}}}), around);
    schema["$schema"] = json!(DRAFT_2020);
    schema
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({"x": 1}), |inner, _| json!({"a": inner}))
}

#[test]
fn a_schema_that_is_laborious_by_itself_is_refused_soon() {
    let begun = Instant::now();
    let deep = (0..100).fold(json!({}), |inner, _| json!({"not": inner}));
    let many: Vec<_> = (0..5_000).map(|n| json!({"pattern": format!("[ab]*a[ab]{{100}}{n}")})).collect();
    for schema in [
        doubling(40),
        doubling(5_000),
        chain(5_000),
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"anyOf": [{"$ref": "#"}]}}}),
        deep,
        json!({"allOf": many}),
    ] {
        refused(&schema);
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_payload_that_is_laborious_to_judge_is_refused_soon() {
    let text: String =
        (0..200_000_u32).map(|n| if n.wrapping_mul(2_654_435_761) & 128 == 0 { 'a' } else { 'b' }).collect();
    let numbers = json!({"a": (0..20_000).collect::<Vec<_>>()});
    let begun = Instant::now();
    let twice = json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
    let wide: Vec<_> = (0..1_000).map(|n| json!({"minimum": n})).collect();
    let unique: Vec<_> = (0..1_000).map(|_| json!({"uniqueItems": true})).collect();
    let through_members = json!({
        "$schema": DRAFT_2020, "unevaluatedProperties": false,
        "anyOf": [{"properties": {"a": {"$ref": "#"}, "x": {}}}],
    });
    for (schema, payload) in [
        (branches(25), json!({"a": 1})),
        (through_members, nested(100)),
        (twice, nested(100)),
        (json!({"properties": {"a": {"pattern": "[ab]*a[ab]{800}c"}}}), json!({"a": text})),
        (json!({"patternProperties": {"[ab]*a[ab]{800}c": {}}}), json!({(text): 1})),
        (json!({"properties": {"a": {"items": {"anyOf": wide}}}}), numbers.clone()),
        (json!({"properties": {"a": {"allOf": unique}}}), numbers),
    ] {
        assert_eq!(faults(&schema, &payload), [""], "{}", &schema.to_string()[..80.min(schema.to_string().len())]);
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn what_is_large_but_ordinary_is_judged() {
    let text = "ab".repeat(100_000);
    let begun = Instant::now();
    let tree =
        json!({"properties": {"a": {"$ref": "#"}, "x": {"type": "string"}}, "additionalProperties": {"$ref": "#"}});
    assert_eq!(faults(&tree, &nested(100)), ["a/".repeat(100) + "x"]);
    assert_eq!(faults(&doubling(8), &json!({"a": "1", "b": 2})).len(), 1);
    assert_eq!(faults(&branches(4), &json!({"a": 1})), [""; 0]);
    for pattern in ["^(a|b)+$", "^((ab)*)*$", "(b|a)*c?$", "^[A-Za-z0-9+/=]*$"] {
        assert_eq!(
            faults(&json!({"properties": {"a": {"pattern": pattern}}}), &json!({"a": text})),
            [""; 0],
            "{pattern}"
        );
    }
    let short = json!({"items": {"pattern": "^.{1,255}$"}});
    assert_eq!(faults(&short, &json!(vec!["a name of some length"; 100])), [""; 0]);
    let lines = json!({"items": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}});
    assert_eq!(faults(&lines, &json!(vec![json!({"sku": "a", "n": 1}); 10_000])), [""; 0]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
