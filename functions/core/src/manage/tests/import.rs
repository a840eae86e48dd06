//! Imports: what they write, and that they can be repeated.

use serde_json::json;

use super::*;

fn document() -> Value {
    let body = json!({"content": {"application/json": {"schema": {"type": "object", "required": ["id"]}}}});
    json!({"openapi": "3.1.0", "webhooks": {
        "a": {"post": {"description": "A", "requestBody": body}}, "b": {"post": {"summary": "B", "deprecated": true}},
    }})
}

async fn import(world: &World, body: &Value) -> Result<Value, Problem> {
    let body = read(&body.to_string());
    world.manager().import_openapi(&world.caller, body).await.map(|done| shown(&done)["data"].clone())
}

#[tokio::test]
async fn an_import_creates_changes_and_brings_back_and_repeating_it_does_nothing() {
    let world = World::new();
    let existing = r#"{"name":"a","description":"old","schemas":{"2":{}},"featureFlag":"f","archived":true,
        "validation":{"payload":"enforce"}}"#;
    world.event_type(existing).await.expect("created");
    let dry = import(&world, &json!({"spec": document(), "dryRun": true, "replaceAll": true})).await.expect("dry run");
    assert_eq!((&dry["modified"], &dry["to_modify"][1]["name"]), (&json!([]), &json!("b")));
    assert_eq!(world.memory.state().event_types.len(), 1);
    assert_eq!(import(&world, &json!({"spec": document()})).await.expect("import"), json!({"modified": ["a", "b"]}));
    let a = shown(&world.manager().event_type(&world.caller, "a").await.expect("a"));
    assert_eq!((&a["description"], &a["archived"], &a["featureFlag"]), (&json!("A"), &json!(false), &json!("f")));
    assert_eq!((&a["schemas"]["1"]["required"], &a["schemas"]["2"]), (&json!(["id"]), &json!({})));
    assert_eq!(a["validation"], json!({"payload": "enforce"}));
    world.bench.pass(Duration::from_secs(1));
    let text = document().to_string();
    assert_eq!(import(&world, &json!({"specRaw": text})).await.expect("again"), json!({"modified": []}));
}

#[tokio::test]
async fn replace_all_archives_the_others() {
    let world = World::new();
    for n in 0..300 {
        world.event_type(&format!(r#"{{"name":"old.{n}","description":""}}"#)).await.expect("created");
    }
    let done = import(&world, &json!({"spec": document(), "replaceAll": true})).await.expect("import");
    assert_eq!(done["modified"].as_array().map(Vec::len), Some(302));
    let state = world.memory.state();
    assert_eq!(state.event_types.values().filter(|kind| !kind.archived).count(), 2);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_whole_and_where_it_is() {
    let world = World::new();
    for body in [json!({}), json!({"spec": document(), "specRaw": ""}), json!({"spec": null})] {
        assert_eq!(status(&import(&world, &body).await), 400, "{body}");
    }
    let mut bad = document();
    bad["webhooks"]["b"]["post"]["requestBody"] =
        json!({"content": {"application/json": {"schema": {"properties": {"x": {"type": "no"}}}}}});
    assert_eq!(
        fields(import(&world, &json!({"spec": bad})).await),
        ["body.spec.webhooks.b.schemas.1.properties.x.type"]
    );
    assert_eq!(fields(import(&world, &json!({"specRaw": "a: [1"})).await), ["body.specRaw"]);
    assert_eq!(fields(import(&world, &json!({"specRaw": "openapi: 3.1.0"})).await), ["body.specRaw"]);
    assert!(world.memory.state().event_types.is_empty());
    let token = Caller { app: Some("app_2tAbcdefghijklmnopqrstuvwxy".parse().expect("app")), ..world.caller.clone() };
    let body = read(&json!({"spec": document()}).to_string());
    assert_eq!(status(&world.manager().import_openapi(&token, body).await), 403);
}
