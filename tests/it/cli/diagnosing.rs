//! `postrider diagnose`: why a webhook does not arrive.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::world;
use serde_json::json;

#[tokio::test]
async fn a_good_endpoint_passes_and_a_bad_one_is_told_what_to_do() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-diagnose").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let good = tenant.endpoint("/hook").await?.id;
    let said = cli.done(&["diagnose", &tenant.app, &good]).await?;
    assert!(said.out.lines().any(|line| line.starts_with("✔ request")), "{said:?}");
    assert!(said.out.contains("- tls           not looked at") && said.out.contains(" ms"), "{said:?}");

    tenant.receiver.on("/bad", |_, _| Reply::status(500));
    let bad = tenant.endpoint_of("/bad", json!({"delivery": {"paused": true}})).await?;
    postrider_tests::eventually("one diagnosis a second in an application", || async {
        let said = cli.run(&["diagnose", &tenant.app, &bad, "--event-type", "order.paid"]).await?;
        let is_told = ["✘ configuration", "✘ request", "is paused"].iter().all(|text| said.out.contains(text));
        Ok((said.code == 1 && is_told && said.err.contains("does not arrive")).then_some(()))
    })
    .await?;
    let request = tenant.receiver.received("/bad").remove(0);
    assert_eq!(request.header("webhook-event-type"), Some("order.paid"));
    Ok(())
}
