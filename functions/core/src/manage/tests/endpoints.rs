use super::*;

const URL: &str = r#"{"url":"https://example.com","uid":"e"}"#;

#[tokio::test]
async fn urls_are_normalized_and_must_be_https() {
    let world = World::new();
    let made = world.endpoint(r#"{"url":"HTTPS://EXAMPLE.com:443?a=b#c"}"#).await.expect("created");
    assert_eq!(made["url"], "https://example.com/?a=b");
    let long = format!("https://example.com/{}", "a".repeat(10_000));
    for bad in ["", "example.com", "/x", "http://example.com", "ftp://example.com", "https://", "https://a b", &long] {
        let body = serde_json::json!({ "url": bad }).to_string();
        assert_eq!(fields(world.endpoint(&body).await), ["body.url"], "{bad}");
    }
    let mut local = world.manager();
    local.plain_http = true;
    let body = read(r#"{"url":"http://localhost:9000"}"#);
    assert!(local.create_endpoint(&world.caller, world.id(), "app", body).await.is_ok());
}

#[tokio::test]
async fn patch_keeps_what_is_absent_and_null_clears() {
    let world = World::new();
    world.event_type(r#"{"name":"b","description":""}"#).await.expect("created");
    world.event_type(r#"{"name":"a","description":""}"#).await.expect("created");
    let body = r#"{"url":"https://example.com","uid":"e","filterTypes":["b","a","b"],"channels":["y","x"],
        "throttleRate":5,"description":"d","version":3,"disabled":true,"metadata":{"k":"v"}}"#;
    world.endpoint(body).await.expect("created");
    let same = world.patched("e", "{}").await.expect("patched");
    assert_eq!(same["eventTypes"], serde_json::json!(["a", "b"]));
    assert_eq!(same["filterTypes"], same["eventTypes"]);
    assert_eq!((&same["disabled"], &same["version"], &same["rateLimit"]), (&true.into(), &3.into(), &5.into()));
    let nulls = r#"{"uid":null,"eventTypes":null,"channels":null,"rateLimit":null,"metadata":null,"disabled":false}"#;
    let cleared = world.patched("e", nulls).await.expect("patched");
    for field in ["uid", "eventTypes", "filterTypes", "channels", "throttleRate", "rateLimit"] {
        assert_eq!(cleared[field], Value::Null, "{field}");
    }
    assert_eq!((&cleared["description"], &cleared["disabled"]), (&"d".into(), &false.into()));
    for field in ["url", "version", "description", "disabled"] {
        let patch = format!(r#"{{"{field}":null}}"#);
        assert!(from_json::<EndpointPatch>(patch.as_bytes()).is_err(), "{field}");
    }
    assert!(from_json::<EndpointPatch>(br#"{"eventTypes":["a"],"filterTypes":["a"]}"#).is_err());
}

#[tokio::test]
async fn event_types_must_exist_and_be_in_use_when_they_are_given() {
    let world = World::new();
    world.event_type(r#"{"name":"old","description":""}"#).await.expect("created");
    let body = r#"{"url":"https://example.com","uid":"e","eventTypes":["old"]}"#;
    world.endpoint(body).await.expect("created");
    world.manager().delete_event_type(&world.caller, "old", false).await.expect("archived");
    assert!(world.patched("e", r#"{"description":"d"}"#).await.is_ok());
    assert_eq!(fields(world.patched("e", r#"{"eventTypes":["old"]}"#).await), ["body.eventTypes"]);
    assert_eq!(fields(world.patched("e", r#"{"eventTypes":[]}"#).await), ["body.eventTypes"]);
    assert_eq!(fields(world.patched("e", r#"{"channels":[]}"#).await), ["body.channels"]);
}

#[tokio::test]
async fn put_keeps_secret_and_headers_and_resets_the_rest() {
    let world = World::new();
    world
        .endpoint(r#"{"url":"https://example.com","uid":"e","disabled":true,"description":"d"}"#)
        .await
        .expect("created");
    let manager = world.manager();
    let secret = async || shown(&manager.secret(&world.caller, "app", "e").await.expect("secret"));
    let before = secret().await;
    manager.put_headers(&world.caller, "app", "e", read(r#"{"headers":{"X-A":"1"}}"#)).await.expect("headers");
    let put =
        manager.put_endpoint(&world.caller, world.id(), "app", "e", read(r#"{"url":"https://b.example","secret":1}"#));
    let put = shown(&put.await.expect("put").into_inner());
    assert_eq!((&put["uid"], &put["disabled"], &put["description"]), (&"e".into(), &false.into(), &"".into()));
    assert_eq!(secret().await, before);
    assert_eq!(manager.headers(&world.caller, "app", "e").await.expect("headers").headers.len(), 1);
    let made = manager.put_endpoint(&world.caller, world.id(), "app", "new", read(URL)).await;
    assert_eq!(status(&made), 409);
}

#[tokio::test]
async fn the_same_id_makes_the_same_endpoint_once_and_its_uid_is_unique() {
    let world = World::new();
    world.endpoint(URL).await.expect("created");
    assert_eq!(status(&world.endpoint(URL).await), 409);
    let (id, body) = (world.id(), read::<EndpointIn>(r#"{"url":"https://example.com","uid":"f"}"#));
    for _ in 0..2 {
        assert!(world.manager().create_endpoint(&world.caller, id, "app", body.clone()).await.is_ok());
    }
    assert_eq!(world.memory.state().endpoints.len(), 2);
    world.manager().delete_endpoint(&world.caller, "app", "e").await.expect("deleted");
    assert_eq!(status(&world.patched("e", "{}").await), 404);
    assert!(world.endpoint(URL).await.is_ok());
}

#[tokio::test]
async fn secrets_that_cannot_sign_are_refused_without_being_shown() {
    let world = World::new();
    for bad in ["abc", "whsec_abc", "whsec_YWJj", "whsk_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let body = serde_json::json!({ "url": "https://example.com", "secret": bad }).to_string();
        let result = world.endpoint(&body).await;
        assert!(!result.as_ref().expect_err("refused").body().contains(bad), "{bad}");
        assert_eq!(fields(result), ["body.secret"], "{bad}");
    }
    let body = r#"{"url":"https://example.com","uid":"e","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}"#;
    world.endpoint(body).await.expect("created");
    let secret = world.manager().secret(&world.caller, "app", "e").await.expect("secret");
    assert_eq!(shown(&secret)["key"], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}
