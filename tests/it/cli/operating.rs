//! `postrider dlq queue`: an operator at the dead-letter queues, with AWS credentials.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{Cli, PATIENCE, world};
use serde_json::json;

#[tokio::test]
async fn an_operator_sees_why_messages_are_dead_and_moves_them_back() -> Result<()> {
    // A dead-letter queue that nobody else looks at.
    let stack = world().stack("cli-operator", &[("RetrySchedule", "")]).await?;
    let tenant = stack.tenant("cli-operator").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    tenant.endpoint("/hook").await?;
    let message = tenant.publish("order.paid", json!({"private": "payload"})).await?;
    let (dead, queue) = (stack.output("DeadLetterQueueUrl")?, stack.output("DeliveryQueueUrl")?);
    let cli = Cli::default().with_aws().with("POSTRIDER_DEAD_LETTER_QUEUE_URL", dead);
    drop(stack.dead_letter(&message.id).await?);

    let outputs = json!({ "Stacks": [{ "Outputs": [
        { "OutputKey": "DeadLetterQueueUrl", "OutputValue": dead },
        { "OutputKey": "DeliveryQueueUrl", "OutputValue": queue },
    ] }] });
    let piped = cli.clone().stdin(outputs.to_string().as_bytes());
    let look = async || {
        postrider_tests::eventually("the dead letter is seen", || async {
            let said = cli.done(&["dlq", "queue", "--json"]).await?;
            let peeked = said.json()?["peeked"][0].clone();
            Ok((!peeked.is_null()).then_some((said, peeked)))
        })
        .await
    };
    let (said, peeked) = look().await?;
    assert_eq!(peeked["attributes"]["reason"], "exhausted", "{said:?}");
    assert!(!said.out.contains("payload"), "{said:?}");
    // Looking has taken nothing away.
    let words = piped.done(&["dlq", "queue", "--outputs", "-"]).await?.out;
    assert!(words.contains("DeadLetterQueue 1 waiting") && words.contains("reason=exhausted"), "{words}");

    let moved = piped.done(&["dlq", "queue", "redrive", "--outputs", "-", "--wait"]).await?;
    assert!(moved.out.contains("completed: 1"), "{moved:?}");
    let received = tenant.receiver.wait_for("/hook", 2, PATIENCE).await?;
    assert_eq!(received[1].header("webhook-id"), Some(message.id.as_str()));
    let none = cli.run(&["dlq", "queue", "redrive"]).await?;
    assert!(none.code == 2 && none.err.contains("--to"), "{none:?}");
    let nowhere = cli.with("POSTRIDER_DEAD_LETTER_QUEUE_URL", "arn:aws:sqs:us-east-1:000000000000:none");
    let nowhere = nowhere.run(&["dlq", "queue"]).await?;
    assert!(nowhere.code == 1 && nowhere.err.contains("there is no queue"), "{nowhere:?}");
    Ok(())
}
