//! Documents of both versions, in JSON and YAML, and those that mean harm.

use postrider_schema::{Rule as _, Schema};
use serde_json::{Value, json};

use super::*;

fn document(version: &str, section: &str, schema: &Value) -> Value {
    json!({
        "openapi": version, "info": {"title": "t", "version": "1"},
        section: {"order.paid": {"post": {
            "summary": "Paid", "deprecated": true,
            "requestBody": {"content": {"application/json": {"schema": schema, "example": {"id": "a"}}}},
        }}},
        "components": {"schemas": {
            "Order": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "string"}, "parent": {"$ref": "#/components/schemas/Order"},
                "total": {"$ref": "#/components/schemas/Money%20Amount"},
            }},
            "Money Amount": {"type": "integer", "minimum": 0},
            "Unused": {"$ref": "https://example.com/never-read"},
        }},
    })
}

fn only(document: &Value) -> Webhook {
    let mut all = webhooks(document).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn refused(document: &Value) -> String {
    webhooks(document).expect_err("accepted").path.join("/")
}

fn paths(schema: &Value, payload: &Value) -> Vec<String> {
    let schema = Schema::compile(schema).unwrap_or_else(|fault| panic!("{fault:?}: {schema}"));
    schema.faults(payload, 9).into_iter().map(|fault| fault.path.join("/")).collect()
}

#[test]
fn a_webhook_of_3_1_comes_with_what_it_refers_to_and_nothing_else() {
    let webhook = only(&document("3.1.0", "webhooks", &json!({"$ref": "#/components/schemas/Order"})));
    assert_eq!((webhook.name.as_str(), webhook.description.as_str(), webhook.deprecated), ("order.paid", "Paid", true));
    let schema = webhook.schema.expect("a schema");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["parent"]["$ref"], "#/$defs/Order");
    let held: Vec<_> = schema["$defs"].as_object().expect("definitions").keys().collect();
    assert_eq!(held, ["Money_20Amount", "Order"]);
    assert_eq!(schema["examples"], json!([{"id": "a"}]));
    assert_eq!(paths(&schema, &json!({"id": "a", "parent": {"total": -1, "id": "b"}})), ["parent/total"]);
}

#[test]
fn a_webhook_of_3_0_is_rewritten_as_draft_7() {
    let schema = json!({"type": "object", "properties": {
        "note": {"type": "string", "nullable": true, "example": "n"},
        "share": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 1, "exclusiveMaximum": false},
        "order": {"$ref": "#/components/schemas/Order"},
        "nullable": {"type": "boolean"},
    }});
    let schema = only(&document("3.0.3", "x-webhooks", &schema)).schema.expect("a schema");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(paths(&schema, &json!({"note": null, "share": 1, "order": {"id": "a"}, "nullable": true})), [""; 0]);
    assert_eq!(paths(&schema, &json!({"note": 1, "share": 0, "order": {}})), ["note", "order/id", "share"]);
}

