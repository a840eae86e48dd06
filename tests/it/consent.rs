//! A receiver is asked whether it wants to be sent to, before its endpoint is saved (`CloudEvents` HTTP 1.1 Web Hooks,
//! section 4).

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{PATIENCE, Tenant, world};
use serde_json::{Value, json};
use svix::models::MessageStatus;

/// Answers the question so, and takes deliveries.
fn answer(tenant: &Tenant, reply: Reply) {
    tenant.receiver.on("/hook", move |request, _| match request.method.as_str() {
        "OPTIONS" => reply.clone(),
        _ => Reply::status(200),
    });
}

fn wanted(tenant: &Tenant, members: Value) -> Value {
    let mut body = members;
    body["url"] = json!(tenant.receiver.url("/hook"));
    body["delivery"] = json!({"consent": true});
    body
}

#[tokio::test]
async fn a_receiver_that_consents_gets_deliveries_at_the_rate_it_allows() -> Result<()> {
    let tenant = world().main().await?.tenant("consent").await?;
    let granting =
        Reply::status(200).header("webhook-allowed-origin", "postrider").header("webhook-allowed-rate", "120");
    answer(&tenant, granting);
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let created = tenant.api.post(&endpoints, &wanted(&tenant, json!({"throttleRate": 5}))).await?;
    assert_eq!((created.status, &created.json()["throttleRate"]), (201, &json!(2)), "{}", created.text);
    let question = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?[0].clone();
    assert_eq!(question.method, "OPTIONS");
    assert_eq!(question.header("webhook-request-origin"), Some("postrider"));
    assert_eq!(question.header("webhook-request-rate"), Some("300"));
    assert!(question.body.is_empty() && question.header("webhook-signature").is_none());
    let endpoint = created.json()["id"].as_str().unwrap_or_default().to_owned();
    let message = tenant.publish("invoice.paid", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    // Nothing of what was consented to changes: it is not asked again.
    tenant.patch_endpoint(&endpoint, json!({"description": "the same"})).await?;
    let questions = tenant.receiver.received("/hook").iter().filter(|request| request.method == "OPTIONS").count();
    assert_eq!(questions, 1);
    Ok(())
}

#[tokio::test]
async fn without_consent_there_is_no_endpoint_and_the_answer_says_why() -> Result<()> {
    let tenant = world().main().await?.tenant("no-consent").await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    for (reply, why) in [
        (Reply::status(405), "405"),
        (Reply::status(200), "without consenting"),
        (Reply::status(200).header("webhook-allowed-origin", "somebody-else.example"), "another origin"),
        (Reply::hang_up(), "could not be asked"),
    ] {
        answer(&tenant, reply);
        let refused = tenant.api.post(&endpoints, &wanted(&tenant, json!({}))).await?;
        refused.assert_invalid(&["body", "url"]);
        assert!(refused.text.contains(why), "not about {why}: {}", refused.text);
    }
    assert_eq!(tenant.api.get(&endpoints).await?.json()["data"], json!([]));
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_moves_needs_the_consent_of_its_new_place() -> Result<()> {
    let tenant = world().main().await?.tenant("consent-moves").await?;
    answer(&tenant, Reply::status(200).header("webhook-allowed-origin", "*"));
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"consent": true}})).await?;
    tenant.receiver.on("/elsewhere", |_, _| Reply::status(404));
    let elsewhere = json!({"url": tenant.receiver.url("/elsewhere")});
    let refused = tenant.api.patch(&format!("/app/{}/endpoint/{endpoint}", tenant.app), &elsewhere).await?;
    refused.assert_invalid(&["body", "url"]);
    assert_eq!(tenant.shown(&endpoint).await?["url"], tenant.receiver.url("/hook"));
    Ok(())
}
