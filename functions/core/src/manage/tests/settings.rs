//! What an organization settles, and what event types demand.

use super::*;

async fn put(world: &World, body: &str) -> Result<Value, Problem> {
    world.manager().put_settings(&world.caller, &read(body)).await.map(|settings| shown(&settings))
}

async fn patch(world: &World, body: &str) -> Result<Value, Problem> {
    world.manager().patch_settings(&world.caller, &read(body)).await.map(|settings| shown(&settings))
}

fn settled(unknown: &str, archived: &str) -> Value {
    serde_json::json!({"eventTypes": {"unknown": unknown, "archived": archived}})
}

#[tokio::test]
async fn settings_are_replaced_and_changed_and_an_application_has_none() {
    let world = World::new();
    let get = async || shown(&world.manager().settings(&world.caller).await.expect("settings"));
    assert_eq!(get().await, settled("accept", "accept"));
    assert_eq!(put(&world, r#"{"eventTypes":{"unknown":"refuse"}}"#).await.ok(), Some(settled("refuse", "accept")));
    assert_eq!(patch(&world, r#"{"eventTypes":{"archived":"refuse"}}"#).await.ok(), Some(settled("refuse", "refuse")));
    assert_eq!(patch(&world, "{}").await.ok(), Some(settled("refuse", "refuse")));
    assert_eq!(get().await, settled("refuse", "refuse"));
    assert_eq!(put(&world, "{}").await.ok(), Some(settled("accept", "accept")));
    let token = Caller { app: Some("app_2tAbcdefghijklmnopqrstuvwxy".parse().expect("app")), ..world.caller.clone() };
    assert_eq!(status(&world.manager().settings(&token).await), 403);
    assert_eq!(status(&world.manager().put_settings(&token, &read("{}")).await), 403);
    assert_eq!(status(&world.manager().patch_settings(&token, &read("{}")).await), 403);
}

#[tokio::test]
async fn a_demand_of_payloads_needs_its_schema_and_is_noted_for_publishing() {
    let world = World::new();
    let kind = |validation: &str| {
        format!(r#"{{"name":"a","description":"","schemas":{{"1":{{}},"2":{{}}}},"validation":{validation}}}"#)
    };
    assert_eq!(fields(world.event_type(&kind(r#"{"payload":"enforce","version":"3"}"#)).await), ["body.validation"]);
    assert!(world.memory.state().settings.is_empty());
    let made = world.event_type(&kind(r#"{"payload":"enforce"}"#)).await.expect("made");
    assert_eq!(made["validation"], serde_json::json!({"payload": "enforce"}));
    assert!(world.memory.state().settings[&world.caller.org].validates);
    let patch = async |body: &str| {
        world.manager().patch_event_type(&world.caller, "a", &read(body)).await.map(|kind| shown(&kind))
    };
    assert_eq!(fields(patch(r#"{"schemas":null}"#).await), ["body.validation"]);
    let kept = patch(r#"{"validation":{"payload":"enforce","version":"1"}}"#).await.expect("patched");
    assert_eq!(kept["validation"]["version"], "1");
    assert_eq!(patch(r#"{"description":"x"}"#).await.expect("patched")["validation"]["version"], "1");
    assert_eq!(patch(r#"{"validation":{"payload":"off"}}"#).await.expect("patched").get("validation"), None);
    // What organizations settle does not undo the note.
    put(&world, "{}").await.expect("put");
    assert!(world.memory.state().settings[&world.caller.org].validates);
}
