//! Event types.

use anyhow::Result;
use postrider_tests::{refusal, world};
use serde_json::{from_value as model, json};
use svix::{
    api::{EventTypeDeleteOptions, EventTypeListOptions},
    models::EventTypeIn,
};

fn schemas() -> serde_json::Value {
    json!({"1": {"type": "object", "required": ["b", "a"], "description": "\u{e9}"}})
}

#[tokio::test]
async fn an_event_type_is_created_read_replaced_and_changed() -> Result<()> {
    let tenant = world().main().await?.tenant("event-types").await?;
    let (kinds, name) = (tenant.svix.event_type(), || "invoice.paid".to_owned());
    let full = EventTypeIn { schemas: Some(schemas()), ..EventTypeIn::new(name(), "Paid \u{1f4b6}".to_owned()) };
    let made = kinds.create(full, None).await?;
    assert_eq!((made.name.as_str(), made.description.as_str()), ("invoice.paid", "Paid \u{1f4b6}"));
    assert_eq!((made.archived, made.deprecated, &made.schemas), (Some(false), false, &Some(schemas())));
    assert_eq!(kinds.get(name()).await?, made);
    let again = json!({"name": "invoice.paid", "description": ""});
    tenant.api.post("/event-type", &again).await?.assert_refused(409, "event_type_exists");
    let patched = kinds.patch(name(), model(json!({"deprecated": true}))?).await?;
    assert_eq!((patched.deprecated, &patched.schemas), (true, &made.schemas));
    assert!(patched.updated_at > made.updated_at && patched.created_at == made.created_at);
    let patched = kinds.patch(name(), model(json!({"schemas": null, "description": "x"}))?).await?;
    assert_eq!((patched.schemas, patched.deprecated, patched.description.as_str()), (None, true, "x"));
    let put = kinds.upsert(name(), model(json!({"description": "y", "schemas": {}}))?).await?;
    assert_eq!((put.deprecated, put.schemas, put.description.as_str()), (false, Some(json!({})), "y"));
    let (first, second) = (
        tenant.api.put("/event-type/new", &json!({"description": "", "name": "ignored"})).await?,
        tenant.api.put("/event-type/new", &json!({"description": ""})).await?,
    );
    assert_eq!((first.status, second.status, &first.json()["name"]), (201, 200, &json!("new")));
    assert_eq!(refusal(kinds.patch("unknown".to_owned(), model(json!({}))?).await), 404);
    Ok(())
}

#[tokio::test]
async fn an_archived_event_type_is_hidden_and_comes_back() -> Result<()> {
    let tenant = world().main().await?.tenant("archive").await?;
    let (kinds, name) = (tenant.svix.event_type(), || "a".to_owned());
    let listed = async |include_archived| {
        let options = EventTypeListOptions { include_archived: Some(include_archived), ..Default::default() };
        anyhow::Ok(kinds.list(Some(options)).await?.data.len())
    };
    kinds.create(EventTypeIn::new(name(), "1".to_owned()), None).await?;
    for _ in 0..2 {
        kinds.delete(name(), None).await?;
    }
    assert_eq!(kinds.get(name()).await?.archived, Some(true));
    assert_eq!((listed(false).await?, listed(true).await?), (0, 1));
    // Published all the same; and back by POST with new contents, by PUT, and by PATCH.
    tenant.publish("a", json!({})).await?;
    let back = kinds.create(EventTypeIn::new(name(), "2".to_owned()), None).await?;
    assert_eq!((back.archived, back.description.as_str()), (Some(false), "2"));
    kinds.patch(name(), model(json!({"archived": true}))?).await?;
    assert_eq!(listed(false).await?, 0);
    kinds.upsert(name(), model(json!({"description": "3"}))?).await?;
    assert_eq!(listed(false).await?, 1);
    kinds.delete(name(), None).await?;
    assert_eq!(kinds.patch(name(), model(json!({"archived": false}))?).await?.description, "3");
    Ok(())
}

#[tokio::test]
async fn an_expunged_event_type_is_gone() -> Result<()> {
    let tenant = world().main().await?.tenant("expunge").await?;
    let (kinds, name) = (tenant.svix.event_type(), || "a".to_owned());
    kinds.create(EventTypeIn::new(name(), String::new()), None).await?;
    let expunge = || Some(EventTypeDeleteOptions { expunge: Some(true) });
    kinds.delete(name(), expunge()).await?;
    assert_eq!(refusal(kinds.get(name()).await), 404);
    assert_eq!(refusal(kinds.delete(name(), None).await), 404);
    kinds.create(EventTypeIn::new(name(), String::new()), None).await?;
    Ok(())
}

#[tokio::test]
async fn lists_of_event_types_show_schemas_when_they_are_asked_to() -> Result<()> {
    let tenant = world().main().await?.tenant("schemas").await?;
    let kind = EventTypeIn { schemas: Some(schemas()), ..EventTypeIn::new("a".to_owned(), String::new()) };
    tenant.svix.event_type().create(kind, None).await?;
    for (query, shown) in [("", json!(null)), ("?with_content=false", json!(null)), ("?with_content=true", schemas())] {
        let list = tenant.api.get(&format!("/event-type{query}")).await?;
        assert_eq!(list.json()["data"][0]["schemas"], shown, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn an_applications_token_sees_no_event_type_with_a_feature_flag() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("flags").await?;
    let flagged = json!({"name": "beta", "description": "", "featureFlag": "flag"});
    assert_eq!(tenant.api.post("/event-type", &flagged).await?.json()["featureFlag"], "flag");
    tenant.svix.event_type().create(EventTypeIn::new("open".to_owned(), String::new()), None).await?;
    let token = stack.token(&tenant.org, Some(&tenant.app));
    let list = stack.svix(&token).event_type().list(None).await?.data;
    assert_eq!(list.iter().map(|kind| kind.name.as_str()).collect::<Vec<_>>(), ["open"]);
    stack.api(&token).get("/event-type/beta").await?.assert_refused(404, "not_found");
    Ok(())
}
