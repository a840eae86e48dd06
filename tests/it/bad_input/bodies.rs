//! Bodies that are not what they should be, as a whole.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::furnished;

/// Every operation that reads a body, with one that fits.
const WRITES: [(&str, &str, &str); 14] = [
    ("POST", "/app", r#"{"name":"A"}"#),
    ("PUT", "/app/app", r#"{"name":"A","uid":"app"}"#),
    ("PATCH", "/app/app", "{}"),
    ("POST", "/app/app/msg", r#"{"eventType":"t","payload":{}}"#),
    ("POST", "/app/app/endpoint", r#"{"url":"https://example.com/"}"#),
    ("PUT", "/app/app/endpoint/ep", r#"{"url":"https://example.com/"}"#),
    ("PATCH", "/app/app/endpoint/ep", "{}"),
    ("PUT", "/app/app/endpoint/ep/headers", r#"{"headers":{}}"#),
    ("PATCH", "/app/app/endpoint/ep/headers", r#"{"headers":{}}"#),
    ("POST", "/app/app/endpoint/ep/secret/rotate", "{}"),
    ("POST", "/event-type", r#"{"name":"u","description":""}"#),
    ("PUT", "/event-type/t", r#"{"description":""}"#),
    ("PATCH", "/event-type/t", "{}"),
    ("PATCH", "/app/app", r#"{"name":"B"}"#),
];

#[tokio::test]
async fn what_is_no_json_object_is_refused() -> Result<()> {
    let tenant = furnished("no-object").await?;
    let no_objects: [&[u8]; 12] =
        [b"", b" ", b"{", b"[]", b"[[]]", b"null", b"true", b"0", b"\"{}\"", b"{'a':1}", b"\xff\xfe", b"\0"];
    for (method, path, good) in WRITES {
        let cut = &good.as_bytes()[..good.len() - 1];
        let not_utf8 = [cut, b",\"x\":\"\xff\"}"].concat();
        let (twice, trailing) = (good.repeat(2), format!("{good} x"));
        for body in no_objects.into_iter().chain([cut, &not_utf8, twice.as_bytes(), trailing.as_bytes()]) {
            let reply = tenant.api.send(method.parse()?, path, &[], Some(body.to_vec())).await?;
            assert_eq!(reply.status, 422, "{method} {path} {:?}: {}", String::from_utf8_lossy(body), reply.text);
            reply.assert_invalid(&["body"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_fields_and_content_types_are_ignored() -> Result<()> {
    let tenant = furnished("unknown-fields").await?;
    for (method, path, good) in WRITES {
        let more = if good.len() > 2 { "," } else { "" };
        let body = format!("{{\"x-unknown\":[{{\"a\":null}}]{more}{}", &good[1..]);
        let body = if more.is_empty() { "{\"x-unknown\":[{\"a\":null}]}".to_owned() } else { body };
        let kind = [("content-type", "text/plain; charset=x")];
        let reply = tenant.api.send(method.parse()?, &format!("{path}?unknown=%00"), &kind, Some(body.into())).await?;
        assert!(matches!(reply.status, 200..=204), "{method} {path}: {} {}", reply.status, reply.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_of_more_than_256_kib_is_too_large() -> Result<()> {
    let tenant = furnished("too-large").await?;
    let sized = |size: usize| {
        let frame = r#"{"eventType":"t","name":"A","payload":{"a":""}}"#;
        frame.replace("\"a\":\"", &format!("\"a\":\"{}", "x".repeat(size - frame.len())))
    };
    for path in ["/app/app/msg", "/app"] {
        for size in [262_145, 300 * 1024, 2 * 1024 * 1024] {
            let reply = tenant.api.post_raw(path, &[], sized(size)).await?;
            reply.assert_refused(413, "payload_too_large");
        }
    }
    assert_eq!(tenant.api.post_raw("/app/app/msg", &[], sized(262_144)).await?.status, 202);
    Ok(())
}

#[tokio::test]
async fn deeply_nested_and_strange_json_does_no_harm() -> Result<()> {
    let tenant = furnished("deep").await?;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [format!(r#"{{"name":{deep}}}"#), format!(r#"{{"metadata":{{"a":{deep}}}}}"#)] {
        let reply = tenant.api.send(Method::PATCH, "/app/app", &[], Some(body.into())).await?;
        assert_eq!(reply.status, 422, "{:.200}", reply.text);
    }
    let reply = tenant.api.post_raw("/app/app/msg", &[], format!(r#"{{"eventType":{deep},"payload":{{}}}}"#)).await?;
    reply.assert_invalid(&["body", "eventType"]);
    let event = json!({"eventType": "t", "payload": {}, "\u{0}": "\u{0}"});
    assert_eq!(tenant.api.post("/app/app/msg", &event).await?.status, 202);
    Ok(())
}