#[test]
fn references_stay_in_the_document() {
    for (schema, place) in [
        (json!({"$ref": "https://example.com/a.json"}), ""),
        (json!({"items": {"$ref": "file:///etc/passwd"}}), "/items/$ref"),
        (json!({"properties": {"a": {"$ref": "#/components/schemas/None"}}}), "/properties/a/$ref"),
    ] {
        let place = format!("webhooks/order.paid/post/requestBody/content/application/json/schema{place}");
        assert_eq!(refused(&document("3.1.0", "webhooks", &schema)), place);
    }
    // A payload's own member, and an example, are no references.
    let plain = json!({"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "https://example.com"}});
    only(&document("3.1.0", "webhooks", &plain));
    let cyclic = json!({"openapi": "3.1.0", "webhooks": {"a": {"$ref": "#/webhooks/a"}}});
    assert_eq!(refused(&cyclic), "webhooks/a/$ref");
    // Into a component, and elsewhere.
    let deep = json!({"properties": {
        "id": {"$ref": "#/components/schemas/Order/properties/id"}, "whole": {"$ref": "#/webhooks/order.paid/post/requestBody/content/application~1json/schema"},
    }});
    let schema = only(&document("3.1.0", "webhooks", &deep)).schema.expect("a schema");
    assert_eq!(paths(&schema, &json!({"id": 1, "whole": {"id": 2}})), ["id", "whole/id"]);
}

#[test]
fn what_is_no_document_with_webhooks_is_refused() {
    assert_eq!(refused(&json!({"swagger": "2.0"})), "openapi");
    assert_eq!(refused(&json!([])), "openapi");
    assert_eq!(refused(&json!({"openapi": "3.1.0", "paths": {}})), "");
    assert_eq!(refused(&json!({"openapi": "3.1.0", "webhooks": {"a b": {"post": {}}}})), "webhooks/a b");
    assert_eq!(refused(&json!({"openapi": "3.1.0", "webhooks": {"a": {"parameters": []}}})), "webhooks/a");
    let bare = only(&json!({"openapi": "3.1.0", "webhooks": {"a": {"summary": "s", "post": {}}}}));
    assert_eq!((bare.schema, bare.description.as_str()), (None, "s"));
}

#[test]
fn yaml_says_the_same_as_json() {
    let text = "
openapi: 3.1.0
info: &info {title: \"t\", 'version': '1', n: [1, -2.5, 0x1F, 1e3, .5, ~, true, no, 2026-11-01, -x, \"3\", !!str 4]}
copy: *info
block: |
  two
  lines
merged:
  <<: *info
  title: own
200: ok
";
    let value = from_yaml(text).expect("YAML");
    assert_eq!(value["openapi"], "3.1.0");
    let numbers = json!([1, -2.5, 31, 1000.0, 0.5, null, true, "no", "2026-11-01", "-x", "3", "4"]);
    assert_eq!(value["info"]["n"], numbers);
    assert_eq!((&value["copy"], &value["block"]), (&value["info"], &json!("two\nlines\n")));
    assert_eq!((&value["merged"]["title"], &value["merged"]["version"]), (&json!("own"), &json!("1")));
    assert_eq!(value["200"], "ok");
    let json = json!({"a": [1, {"b": null}], "c": "\u{e9}\n"});
    assert_eq!(from_yaml(&json.to_string()), Ok(json));
}

#[test]
fn hostile_yaml_is_refused_soon() {
    let begun = std::time::Instant::now();
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1)
    });
    for text in [
        bomb,
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "a: &a [*a]".to_owned(),
        "a: *b".to_owned(),
        "? [a]\n: b".to_owned(),
        "a: 1\na: 2".to_owned(),
        "a: 1\n---\nb: 2".to_owned(),
        "a: {<<: 1}".to_owned(),
        "\"".to_owned(),
        String::new(),
        "[1,".repeat(50_000),
    ] {
        assert!(from_yaml(&text).is_err(), "{}", &text[..text.len().min(40)]);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn what_is_referred_to_again_and_again_is_not_copied_without_end() {
    // One place by many names: each would be a copy of its own.
    let spelled = |n: usize| {
        let letters = "big".bytes().enumerate();
        let spell = |(nth, letter): (usize, u8)| {
            if n >> nth & 1 == 1 { format!("%{letter:02x}") } else { char::from(letter).to_string() }
        };
        json!({"$ref": format!("#/components/schemas/{}", letters.map(spell).collect::<String>())})
    };
    let mut document = document("3.1.0", "webhooks", &json!({"allOf": (0..8).map(spelled).collect::<Vec<_>>()}));
    document["components"]["schemas"]["big"] = json!({"description": "x".repeat(100_000)});
    assert!(refused(&document).starts_with("components/schemas/"), "{}", refused(&document));
}

#[test]
fn names_that_look_alike_stay_apart() {
    let names = ["a b", "a_b", "a%b", "a_b_2", "a_b_3"];
    let refer = |name: &&str| {
        let encoded = name.replace('%', "%25").replace(' ', "%20");
        json!({"$ref": format!("#/components/schemas/{encoded}")})
    };
    let schema = json!({"oneOf": names.iter().map(refer).collect::<Vec<_>>()});
    let mut document = document("3.1.0", "webhooks", &schema);
    for name in names {
        document["components"]["schemas"][name] = json!({"required": [name]});
    }
    let schema = only(&document).schema.expect("a schema");
    assert_eq!(schema["$defs"].as_object().map(serde_json::Map::len), Some(names.len()), "{schema:#}");
    for name in names {
        assert_eq!(paths(&schema, &json!({name: 1})), [""; 0], "{name}: {schema:#}");
    }
}
