//! `postrider listen`: events at a developer's desk, who has no address that anybody could reach.

use std::time::Duration;

use anyhow::{Context as _, Result};
use postrider_local::{Received, Reply};
use postrider_tests::{Cli, PATIENCE, Running, Tenant, eventually, verify, world};
use serde_json::json;

const EVENTS: usize = 100;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn listen(cli: &Cli, tenant: &Tenant, name: &str, more: &[&str]) -> Result<Running> {
    let url = tenant.receiver.url("/local");
    let arguments = ["listen", &tenant.app, "--forward", &url, "--name", name, "--secret", SECRET];
    let mut running = cli.start(&[&arguments[..], more].concat())?;
    running.begun().await?;
    Ok(running)
}

/// The events that have come, each once, in the order in which they came first.
fn came(received: &[Received]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in received.iter().filter_map(|request| request.header("webhook-id")) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

async fn arrived(tenant: &Tenant, count: usize) -> Result<Vec<Received>> {
    let what = format!("{count} events have come");
    let ask = || async {
        let received = tenant.receiver.received("/local");
        Ok((came(&received).len() >= count).then_some(received))
    };
    eventually(&what, ask).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_events_come_in_order_and_none_is_lost_when_it_is_killed() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-listen").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    tenant.receiver.on("/local", |_, _| Reply::status(200).after(Duration::from_millis(20)));
    let mut running = listen(&cli, &tenant, "laptop", &[]).await?;
    let publish = async {
        let mut ids = Vec::new();
        for number in 0..EVENTS {
            ids.push(tenant.publish("order.paid", json!({ "number": number })).await?.id);
        }
        anyhow::Ok(ids)
    };
    let kill = async {
        // In the middle of the events, and of pages of them.
        for count in [23, 57] {
            arrived(&tenant, count).await?;
            running.signal("KILL")?;
            running.ended().await?;
            running = listen(&cli, &tenant, "laptop", &[]).await?;
        }
        anyhow::Ok(running)
    };
    let (published, running) = futures::try_join!(publish, kill)?;
    let received = arrived(&tenant, EVENTS).await?;
    assert_eq!(came(&received), published);
    for request in &received {
        verify(SECRET, request)?;
        assert_eq!(request.header("webhook-event-type"), Some("order.paid"));
    }
    println!("listen: {EVENTS} events in order, killed twice, {} came twice", received.len() - EVENTS);
    // No more than a page for each kill.
    assert!(received.len() <= EVENTS + 20, "{}", received.len());

    running.signal("INT")?;
    let (code, said) = running.ended().await?;
    assert!(code == Some(0) && said.contains("The temporary endpoint is deleted"), "{code:?}: {said}");
    assert!(tenant.svix.endpoint().list(tenant.app.clone(), None).await?.data.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_not_taken_is_tried_again_and_those_behind_it_wait() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-listen-again").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    tenant.receiver.on("/local", |_, nth| match nth {
        1 => Reply::status(500),
        2 => Reply::hang_up(),
        _ => Reply::status(204),
    });
    let mut running = listen(&cli, &tenant, "again", &["--json", "--keep"]).await?;
    let first = tenant.publish("order.paid", json!({"a": 1.50})).await?.id;
    let second = tenant.publish("order.paid", json!({})).await?.id;
    let received = tenant.receiver.wait_for("/local", 4, PATIENCE).await?;
    let ids: Vec<_> = received.iter().map(|request| request.header("webhook-id").unwrap_or_default()).collect();
    assert_eq!(ids, [&first, &first, &first, &second]);
    assert_eq!(received[0].body, r#"{"a":1.5}"#);
    let line: serde_json::Value = serde_json::from_str(&running.line("\"attempt\":2").await?)?;
    assert_eq!((&line["taken"], &line["responseStatusCode"]), (&json!(false), &json!(null)));
    assert!(line["error"].as_str().is_some_and(|error| !error.is_empty()), "{line}");

    // Kept: what comes meanwhile waits.
    running.line(&second).await?;
    running.signal("INT")?;
    assert_eq!(running.ended().await?.0, Some(0));
    let third = tenant.publish("order.paid", json!({})).await?.id;
    let running = listen(&cli, &tenant, "again", &[]).await?;
    assert_eq!(arrived(&tenant, 3).await?.last().and_then(|request| request.header("webhook-id")), Some(&*third));
    running.signal("TERM")?;
    assert_eq!(running.ended().await?.0, Some(0));
    Ok(())
}

#[tokio::test]
async fn only_what_was_asked_for_comes_and_failures_may_be_skipped() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-listen-some").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    tenant.receiver.on("/local", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    for kind in ["order.paid", "order.sent"] {
        tenant.api.post("/event-type", &json!({"name": kind, "description": kind})).await?;
    }
    let _running = listen(&cli, &tenant, "some", &["--event-type", "order.sent", "--skip-failures"]).await?;
    let mut sent = Vec::new();
    for kind in ["order.sent", "order.paid", "order.sent"] {
        sent.push(tenant.publish(kind, json!({})).await?.id);
    }
    let received = arrived(&tenant, 2).await?;
    assert_eq!(came(&received), [sent[0].as_str(), &sent[2]]);
    assert_eq!(received.len(), 2);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_receives_requests_is_not_taken_over() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("cli-listen-taken").await?;
    let cli = stack.cli(&stack.token(&tenant.org, None));
    let body = json!({"url": "https://example.com/", "uid": "postrider-listen-mine"});
    let reply = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &body).await?;
    reply.json()["id"].as_str().context("an endpoint")?;
    let said = cli.run(&["listen", &tenant.app, "--name", "mine"]).await?;
    assert!(said.code == 2 && said.err.contains("it is no poller"), "{said:?}");
    let said = cli.run(&["listen", &tenant.app, "--name", "not a name"]).await?;
    assert!(said.code == 2 && said.err.contains("give --name"), "{said:?}");
    Ok(())
}
