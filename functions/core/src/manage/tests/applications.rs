use super::*;
use crate::manage::Made;

#[tokio::test]
async fn an_application_that_a_call_brings_along_is_made_where_there_is_none() {
    let world = World::new();
    let call = async |segment: &str, wanted: Option<&str>| {
        let wanted: Option<ApplicationIn> = wanted.map(read);
        let made = application_or_new(&world.memory, &world.caller, world.id(), segment, wanted.as_ref()).await;
        made.map(ApplicationOut::from)
    };
    assert_eq!(status(&call("a", None).await), 404);
    assert_eq!(fields(call("a", Some(r#"{"name":"","uid":"a"}"#)).await), ["body.application.name"]);
    for body in [r#"{"name":"A"}"#, r#"{"name":"A","uid":"b"}"#] {
        assert_eq!(fields(call("a", Some(body)).await), ["body.application.uid"]);
    }
    let made = shown(&call("a", Some(r#"{"name":"A","uid":"a"}"#)).await.expect("created"));
    let found = shown(&call("a", Some(r#"{"name":"B","uid":"b"}"#)).await.expect("found"));
    assert_eq!((&found, world.memory.state().applications.len()), (&made, 1));
}

#[tokio::test]
async fn patch_keeps_what_is_absent_and_null_clears() {
    let world = World::new();
    let body = r#"{"name":"A","uid":"a","rateLimit":7,"metadata":{"k":"v"}}"#;
    world.application(body).await.expect("created");
    let patch = async |patch: &str| {
        world.manager().patch_application(&world.caller, "a", &read(patch)).await.map(|app| shown(&app))
    };
    let same = patch("{}").await.expect("patched");
    assert_eq!((&same["uid"], &same["throttleRate"], &same["rateLimit"]), (&"a".into(), &7.into(), &7.into()));
    // `throttleRate` wins over its other name, also as null.
    let cleared = patch(r#"{"throttleRate":null,"rateLimit":9,"metadata":null}"#).await.expect("patched");
    assert_eq!((&cleared["throttleRate"], &cleared["metadata"]), (&Value::Null, &serde_json::json!({})));
    let unnamed = patch(r#"{"uid":null,"name":"B"}"#).await.expect("patched");
    assert_eq!((unnamed.get("uid"), &unnamed["name"]), (None, &"B".into()));
    assert_eq!(status(&patch("{}").await), 404);
    assert!(from_json::<ApplicationPatch>(br#"{"name":null}"#).is_err());
}

#[tokio::test]
async fn every_write_moves_updated_at() {
    let world = World::new();
    let before = world.application(r#"{"name":"A","uid":"a"}"#).await.expect("created");
    let after = world.manager().patch_application(&world.caller, "a", &read("{}")).await.expect("patched");
    assert!(shown(&after)["updatedAt"].as_str() > before["updatedAt"].as_str());
}

#[tokio::test]
async fn all_broken_rules_are_told_at_once() {
    let world = World::new();
    let body = r#"{"name":"","uid":"app_x y","throttleRate":0,"rateLimit":0}"#;
    let broken = fields(world.application(body).await);
    assert_eq!(broken, ["body.name", "body.uid", "body.uid", "body.throttleRate", "body.rateLimit"]);
    let large = format!(r#"{{"name":"{}","metadata":{{"k":"{}"}}}}"#, "n".repeat(65_536), "v".repeat(4_096));
    assert_eq!(fields(world.application(&large).await), ["body.name", "body.metadata"]);
}

#[tokio::test]
async fn a_uid_is_unique_in_its_organization_only_and_free_after_deletion() {
    let world = World::new();
    let body = r#"{"name":"A","uid":"a"}"#;
    world.application(body).await.expect("created");
    assert_eq!(status(&world.application(body).await), 409);
    let elsewhere = Caller::organization("org_b".parse().expect("org"));
    let manager = world.manager();
    assert!(manager.create_application(&elsewhere, world.id(), &read(body), false).await.is_ok());
    manager.delete_application(&world.caller, "a").await.expect("deleted");
    assert_eq!(status(&manager.delete_application(&world.caller, "a").await), 404);
    assert!(world.application(body).await.is_ok());
}

#[tokio::test]
async fn get_if_exists_gives_what_is_there() {
    let world = World::new();
    let first = world.application(r#"{"name":"A","uid":"a"}"#).await.expect("created");
    let again = read(r#"{"name":"B","uid":"a"}"#);
    let made = world.manager().create_application(&world.caller, world.id(), &again, true).await.expect("found");
    assert!(matches!(made, Made::Existing(app) if shown(&app) == first));
    let other = read(r#"{"name":"B"}"#);
    let made = world.manager().create_application(&world.caller, world.id(), &other, true).await.expect("created");
    assert!(matches!(made, Made::Created(_)));
}

#[tokio::test]
async fn the_same_id_makes_the_same_application_once() {
    let world = World::new();
    let (id, body) = (world.id(), read(r#"{"name":"A","uid":"a"}"#));
    for get_if_exists in [false, false, true] {
        let made = world.manager().create_application(&world.caller, id, &body, get_if_exists).await.expect("made");
        assert!(matches!(made, Made::Created(_)));
    }
    world.manager().patch_application(&world.caller, "a", &read(r#"{"name":"B"}"#)).await.expect("patched");
    let made = world.manager().create_application(&world.caller, id, &body, false).await.expect("made");
    assert_eq!(shown(&made.into_inner())["name"], "B");
    assert_eq!(world.memory.state().applications.len(), 1);
}

#[tokio::test]
async fn put_creates_under_the_uid_of_the_path_and_finds_it_again() {
    let world = World::new();
    let put = async |segment: &str, body: &str| {
        world.manager().put_application(&world.caller, world.id(), segment, &read(body)).await
    };
    assert!(matches!(put("a", r#"{"name":"A"}"#).await, Ok(Made::Created(_))));
    assert!(matches!(put("a", r#"{"name":"A","throttleRate":5}"#).await, Ok(Made::Existing(_))));
    let by_id = world.memory.state().applications.keys().next().copied().expect("one").to_string();
    let replaced = put(&by_id, r#"{"name":"A"}"#).await.expect("put").into_inner();
    let replaced = shown(&replaced);
    // Addressed by id, a PUT without uid removes it; what else was absent falls to its default.
    assert_eq!((replaced.get("uid"), &replaced["throttleRate"]), (None, &Value::Null));
    assert_eq!(status(&put("app_000000000000000000000000000", r#"{"name":"A"}"#).await), 404);
    assert!(matches!(put("b", r#"{"name":"B","uid":"c"}"#).await, Ok(Made::Created(_))));
    assert_eq!(status(&put(&by_id, r#"{"name":"A","uid":"c"}"#).await), 409);
}

#[tokio::test]
async fn other_organizations_and_other_applications_are_not_found() {
    let world = World::new();
    let own = world.application(r#"{"name":"A","uid":"a"}"#).await.expect("created");
    let other = world.application(r#"{"name":"B","uid":"b"}"#).await.expect("created");
    let id = |app: &Value| app["id"].as_str().expect("id").to_owned();
    let token = Caller { app: id(&own).parse().ok(), ..world.caller.clone() };
    let manager = world.manager();
    assert!(manager.application(&token, "a").await.is_ok());
    for segment in ["b", &id(&other)] {
        assert_eq!(status(&manager.application(&token, segment).await), 404);
    }
    let stranger = Caller::organization("org_b".parse().expect("org"));
    for segment in ["a", &id(&own), "a b", "app_", ""] {
        assert_eq!(status(&manager.application(&stranger, segment).await), 404, "{segment}");
    }
    assert_eq!(status(&manager.delete_application(&token, "a").await), 403);
}

#[tokio::test]
async fn the_publishing_rate_is_set_changed_and_left_out() {
    let world = World::new();
    let made = world.application(r#"{"name":"A","uid":"a","delivery":{"publishRate":50}}"#).await.expect("created");
    assert_eq!(made["delivery"], serde_json::json!({ "publishRate": 50 }));
    let patch = async |patch: &str| {
        world.manager().patch_application(&world.caller, "a", &read(patch)).await.map(|app| shown(&app))
    };
    for (given, rate) in [
        ("{}", Some(50)),
        (r#"{"delivery":{}}"#, Some(50)),
        (r#"{"delivery":{"publishRate":100000}}"#, Some(100_000)),
        (r#"{"delivery":{"publishRate":null}}"#, None),
        (r#"{"delivery":{"publishRate":1}}"#, Some(1)),
        (r#"{"delivery":null}"#, None),
    ] {
        let patched = patch(given).await.expect("patched");
        assert_eq!(patched.get("delivery").and_then(|delivery| delivery["publishRate"].as_u64()), rate, "{given}");
    }
    for wrong in [r#"{"delivery":{"publishRate":0}}"#, r#"{"delivery":{"publishRate":100001}}"#] {
        assert_eq!(fields(patch(wrong).await), ["body.delivery.publishRate"]);
    }
    patch(r#"{"delivery":{"publishRate":7}}"#).await.expect("patched");
    let put = world.manager().put_application(&world.caller, world.id(), "a", &read(r#"{"name":"A"}"#)).await;
    assert_eq!(shown(&put.expect("put").into_inner()).get("delivery"), None);
}
