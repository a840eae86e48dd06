//! `postrider tail`: attempts as they are made.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::world;
use serde_json::json;
use svix::models::EndpointIn;

#[tokio::test]
async fn attempts_are_shown_as_they_are_made_until_ctrl_c() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-tail").await?;
    tenant
        .receiver
        .on("/hook", |_, nth| if nth == 1 { Reply::status(503).body("not now") } else { Reply::status(204) });
    let shop = EndpointIn { uid: Some("shop".to_owned()), ..EndpointIn::new(tenant.receiver.url("/hook")) };
    tenant.endpoint_with(shop).await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let mut tail = cli.start(&["tail", &tenant.app])?;
    let mut machine = cli.start(&["tail", &tenant.app, "--endpoint", "shop", "--json"])?;
    // Only what comes after their beginning is shown.
    tail.begun().await?;
    machine.begun().await?;
    let message = tenant.publish("order.paid", json!({})).await?;
    let failed = tail.line(" 503 shop order.paid ").await?;
    assert!(failed.contains(&message.id) && failed.ends_with("Service Unavailable: not now"), "{failed}");
    tail.line(" 204 shop order.paid ").await?;
    let line: serde_json::Value = serde_json::from_str(&machine.line("503").await?)?;
    assert_eq!((&line["eventType"], &line["msgId"]), (&json!("order.paid"), &json!(message.id)));
    for running in [tail, machine] {
        running.signal("INT")?;
        assert_eq!(running.ended().await?.0, Some(0));
    }
    Ok(())
}

#[tokio::test]
async fn what_was_attempted_before_is_shown_once_with_faults_in_words() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-once").await?;
    tenant.receiver.on("/hook", |_, nth| if nth == 1 { Reply::hang_up() } else { Reply::status(200) });
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("order.paid", json!({})).await?;
    tenant.attempted(&message.id, 2).await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let said = cli.done(&["tail", &tenant.app, "--since", "1h", "--once"]).await?;
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines[0].contains(&format!(" --- {} order.paid ", endpoint.id)), "{said:?}");
    assert!(lines[0].ends_with("the connection could not be made or was closed"), "{said:?}");
    let failures = cli.done(&["tail", &tenant.app, "--since", "1h", "--once", "--failures"]).await?;
    assert_eq!(failures.out.lines().collect::<Vec<_>>(), lines[..1]);
    Ok(())
}

#[tokio::test]
async fn an_application_or_endpoint_that_is_not_there_is_said_at_once() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-none").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    for arguments in [&["tail", "nobody"][..], &["tail", &tenant.app, "--endpoint", "nowhere"]] {
        let said = cli.run(arguments).await?;
        assert!(said.code == 1 && said.err.contains("(404)"), "{said:?}");
    }
    Ok(())
}
