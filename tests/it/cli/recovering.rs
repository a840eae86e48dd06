//! `postrider replay`, `dlq` and `cancel`: what has failed, or was never sent, and what shall not be sent any more.

use std::sync::Arc;

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{Cli, PATIENCE, Stack, Tenant, world};
use serde_json::json;
use svix::models::MessageStatus;

/// A stack that attempts once: what fails is a dead letter at once.
async fn tenant(name: &str) -> Result<(Arc<Stack>, Tenant, Cli)> {
    let stack = world().stack("cli", &[("RetrySchedule", "")]).await?;
    let tenant = stack.tenant(name).await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    Ok((stack, tenant, cli))
}

#[tokio::test]
async fn one_message_is_sent_again_and_what_came_of_it_is_told() -> Result<()> {
    let (_stack, tenant, cli) = tenant("cli-resend").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 2 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("order.paid", json!({})).await?.id;
    tenant.attempted(&message, 1).await?;
    let resend = ["replay", "resend", &tenant.app, &message, &endpoint];
    let waiting = [&resend[..], &["--wait"]].concat();
    let failed = cli.run(&waiting).await?;
    assert!(failed.code == 1 && failed.out.contains("✘ 500") && failed.err.contains("has failed"), "{failed:?}");
    assert!(cli.done(&waiting).await?.out.contains("✔ 200"));
    assert!(cli.done(&resend).await?.out.contains("is on its way"));
    tenant.receiver.wait_for("/hook", 4, PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_listed_and_sent_again_and_an_outage_is_recovered_from() -> Result<()> {
    let (stack, tenant, cli) = tenant("cli-recover").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth <= 4 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let mut messages = Vec::new();
    for number in 0..2 {
        messages.push(tenant.publish("order.paid", json!({ "number": number })).await?.id);
        tenant.reached(&messages[number], &endpoint, MessageStatus::Fail).await?;
    }
    let list = ["dlq", "list", &tenant.app, "--json"];
    let dead = postrider_tests::eventually("both are listed", || async {
        Ok(Some(cli.done(&list).await?.lines()?).filter(|dead| dead.len() == 2))
    });
    let dead = dead.await?;
    assert_eq!((&dead[0]["messageId"], &dead[0]["reason"]), (&json!(messages[1]), &json!("exhausted")));
    let words = cli.done(&["dlq", "list", &tenant.app, "--endpoint", &endpoint, "--limit", "1"]).await?;
    assert!(words.out.contains("exhausted after 1 attempts") && words.err.contains("--limit"), "{words:?}");

    // In vain once more, by way of the dead letters; then by way of the endpoint's failures.
    let redriven = cli.done(&["dlq", "redrive", &tenant.app, "--endpoint", &endpoint, "--wait"]).await?;
    assert!(
        redriven.out.contains("✔ dead-letter.redrive finished") && redriven.out.contains("changed 2"),
        "{redriven:?}"
    );
    stack.let_through(&tenant, &endpoint, 4).await?;
    for message in &messages {
        tenant.attempted(message, 2).await?;
        tenant.reached(message, &endpoint, MessageStatus::Fail).await?;
    }
    let recover = ["replay", "recover", &tenant.app, &endpoint, "--since", "1h", "--wait", "--json"];
    let task = cli.done(&recover).await?.json()?;
    assert_eq!((&task["status"], &task["data"]["changed"]), (&json!("finished"), &json!(2)), "{task}");
    stack.let_through(&tenant, &endpoint, 6).await?;
    for message in &messages {
        tenant.reached(message, &endpoint, MessageStatus::Success).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_published_before_the_endpoint_was_made_is_sent_at_last() -> Result<()> {
    let (stack, tenant, cli) = tenant("cli-missing").await?;
    let message = tenant.publish("order.paid", json!({})).await?.id;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let begun = cli.done(&["replay", "missing", &tenant.app, &endpoint, "--since", "1h"]).await?;
    assert!(begun.err.contains("--wait would follow it") || begun.out.contains("finished"), "{begun:?}");
    stack.let_through(&tenant, &endpoint, 1).await?;
    let received = tenant.receiver.received("/hook");
    assert_eq!(received[0].header("webhook-id"), Some(message.as_str()));
    Ok(())
}

#[tokio::test]
async fn deliveries_that_wait_are_canceled_one_by_one_or_all() -> Result<()> {
    let (stack, tenant, cli) = tenant("cli-cancel").await?;
    let endpoint = tenant.endpoint_of("/hook", json!({"delivery": {"paused": true}})).await?;
    let mut messages = Vec::new();
    for number in 0..3 {
        messages.push(tenant.publish("order.paid", json!({ "number": number })).await?.id);
        stack.held(&endpoint, &messages[number]).await?;
    }
    let one = cli.done(&["cancel", "message", &tenant.app, &messages[0], &endpoint]).await?;
    assert!(one.out.contains("will not be sent"), "{one:?}");
    let all = cli.done(&["cancel", "pending", &tenant.app, &endpoint, "--wait"]).await?;
    assert!(all.out.contains("✔ endpoint.cancel finished") && all.out.contains("changed 2"), "{all:?}");
    for message in &messages {
        tenant.reached(message, &endpoint, MessageStatus::Fail).await?;
    }
    assert!(tenant.receiver.received("/hook").is_empty());
    Ok(())
}
