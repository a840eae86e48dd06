//! Endpoints share the queues, and each is its own group in them.

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use postrider_core::health::Health;
use postrider_tests::{Stack, eventually, world};
use serde_json::{Value, json};

/// The groups of the messages in a queue that nobody takes anything from.
async fn groups(stack: &Stack, queue: &str, count: usize) -> Result<Vec<String>> {
    let (sqs, url) = (world().sqs(), stack.output(queue)?);
    let mut groups = Vec::new();
    eventually(&format!("{count} messages in the {queue}"), || {
        let request = sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(300);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        async { Ok(Some(request.send().await?.messages.unwrap_or_default()).filter(|found| !found.is_empty())) }
    })
    .await?
    .into_iter()
    .for_each(|message| {
        let attributes = message.attributes.unwrap_or_default();
        groups.push(attributes.get(&MessageSystemAttributeName::MessageGroupId).cloned().unwrap_or_default());
    });
    groups.sort();
    Ok(groups)
}

#[tokio::test]
async fn every_message_of_both_queues_is_in_the_group_of_its_endpoint() -> Result<()> {
    let mut template = world().emulator.template().await?;
    let resources = template["Resources"].as_object_mut().context("the resources")?;
    for mapping in ["DeliveryFunctionQueue", "DeliveryFunctionRetries"] {
        resources.remove(mapping).context(mapping)?;
    }
    let stack = world().deploy("unconsumed", template, &[]).await?;
    let tenant = stack.tenant("groups").await?;
    let mut prompt = vec![tenant.endpoint("/a").await?.id, tenant.endpoint("/b").await?.id];
    let slow = tenant.endpoint("/slow").await?.id;
    stack.change_health(&tenant.app, &slow, |health: &mut Health| health.slow = true).await?;
    tenant.publish("invoice.paid", json!({})).await?;
    prompt.sort();
    assert_eq!(groups(&stack, "DeliveryQueueUrl", prompt.len()).await?, prompt);
    assert_eq!(groups(&stack, "RetryQueueUrl", 1).await?, [slow]);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_is_slow_goes_by_the_queue_for_what_may_take_long() -> Result<()> {
    let stack = world().stack("slow", &[("RetrySchedule", "1h"), ("DeliveryConcurrency", "2")]).await?;
    let tenant = stack.tenant("slow").await?;
    let hanging = postrider_local::Reply::status(200).after(std::time::Duration::from_secs(30));
    tenant.receiver.on("/hook", move |_, _| hanging.clone());
    let endpoint = tenant.endpoint("/hook").await?.id;
    tenant.publish("invoice.paid", json!({})).await?;
    let is_slow = |shown: &Value| shown["delivery"]["status"]["slow"] == true;
    tenant.shown_as("it is known to be slow", &endpoint, is_slow).await?;
    Ok(())
}
