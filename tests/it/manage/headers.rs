//! The headers that a customer adds.

use std::collections::BTreeMap;

use anyhow::Result;
use postrider_tests::{Tenant, world};
use serde_json::{Value, json};
use svix::models::EndpointHeadersIn;

/// A tenant with an endpoint, and the path of the endpoint's headers.
async fn furnished(name: &str) -> Result<(Tenant, String)> {
    let tenant = world().main().await?.tenant(name).await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let path = format!("/app/{}/endpoint/{endpoint}/headers", tenant.app);
    Ok((tenant, path))
}

#[tokio::test]
async fn headers_are_set_changed_and_removed_and_sensitive_values_are_withheld() -> Result<()> {
    let (tenant, path) = furnished("set-headers").await?;
    let shown = async || anyhow::Ok(tenant.api.get(&path).await?.json());
    assert_eq!(shown().await?, json!({"headers": {}, "sensitive": []}));
    let endpoint = tenant.svix.endpoint().list(tenant.app.clone(), None).await?.data.remove(0).id;
    let headers = [("X-Plain", "1"), ("X-Other", ""), ("X-Api-Key", "hush"), ("Authorization", "Bearer hush")];
    let headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let endpoints = tenant.svix.endpoint();
    endpoints.set_headers(tenant.app.clone(), endpoint.clone(), EndpointHeadersIn::new(headers)).await?;
    let got = endpoints.get_headers(tenant.app.clone(), endpoint).await?;
    assert_eq!(got.headers, BTreeMap::from([("X-Other", ""), ("X-Plain", "1")].map(|(k, v)| (k.into(), v.into()))));
    assert_eq!(got.sensitive.into_iter().collect::<Vec<_>>(), ["Authorization", "X-Api-Key"]);
    // PATCH merges, whatever the case; `null` removes.
    let changes =
        json!({"headers": {"x-plain": "2", "X-Other": null, "authorization": null, "X-New": "n", "X-No": null}});
    let reply = tenant.api.patch(&path, &changes).await?;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(shown().await?, json!({"headers": {"X-New": "n", "x-plain": "2"}, "sensitive": ["X-Api-Key"]}));
    // PUT replaces everything.
    assert_eq!(tenant.api.put(&path, &json!({"headers": {"X": "y"}})).await?.status, 204);
    assert_eq!(shown().await?, json!({"headers": {"X": "y"}, "sensitive": []}));
    Ok(())
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused_by_name() -> Result<()> {
    let (tenant, path) = furnished("bad-headers").await?;
    let bad: [(&str, Value); 12] = [
        ("", json!("x")),
        ("with space", json!("x")),
        ("colon:", json!("x")),
        ("\u{fc}", json!("x")),
        ("new\nline", json!("x")),
        ("X-Split", json!("a\r\nb: c")),
        ("X-Nul", json!("\u{0}")),
        ("X-Unicode", json!("\u{fc}")),
        ("X-Long", json!("x".repeat(4_097))),
        ("Transfer-Encoding", json!("chunked")),
        ("svix-id", json!("x")),
        ("X-Amz-Security-Token", json!("x")),
    ];
    for (name, value) in bad {
        for reply in [
            tenant.api.put(&path, &json!({"headers": {name: value}})).await?,
            tenant.api.patch(&path, &json!({"headers": {name: value}})).await?,
        ] {
            reply.assert_invalid(&["body", "headers", name]);
        }
    }
    for value in [json!(1), json!(["x"]), json!({})] {
        let reply = tenant.api.patch(&path, &json!({"headers": {"X": value}})).await?;
        reply.assert_invalid(&["body", "headers", "X"]);
    }
    tenant.api.put(&path, &json!({"headers": {"X": null}})).await?.assert_invalid(&["body", "headers", "X"]);
    for body in [json!({"headers": null}), json!({"headers": []})] {
        tenant.api.put(&path, &body).await?.assert_invalid(&["body", "headers"]);
        tenant.api.patch(&path, &body).await?.assert_invalid(&["body", "headers"]);
    }
    assert_eq!(tenant.api.get(&path).await?.json(), json!({"headers": {}, "sensitive": []}));
    Ok(())
}
