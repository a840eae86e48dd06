//! Headers that are wrong, or there twice.

use anyhow::Result;
use postrider_tests::{Api, world};
use reqwest::{Method, header::HeaderValue};

use super::furnished;

const EVENT: &str = r#"{"eventType":"t","payload":{}}"#;
/// A call to each of the functions that look at these headers.
const POSTS: [(&str, &str); 2] = [("/app/app/msg", EVENT), ("/app", r#"{"name":"B"}"#)];

#[tokio::test]
async fn two_authorization_headers_are_refused() -> Result<()> {
    let stack = world().main().await?;
    let tenant = furnished("two-tokens").await?;
    let bearer = format!("Bearer {}", stack.token(&tenant.org, None));
    let api = Api::new(&stack.url(), None);
    for second in [&bearer, "Bearer x"] {
        let headers = [("authorization", bearer.as_str()), ("Authorization", second)];
        for (path, body) in POSTS {
            let reply = api.post_raw(path, &headers, body).await?;
            reply.assert_refused(401, "authentication_failed");
        }
    }
    Ok(())
}

#[tokio::test]
async fn idempotency_keys_that_are_no_keys_are_refused() -> Result<()> {
    let tenant = furnished("bad-keys").await?;
    let long = "k".repeat(257);
    let bad: [&[&str]; 9] =
        [&["a", "b"], &["a", "a"], &["\"a\"", "\"b\""], &[""], &["\"\""], &["\"a"], &["\"a\"b"], &["a, b"], &[&long]];
    for keys in bad {
        let headers: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        for (path, body) in POSTS {
            let reply = tenant.api.post_raw(path, &headers, body).await?;
            assert_eq!(reply.status, 400, "{path} {keys:?}: {}", reply.text);
            reply.assert_refused(400, "invalid_idempotency_key");
        }
    }
    assert_eq!(tenant.svix.application().list(None).await?.data.len(), 1);
    Ok(())
}

#[tokio::test]
async fn other_headers_do_no_harm_twice_or_large() -> Result<()> {
    let tenant = furnished("odd-headers").await?;
    let large = "x".repeat(6_000);
    let headers = [
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
        ("x-forwarded-for", "not an address"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-port", "99999999"),
        ("x-large", &large),
        ("cookie", "a=b; c"),
        ("accept-encoding", "br;q=x"),
    ];
    assert_eq!(tenant.api.send(Method::GET, "/app/app", &headers, None).await?.status, 200);
    assert_eq!(tenant.api.post_raw("/app/app/msg", &headers, EVENT).await?.status, 202);
    Ok(())
}

#[tokio::test]
async fn header_bytes_that_are_no_ascii_are_refused_where_they_count() -> Result<()> {
    let stack = world().main().await?;
    let token = format!("Bearer {}", stack.token("org_bytes", None));
    let get = async |authorization: &[u8], key: &[u8]| {
        let request = reqwest::Client::new().post(format!("{}/api/v1/app", stack.url())).body(r#"{"name":"A"}"#);
        let request = request.header("authorization", HeaderValue::from_bytes(authorization)?);
        anyhow::Ok(request.header("idempotency-key", HeaderValue::from_bytes(key)?).send().await?.status().as_u16())
    };
    assert_eq!(get(&[token.as_bytes(), b"\xff"].concat(), b"key").await?, 401);
    assert_eq!(get(token.as_bytes(), b"k\xc3\xa9y").await?, 400);
    assert_eq!(get(token.as_bytes(), b"k\xff").await?, 400);
    assert_eq!(get(token.as_bytes(), b"key").await?, 201);
    Ok(())
}
