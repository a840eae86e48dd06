//! The other ways in: the publish queue, and events of an event bus.

use std::sync::Arc;

use anyhow::Result;
use aws_sdk_sqs::types::QueueAttributeName;
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, verify, world};
use serde_json::{Value, json};

/// A rule of the operator's own.
const RULE: &str = "arn:aws:events:us-east-1:000000000000:rule/shop";

fn addressed(tenant: &Tenant, message: &Value) -> String {
    json!({"organization": tenant.org, "application": tenant.app, "message": message}).to_string()
}

async fn messages(tenant: &Tenant) -> Result<Vec<Value>> {
    let list = tenant.api.get(&format!("/app/{}/msg", tenant.app)).await?.json();
    Ok(list["data"].as_array().cloned().unwrap_or_default())
}

#[tokio::test]
async fn what_is_put_into_the_publish_queue_arrives_and_under_one_key_once() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("queue").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let message = json!({"eventType": "invoice.paid", "payload": {"total": 2000}, "channels": ["a"]});
    for _ in 0..3 {
        stack.post(&addressed(&tenant, &message), Some("invoice-1")).await?;
    }
    // By their own ids these are two.
    for _ in 0..2 {
        stack.post(&addressed(&tenant, &message), None).await?;
    }
    let received = tenant.receiver.wait_for("/hook", 3, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    assert_eq!(received[0].body, r#"{"total":2000}"#);
    // Another message under the key is no repetition.
    stack.post(&addressed(&tenant, &json!({"eventType": "b", "payload": {}})), Some("invoice-1")).await?;
    let reject = stack.reject(&format!("{}\",\"message\":{{\"eventType\":\"b\"", tenant.app)).await?;
    assert_eq!([reject.attribute("reason"), reject.attribute("IdempotencyKey")], ["invalid", "invoice-1"]);
    assert!(reject.attribute("detail").contains("idempotency-key"), "{reject:?}");
    let messages = messages(&tenant).await?;
    assert_eq!((messages.len(), &messages[0]["channels"]), (3, &json!(["a"])));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_published_is_set_aside_and_published_once_the_reason_is_gone() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("set-aside").await?;
    let message = json!({"eventType": "a", "payload": {}});
    let later = format!("later-{}", tenant.app);
    let to_later = json!({"organization": tenant.org, "application": later, "message": message}).to_string();
    let invalid = addressed(&tenant, &json!({"eventType": "", "payload": []}));
    for (body, status, reason) in [
        (format!("not JSON {}", tenant.app), "422", "invalid"),
        (invalid, "422", "invalid"),
        (to_later.clone(), "404", "not_found"),
    ] {
        stack.post(&body, None).await?;
        let reject = stack.reject(&body).await?;
        assert_eq!([reject.attribute("status"), reject.attribute("reason")], [status, reason], "{body}");
        assert!(!reject.attribute("detail").is_empty());
    }
    tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"uid": later})).await?;
    stack.post(&to_later, None).await?;
    eventually("the message", || async { Ok((messages(&tenant).await?.len() == 1).then_some(())) }).await?;
    // A message may bring its application along.
    let founding = json!({"eventType": "a", "payload": {}, "application": {"name": "New", "uid": "new"}});
    stack
        .post(&json!({"organization": tenant.org, "application": "new", "message": founding}).to_string(), None)
        .await?;
    eventually("the application", || async {
        Ok((tenant.api.get("/app/new/msg").await?.json()["data"][0]["eventType"] == "a").then_some(()))
    })
    .await
}

/// A stack that publishes events of `shop` for this organization.
async fn bus() -> Result<Arc<Stack>> {
    let parameters = [
        ("EventBridgeSources", "com.example.shop,com.example.stock"),
        ("EventBridgeOrganization", "org_bus"),
        ("EventBridgeApplication", "customer.id"),
        ("EventBridgeTypes", "Order Paid=order.paid"),
        ("PublishQueueRules", RULE),
    ];
    world().stack("bus", &parameters).await
}

#[tokio::test]
async fn the_rules_that_are_named_may_send_to_the_publish_queue_and_no_others() -> Result<()> {
    for (stack, rules) in [(bus().await?, vec![RULE]), (world().main().await?, vec![])] {
        let ask = world().sqs().get_queue_attributes().queue_url(stack.output("PublishQueueUrl")?);
        let attributes = ask.attribute_names(QueueAttributeName::Policy).send().await?.attributes.unwrap_or_default();
        let policy: Value =
            attributes.get(&QueueAttributeName::Policy).map_or(Ok(json!({})), |text| serde_json::from_str(text))?;
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let allowed: Vec<_> = statements.iter().filter(|statement| statement["Effect"] == "Allow").collect();
        assert_eq!(allowed.len(), rules.len(), "{policy}");
        for (statement, rule) in allowed.iter().zip(rules) {
            assert_eq!(statement["Condition"], json!({"ArnEquals": {"aws:SourceArn": [rule]}}));
            assert_eq!(
                [&statement["Action"], &statement["Principal"]["Service"]],
                ["sqs:SendMessage", "events.amazonaws.com"]
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn events_of_the_bus_are_published_by_the_rule_and_its_map() -> Result<()> {
    let stack = bus().await?;
    let mut tenant = stack.tenant("bus").await?;
    // The organization that the stack's events belong to.
    tenant.api = stack.api(&stack.token("org_bus", None));
    tenant.svix = stack.svix(&stack.token("org_bus", None));
    let application = json!({"name": "Customer", "uid": "customer-7"});
    tenant.app = tenant.api.post("/app", &application).await?.json()["id"].as_str().unwrap_or_default().to_owned();
    let endpoint = tenant.endpoint("/hook").await?;

    let detail = json!({"customer": {"id": "customer-7"}, "total": 2000});
    let emulator = &world().emulator;
    emulator.put_event("com.example.other", "Order Paid", &detail).await?;
    emulator.put_event("com.example.shop", "Order Paid", &detail).await?;
    emulator.put_event("com.example.stock", "stock.low", &detail).await?;
    let received = tenant.receiver.wait_for("/hook", 2, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    let body: Value = serde_json::from_slice(&received[0].body)?;
    assert_eq!(body, detail);

    let nobody = json!({"customer": {"id": "customer-8"}});
    emulator.put_event("com.example.shop", "Order Paid", &nobody).await?;
    let reject = stack.reject("customer-8").await?;
    assert_eq!([reject.attribute("status"), reject.attribute("reason")], ["404", "not_found"]);
    emulator.put_event("com.example.shop", "Order Sent", &json!({"customer": {"id": "customer-7", "n": 9}})).await?;
    let reject = stack.reject("\"n\"").await?;
    assert!(reject.attribute("detail").contains("detail-type"), "{reject:?}");

    // What is handed over again is not published again; and what was set aside may be put into the publish queue.
    let mut again = json!({"id": "e-1", "detail-type": "Order Paid", "source": "com.example.shop", "detail": detail});
    for _ in 0..2 {
        let answer = emulator.invoke(&stack.deployment.function("ingest"), &again).await?;
        anyhow::ensure!(answer.error.is_none(), "{answer:?}");
    }
    stack.post(&again.to_string(), None).await?;
    again["id"] = json!("e-2");
    stack.post(&again.to_string(), None).await?;
    tenant.receiver.wait_for("/hook", 4, PATIENCE).await?;
    let types: Vec<_> = messages(&tenant).await?.iter().map(|message| message["eventType"].clone()).collect();
    assert_eq!(types.len(), 4, "{types:?}");
    assert_eq!(types.iter().filter(|name| **name == "order.paid").count(), 3);
    Ok(())
}
