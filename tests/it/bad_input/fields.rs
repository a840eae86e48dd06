//! Fields that are wrong: each is named.

use anyhow::Result;
use serde_json::{Value, json};

use super::furnished;

/// Sends the body with each of the wrong values in one field, and asserts that this field is named.
async fn refuses(method: &str, path: &str, good: &Value, wrong: &[(&str, Vec<Value>)]) -> Result<()> {
    let name: String = path.chars().filter(char::is_ascii_lowercase).collect();
    let tenant = furnished(&format!("fields-{}-{name}", method.to_lowercase())).await?;
    for (field, values) in wrong {
        for value in values {
            let mut body = good.clone();
            body[*field] = value.clone();
            let reply = tenant.api.send(method.parse()?, path, &[], Some(body.to_string().into())).await?;
            assert_eq!(reply.status, 422, "{method} {path} {field} {value:.80}: {}", reply.text);
            let loc = reply.json()["detail"][0]["loc"].clone();
            let named = loc[1].as_str().unwrap_or_default().split('[').next().unwrap_or_default();
            assert_eq!((&loc[0], named), (&json!("body"), *field), "{value:.80}: {}", reply.text);
            let loc: Vec<_> = loc.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            reply.assert_invalid(&loc);
        }
    }
    Ok(())
}

fn names() -> Vec<Value> {
    let mut names = vec![json!(1), json!(true), json!(["a"]), json!({})];
    names.extend(["", "a b", "a/b", "\u{e9}", "a\u{0}", &"x".repeat(257)].map(Value::from));
    names
}

fn uids(prefix: &str) -> Vec<Value> {
    [names(), vec![json!(prefix), json!(format!("{prefix}x"))]].concat()
}

fn with_null(mut values: Vec<Value>) -> Vec<Value> {
    values.push(Value::Null);
    values
}

fn rates() -> Vec<Value> {
    vec![json!(0), json!(-1), json!(65_536), json!(1.5), json!("1"), json!([1])]
}

fn metadata() -> Vec<Value> {
    vec![json!([]), json!("a"), json!({"a": 1}), json!({"a": null}), json!({"a": {}}), json!({"a": "x".repeat(4_096)})]
}

fn sets(most: usize) -> Vec<Value> {
    let many: Vec<_> = (0..=most).map(|n| n.to_string()).collect();
    vec![json!([]), json!("a"), json!({}), json!([1]), json!([null]), json!([""]), json!(["a", "b c"]), json!(many)]
}

fn urls() -> Vec<Value> {
    let long = format!("https://example.com/{}", "x".repeat(9_980));
    let texts = [
        "",
        "example.com",
        "/relative",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://example.com/\n",
        "https://example.com/\u{0}",
        &long,
    ];
    texts.into_iter().map(Value::from).chain([json!(1), Value::Null, json!(["https://example.com/"])]).collect()
}

#[tokio::test]
async fn of_applications() -> Result<()> {
    let wrong = [
        ("name", vec![json!(""), json!(1), Value::Null, json!([]), json!("a\u{0}b"), json!("x".repeat(65_537))]),
        ("uid", uids("app_")),
        ("throttleRate", rates()),
        ("rateLimit", rates()),
        ("metadata", metadata()),
    ];
    refuses("POST", "/app", &json!({"name": "A"}), &wrong).await?;
    refuses("PUT", "/app/app", &json!({"name": "A"}), &wrong).await?;
    refuses("PATCH", "/app/app", &json!({}), &wrong).await
}

