//! Paths that name nothing, and methods that paths do not have.

use anyhow::Result;
use postrider_tests::world;
use reqwest::Method;
use serde_json::json;

use super::furnished;

const EVENT: &str = r#"{"eventType":"t","payload":{}}"#;

/// Names of nothing, for a segment of a path.
fn nothings() -> Vec<String> {
    let mut names = vec!["x".repeat(10_000), "%F0%9F%98%80".repeat(20)];
    names.extend(
        [
            "nobody",
            "app_",
            "app_2tAbcdefghijklmnopqrstuvwxy",
            "app_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "ep_2tAbcdefghijklmnopqrstuvwxy",
            "msg_2tAbcdefghijklmnopqrstuvwxy",
            "atmpt_2tAbcdefghijklmnopqrstuvwxy",
            "%00",
            "a%00b",
            "%ff",
            "%c3%28",
            "%ed%a0%80",
            "%",
            "%zz",
            "%20",
            "a+b",
            "a;b=c",
            "~",
            "{app}",
            "%7B%7D",
            "'%20OR%201=1",
        ]
        .map(str::to_owned),
    );
    names
}

#[tokio::test]
async fn what_a_path_names_in_vain_is_not_found() -> Result<()> {
    let tenant = furnished("nothing").await?;
    let message = tenant.publish("t", json!({})).await?.id;
    for name in nothings() {
        for path in [
            format!("/app/{name}"),
            format!("/app/{name}/endpoint"),
            format!("/app/{name}/msg"),
            format!("/app/app/endpoint/{name}"),
            format!("/app/app/endpoint/{name}/secret"),
            format!("/app/app/endpoint/{name}/msg"),
            format!("/app/app/msg/{name}"),
            format!("/app/app/msg/{name}/endpoint"),
            format!("/app/app/msg/{message}/attempt/{name}"),
            format!("/app/app/attempt/endpoint/{name}"),
            format!("/app/app/attempt/msg/{name}"),
            format!("/app/app/attempt/msg/{message}?endpoint_id={name}"),
            format!("/event-type/{name}"),
        ] {
            let reply = tenant.api.get(&path).await?;
            assert_eq!(reply.status, 404, "{path:.100}: {:.200}", reply.text);
            reply.assert_refused(404, "not_found");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_event_for_no_application_is_refused() -> Result<()> {
    let tenant = furnished("no-app").await?;
    for name in nothings() {
        let reply = tenant.api.post_raw(&format!("/app/{name}/msg"), &[], EVENT).await?;
        assert_eq!(reply.status, 404, "{name:.100}: {:.200}", reply.text);
        reply.assert_refused(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn writes_to_what_is_not_there_are_not_found() -> Result<()> {
    let tenant = furnished("write-nothing").await?;
    tenant.svix.endpoint().delete("app".to_owned(), "ep".to_owned()).await?;
    let id = "ep_2tAbcdefghijklmnopqrstuvwxy";
    let writes = [
        ("PATCH", "/app/nobody".to_owned(), "{}"),
        ("DELETE", "/app/nobody".to_owned(), ""),
        ("POST", "/app/nobody/endpoint".to_owned(), r#"{"url":"https://example.com/"}"#),
        ("PUT", "/app/nobody/endpoint/ep".to_owned(), r#"{"url":"https://example.com/"}"#),
        ("PUT", format!("/app/app/endpoint/{id}"), r#"{"url":"https://example.com/"}"#),
        ("PATCH", "/app/app/endpoint/ep".to_owned(), "{}"),
        ("DELETE", "/app/app/endpoint/ep".to_owned(), ""),
        ("PUT", "/app/app/endpoint/ep/headers".to_owned(), r#"{"headers":{}}"#),
        ("PATCH", "/app/app/endpoint/ep/headers".to_owned(), r#"{"headers":{}}"#),
        ("POST", "/app/app/endpoint/ep/secret/rotate".to_owned(), "{}"),
        ("PATCH", "/event-type/nothing".to_owned(), "{}"),
        ("DELETE", "/event-type/nothing".to_owned(), ""),
        ("DELETE", "/event-type/nothing?expunge=true".to_owned(), ""),
    ];
    for (method, path, body) in writes {
        let reply = tenant.api.send(method.parse()?, &path, &[], Some(body.into())).await?;
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text);
        reply.assert_refused(404, "not_found");
    }
    let name = tenant.api.put("/event-type/a%20b", &json!({"description": ""})).await?;
    name.assert_invalid(&["path", "event_type_name"]);
    Ok(())
}

#[tokio::test]
async fn unknown_paths_are_not_found_and_other_methods_not_allowed() -> Result<()> {
    let stack = world().main().await?;
    let tenant = furnished("methods").await?;
    for path in ["/", "/app/app/unknown", "/app/app/endpoint/ep/unknown", "/unknown", "/app/app/msg/a/b/c/d/e"] {
        let reply = tenant.api.get(path).await?;
        assert_eq!((reply.status, reply.text.as_str()), (404, ""), "{path}");
    }
    let outside = reqwest::Client::new().get(format!("{}/", stack.url())).send().await?;
    assert_eq!(outside.status(), 404);
    let bad = [
        ("DELETE", "/app", "GET,HEAD,POST"),
        ("POST", "/app/app", "DELETE,GET,HEAD,PATCH,PUT"),
        ("PATCH", "/app/app/endpoint", "GET,HEAD,POST"),
        ("GET", "/app/app/endpoint/ep/secret/rotate", "POST"),
        ("POST", "/app/app/endpoint/ep/secret", "GET,HEAD"),
        ("DELETE", "/app/app/endpoint/ep/headers", "GET,HEAD,PATCH,PUT"),
        ("POST", "/event-type/t", "DELETE,GET,HEAD,PATCH,PUT"),
        ("TRACE", "/app", "GET,HEAD,POST"),
        ("NONSENSE", "/app", "GET,HEAD,POST"),
    ];
    for (method, path, allowed) in bad {
        let reply = tenant.api.send(Method::from_bytes(method.as_bytes())?, path, &[], None).await?;
        assert_eq!((reply.status, reply.text.as_str()), (405, ""), "{method} {path}");
        let allow = reply.headers.get("allow").and_then(|allow| allow.to_str().ok()).unwrap_or_default();
        let mut allow: Vec<_> = allow.split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn slashes_at_the_end_are_trimmed_and_head_works_where_get_does() -> Result<()> {
    let tenant = furnished("slashes").await?;
    for path in ["/app/", "/app/app/", "/app/app/endpoint//", "/event-type/t/", "/app/app/msg/", "/app/app"] {
        assert_eq!(tenant.api.get(path).await?.status, 200, "{path}");
        let head = tenant.api.send(Method::HEAD, path, &[], None).await?;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
    }
    Ok(())
}
