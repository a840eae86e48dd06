use super::*;
use crate::manage::HeadersOut;

async fn world() -> World {
    let world = World::new();
    world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    world
}

impl World {
    async fn put(&self, headers: &str) -> Result<(), Problem> {
        self.manager().put_headers(&self.caller, "app", "e", read(&format!(r#"{{"headers":{headers}}}"#))).await
    }

    async fn patch(&self, headers: &str) -> Result<(), Problem> {
        self.manager().patch_headers(&self.caller, "app", "e", read(&format!(r#"{{"headers":{headers}}}"#))).await
    }

    async fn headers(&self) -> HeadersOut {
        self.manager().headers(&self.caller, "app", "e").await.expect("headers")
    }
}

#[tokio::test]
async fn sensitive_values_are_withheld_and_names_shown_as_typed() {
    let world = world().await;
    world.put(r#"{"X-Api-KEY":"s","X-Plain":"p"}"#).await.expect("put");
    let shown = world.headers().await;
    assert_eq!(shown.headers.into_iter().collect::<Vec<_>>(), [("X-Plain".to_owned(), "p".to_owned())]);
    assert_eq!(shown.sensitive, ["X-Api-KEY"]);
}

#[tokio::test]
async fn patch_replaces_and_removes_whatever_the_case() {
    let world = world().await;
    world.put(r#"{"X-A":"1","X-B":"2"}"#).await.expect("put");
    world.patch(r#"{"x-a":"3","x-b":null,"X-C":"4"}"#).await.expect("patched");
    let headers: Vec<_> = world.headers().await.headers.into_iter().collect();
    assert_eq!(headers, [("X-C".to_owned(), "4".to_owned()), ("x-a".to_owned(), "3".to_owned())]);
}

#[tokio::test]
async fn ours_the_connections_and_the_clouds_cannot_be_set() {
    let world = world().await;
    for name in [
        "webhook-id",
        "Webhook-Signature",
        "HOST",
        "Connection",
        "content-type",
        "Content-Length",
        "User-Agent",
        "x-amz-date",
        "X-Svix-Id",
        "svix-id",
        "transfer-encoding",
        "TE",
        "x-goog-api-key",
        "a b",
        "é",
        "",
        "a:b",
        "x\n",
    ] {
        let body = serde_json::json!({ name: "v" }).to_string();
        assert_eq!(status(&world.put(&body).await), 422, "{name}");
        assert_eq!(status(&world.patch(&body).await), 422, "{name}");
    }
    assert_eq!(status(&world.patch(r#"{"webhook-id":null}"#).await), 422);
}

#[tokio::test]
async fn values_are_checked_in_put_and_in_patch() {
    let world = world().await;
    for value in ["é", "a\r\nb", "\u{0}", "\u{7f}", &"v".repeat(4_097)] {
        let body = serde_json::json!({ "X-A": value }).to_string();
        assert_eq!(fields(world.put(&body).await), ["body.headers.X-A"]);
        assert_eq!(fields(world.patch(&body).await), ["body.headers.X-A"]);
    }
    assert!(world.put(&serde_json::json!({ "X-A": "v".repeat(4_096), "X-B": "" }).to_string()).await.is_ok());
}

#[tokio::test]
async fn there_are_at_most_fifty_and_no_two_of_one_name() {
    let world = world().await;
    let many = |n: usize| (0..n).map(|n| (format!("X-{n}"), Value::from("v"))).collect::<serde_json::Map<_, _>>();
    assert!(world.put(&Value::from(many(50)).to_string()).await.is_ok());
    assert_eq!(fields(world.patch(r#"{"X-50":"v"}"#).await), ["body.headers"]);
    assert!(world.patch(r#"{"X-50":"v","x-0":null}"#).await.is_ok());
    assert_eq!(fields(world.put(&Value::from(many(51)).to_string()).await), ["body.headers"]);
    assert_eq!(fields(world.put(r#"{"X-A":"1","x-a":"2"}"#).await), ["body.headers.x-a"]);
    assert_eq!(world.headers().await.headers.len(), 50);
}