#[tokio::test]
async fn of_endpoints() -> Result<()> {
    let flags = || vec![json!("true"), json!(1)];
    let wrong = [
        ("url", urls()),
        ("uid", uids("ep_")),
        ("description", vec![json!(1), json!("\u{1}"), Value::Null]),
        ("version", vec![json!(0), json!(-1), json!("1"), json!(65_536)]),
        ("disabled", with_null(flags())),
        ("eventTypes", sets(1_000)),
        ("channels", sets(10)),
        ("throttleRate", rates()),
        ("metadata", metadata()),
    ];
    let good = json!({"url": "https://example.com/"});
    refuses("POST", "/app/app/endpoint", &good, &wrong).await?;
    refuses("PUT", "/app/app/endpoint/ep", &good, &wrong).await?;
    refuses("PATCH", "/app/app/endpoint/ep", &json!({}), &wrong).await
}

#[tokio::test]
async fn of_event_types() -> Result<()> {
    let wrong = [
        ("description", vec![json!(1), Value::Null, json!("\u{8}")]),
        ("archived", vec![json!(1), json!("true"), Value::Null]),
        ("deprecated", vec![json!(0), Value::Null]),
        ("schemas", vec![json!([]), json!("{}"), json!({"1": 5}), json!({"1": "{}"})]),
        ("featureFlag", names()),
    ];
    let good = json!({"description": ""});
    refuses("PUT", "/event-type/t", &good, &wrong).await?;
    refuses("PATCH", "/event-type/t", &good, &wrong).await?;
    let wrong = [&wrong[..], &[("name", with_null(names()))]].concat();
    refuses("POST", "/event-type", &json!({"description": "", "name": "u"}), &wrong).await
}

#[tokio::test]
async fn of_messages() -> Result<()> {
    let wrong = [
        ("eventType", with_null(names())),
        ("payload", vec![json!([]), json!([{}]), json!("{}"), json!(1), json!(true), Value::Null]),
        ("eventId", uids("msg_")),
        ("channels", sets(5)),
        ("payloadRetentionPeriod", [4, 0, -1, 91].map(Value::from).to_vec()),
        ("payloadRetentionPeriod", vec![json!(5.5), json!("90"), Value::Null]),
    ];
    refuses("POST", "/app/app/msg", &json!({"eventType": "t", "payload": {}}), &wrong).await
}

#[tokio::test]
async fn that_are_missing_or_given_twice() -> Result<()> {
    let tenant = furnished("missing-fields").await?;
    let bad = [
        ("/app", "{}", "name"),
        ("/app", r#"{"name":"A","name":"A"}"#, "name"),
        ("/app/app/endpoint", "{}", "url"),
        ("/app/app/endpoint", r#"{"url":"https://example.com","channels":null,"channels":null}"#, "channels"),
        ("/app/app/endpoint", r#"{"url":"https://example.com","eventTypes":["t"],"filterTypes":["t"]}"#, "eventTypes"),
        ("/event-type", r#"{"name":"a"}"#, "description"),
        ("/event-type", r#"{"description":""}"#, "name"),
        ("/app/app/msg", r#"{"payload":{}}"#, "eventType"),
        ("/app/app/msg", r#"{"eventType":"t"}"#, "payload"),
        ("/app/app/msg", r#"{"eventType":"t","payload":{},"payload":{}}"#, "payload"),
    ];
    for (path, body, field) in bad {
        let reply = tenant.api.post_raw(path, &[], body).await?;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text);
        reply.assert_invalid(&["body", field]);
    }
    for method in ["PUT", "PATCH"] {
        let reply = tenant.api.send(method.parse()?, "/app/app/endpoint/ep/headers", &[], Some("{}".into())).await?;
        reply.assert_invalid(&["body", "headers"]);
    }
    Ok(())
}

#[tokio::test]
async fn that_are_wrong_are_all_named_at_once() -> Result<()> {
    let tenant = furnished("all-at-once").await?;
    let body = json!({"eventType": "a b", "payload": [], "eventId": "", "channels": [], "payloadRetentionPeriod": 1});
    let reply = tenant.api.post("/app/app/msg", &body).await?;
    for field in ["eventType", "payload", "eventId", "channels", "payloadRetentionPeriod"] {
        reply.assert_invalid(&["body", field]);
    }
    Ok(())
}
