use super::*;
use crate::{
    ids::{AppId, Id as _},
    page::Ask,
};

const BODY: &str = r#"{"name":"a.b","description":"d","schemas":{"1":{"type":"object"}}}"#;

#[tokio::test]
async fn an_archived_type_comes_back_by_post_and_an_active_one_does_not() {
    let world = World::new();
    let first = world.event_type(BODY).await.expect("created");
    let refused = world.event_type(BODY).await.expect_err("exists");
    assert!(refused.status() == 409 && refused.body().contains("event_type_exists"));
    let delete = async |expunge| world.manager().delete_event_type(&world.caller, "a.b", expunge).await;
    assert!(delete(false).await.is_ok() && delete(false).await.is_ok());
    let back = world.event_type(r#"{"name":"a.b","description":"new"}"#).await.expect("back");
    assert_eq!((&back["archived"], &back["schemas"]), (&false.into(), &Value::Null));
    assert_eq!((&back["description"], &back["createdAt"]), (&"new".into(), &first["createdAt"]));
    assert!(delete(true).await.is_ok());
    assert_eq!(status(&delete(true).await), 404);
    assert_eq!(status(&delete(false).await), 404);
}

#[tokio::test]
async fn a_repeated_creation_is_answered_with_what_it_made() {
    let world = World::new();
    let (id, body) = (world.id(), read(BODY));
    let first = world.manager().create_event_type(&world.caller, id, &body).await.expect("created");
    let again = world.manager().create_event_type(&world.caller, id, &body).await.expect("found");
    assert_eq!(first, again);
    world.manager().delete_event_type(&world.caller, "a.b", false).await.expect("archived");
    let id = world.id();
    let back = world.manager().create_event_type(&world.caller, id, &body).await.expect("back");
    assert_eq!(back, world.manager().create_event_type(&world.caller, id, &body).await.expect("found"));
}

#[tokio::test]
async fn put_resets_and_patch_keeps() {
    let world = World::new();
    let put = async |name: &str, body: &str| world.manager().put_event_type(&world.caller, name, &read(body)).await;
    assert!(matches!(put("a.b", BODY).await, Ok(Made::Created(_))));
    let patch = async |body: &str| {
        world.manager().patch_event_type(&world.caller, "a.b", &read(body)).await.map(|kind| shown(&kind))
    };
    let patched = patch(r#"{"archived":true,"deprecated":true,"featureFlag":"f"}"#).await.expect("patched");
    assert_eq!((&patched["archived"], &patched["schemas"]["1"]["type"]), (&true.into(), &"object".into()));
    assert_eq!(patch(r#"{"featureFlag":null}"#).await.expect("patched")["featureFlag"], Value::Null);
    let reset = put("a.b", r#"{"name":"ignored","description":""}"#).await.expect("put").into_inner();
    let reset = shown(&reset);
    assert_eq!((&reset["archived"], &reset["schemas"], &reset["name"]), (&false.into(), &Value::Null, &"a.b".into()));
    assert_eq!(fields(put("a b", BODY).await), ["path.event_type_name"]);
}

#[tokio::test]
async fn names_schemas_and_flags_are_checked() {
    let world = World::new();
    let bad = r#"{"name":"a b","description":"\u0001","schemas":{"1":true,"2":{}},"featureFlag":""}"#;
    let mut broken = fields(world.event_type(bad).await);
    broken.sort();
    assert_eq!(broken, ["body.description", "body.featureFlag", "body.name", "body.schemas.1"]);
    assert_eq!(fields(world.event_type(r#"{"description":""}"#).await), ["body.name"]);
    let large = format!(r#"{{"name":"a","description":"","schemas":{{"1":{{"title":"{}"}}}}}}"#, "t".repeat(262_144));
    assert_eq!(fields(world.event_type(&large).await), ["body.schemas"]);
}

#[tokio::test]
async fn lists_hide_archived_and_flagged_types_and_page_past_names_that_begin_with_a_dash() {
    let world = World::new();
    for body in [
        r#"{"name":"-a","description":""}"#,
        r#"{"name":"--b","description":""}"#,
        r#"{"name":"c","description":"","archived":true}"#,
        r#"{"name":"d","description":"","featureFlag":"f"}"#,
        r#"{"name":"e","description":"","schemas":{}}"#,
    ] {
        world.event_type(body).await.expect("created");
    }
    let (manager, token) =
        (world.manager(), Caller { app: Some(AppId::from_ksuid(world.id())), ..world.caller.clone() });
    let names = async |caller: &Caller, shown: EventTypesShown| {
        let (mut all, mut at) = (Vec::new(), None::<String>);
        loop {
            let page =
                manager.event_types(caller, Ask::new(Some(1), at.as_deref()).expect("ask"), shown).await.expect("page");
            let page = super::shown(&page);
            all.extend(
                page["data"].as_array().expect("rows").iter().map(|row| row["name"].as_str().expect("name").to_owned()),
            );
            if page["done"] == true {
                return all;
            }
            at = page["iterator"].as_str().map(str::to_owned);
        }
    };
    let (usual, everything) = (EventTypesShown::default(), EventTypesShown { archived: true, schemas: true });
    assert_eq!(names(&world.caller, usual).await, ["--b", "-a", "d", "e"]);
    assert_eq!(names(&world.caller, everything).await, ["--b", "-a", "c", "d", "e"]);
    assert_eq!(names(&token, usual).await, ["--b", "-a", "e"]);
    let flagged = Caller { flags: vec!["f".to_owned()], ..token.clone() };
    assert_eq!(names(&flagged, usual).await, ["--b", "-a", "d", "e"]);
    assert_eq!(status(&manager.event_type(&flagged, "d").await), 200);
    assert_eq!(status(&manager.event_type(&token, "d").await), 404);
    let back =
        manager.event_types(&world.caller, Ask::new(Some(1), Some("-d")).expect("ask"), usual).await.expect("page");
    assert_eq!(super::shown(&back)["data"][0]["name"], "-a");
}
