//! Endpoints that choose messages by their payload.

use anyhow::Result;
use postrider_tests::{eventually, world};
use serde_json::json;

#[tokio::test]
async fn an_endpoint_gets_what_its_filter_lets_through() -> Result<()> {
    let tenant = world().main().await?.tenant("filters").await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let filter = json!({"state": ["paid"], "customer": {"country": [{"anything-but": "US"}]}, "total": [{"numeric": [">", 100]}]});
    let chosen = json!({"url": tenant.receiver.url("/chosen"), "uid": "chosen", "delivery": {"filter": filter}});
    let made = tenant.api.post(&endpoints, &chosen).await?;
    assert_eq!((made.status, &made.json()["delivery"]["filter"]), (201, &filter), "{}", made.text);
    tenant.endpoint("/all").await?;

    let invoice = |state: &str, country: &str, total: u32| json!({"state": state, "customer": {"country": country}, "total": total});
    let mut wanted = Vec::new();
    for (payload, passes) in [
        (invoice("paid", "DE", 101), true),
        (invoice("paid", "US", 101), false),
        (invoice("open", "DE", 101), false),
        (invoice("paid", "DE", 100), false),
        (json!({}), false),
        (invoice("paid", "FR", 5_000), true),
    ] {
        let tried = tenant.api.post("/filter/test", &json!({"filter": filter, "payload": payload})).await?;
        assert_eq!((tried.status, &tried.json()["matches"]), (200, &json!(passes)), "{}", tried.text);
        let id = tenant.publish("invoice.changed", payload).await?.id;
        wanted.extend(passes.then_some(id));
    }
    eventually("all are delivered", || async { Ok((tenant.receiver.received("/all").len() >= 6).then_some(())) })
        .await?;
    let chosen = eventually("the chosen ones are delivered", || async {
        Ok(Some(tenant.receiver.received("/chosen")).filter(|received| received.len() >= wanted.len()))
    })
    .await?;
    let mut chosen: Vec<_> = chosen.iter().filter_map(|request| request.header("webhook-id")).collect();
    chosen.sort_unstable();
    chosen.dedup();
    assert_eq!(chosen, wanted);
    Ok(())
}

#[tokio::test]
async fn a_filter_that_breaks_a_rule_is_refused_at_its_place() -> Result<()> {
    let tenant = world().main().await?.tenant("filters").await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let bad = json!({"url": tenant.receiver.url("/"), "delivery": {"filter": {"a": [1, {"prefix": 2}]}}});
    let refused = tenant.api.post(&endpoints, &bad).await?;
    refused.assert_invalid(&["body", "delivery", "filter", "a", "1", "prefix"]);
    let long = json!({"filter": {"a": ["x".repeat(5_000)]}, "payload": {}});
    tenant.api.post("/filter/test", &long).await?.assert_invalid(&["body", "filter"]);
    Ok(())
}
