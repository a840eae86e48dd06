//! Endpoints of type poller: customers who ask for their messages.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use postrider_local::paths;
use postrider_tests::{PATIENCE, Stack, Tenant, world};
use serde_json::{Value, json};

use crate::clients::{python, run};

/// Creates an endpoint of type poller; gives its id.
pub(crate) async fn poller(tenant: &Tenant, more: Value) -> Result<String> {
    let mut body = json!({"delivery": {"type": "poller"}});
    body.as_object_mut().context("an object")?.extend(more.as_object().cloned().unwrap_or_default());
    let made = tenant.api.post(&format!("/app/{}/endpoint", tenant.app), &body).await?;
    ensure!(made.status == 201 && made.json()["delivery"]["type"] == "poller", "{}", made.text);
    Ok(made.json()["id"].as_str().context("an id")?.to_owned())
}

async fn publish(tenant: &Tenant, numbers: std::ops::Range<u32>) -> Result<()> {
    for n in numbers {
        tenant.publish("order.paid", json!({ "n": n })).await?;
    }
    Ok(())
}

fn numbers(page: &Value) -> Vec<u64> {
    page["data"].as_array().into_iter().flatten().filter_map(|row| row["payload"]["n"].as_u64()).collect()
}

/// The published client in a process of its own.
fn client(stack: &Stack, tenant: &Tenant, poller: &str, what: &[&str]) -> Result<Command> {
    let clients = paths::workspace().join("tests/clients");
    let mut command = Command::new(python(&clients)?);
    command
        .arg(clients.join("poller.py"))
        .args(what)
        .env("POSTRIDER_URL", stack.url())
        .env("POSTRIDER_TOKEN", stack.token(&tenant.org, Some(&tenant.app)))
        .env("POSTRIDER_APP", &tenant.app)
        .env("POSTRIDER_POLLER", poller);
    Ok(command)
}

/// Starts it; gives what it prints, line by line.
fn start(mut command: Command) -> Result<(Child, mpsc::Receiver<u64>)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().context("no output")?);
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for number in output.lines().map_while(Result::ok).filter_map(|line| line.parse().ok()) {
            let _ = send.send(number);
        }
    });
    Ok((child, lines))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_client_polls_seeks_and_consumes() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("pollers").await?;
    let poller = poller(&tenant, json!({})).await?;
    publish(&tenant, 0..30).await?;
    let told = tokio::task::spawn_blocking({
        let (stack, tenant) = (stack.clone(), tenant);
        move || run(&mut client(&stack, &tenant, &poller, &["newcomer"])?)
    });
    let told = told.await??;
    println!("{told}");
    ensure!(told.starts_with("polled 30, by consumer 30"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_events_come_in_order_to_a_consumer_that_is_killed_and_none_is_lost() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("pollers").await?;
    let poller = poller(&tenant, json!({})).await?;
    let first = client(&stack, &tenant, &poller, &[])?;
    let publishing = async { publish(&tenant, 0..100).await };
    let consuming = tokio::task::spawn_blocking(move || {
        let (mut child, lines) = start(first)?;
        let mut seen = Vec::new();
        while seen.len() < 40 {
            seen.push(lines.recv_timeout(PATIENCE).context("nothing comes")?);
        }
        child.kill()?;
        child.wait()?;
        seen.extend(lines.iter());
        anyhow::Ok(seen)
    });
    let ((), before) = tokio::try_join!(publishing, async { consuming.await? })?;
    let rest = client(&stack, &tenant, &poller, &[])?;
    let after = tokio::task::spawn_blocking(move || {
        let (mut child, lines) = start(rest)?;
        let mut seen = Vec::new();
        while seen.last() != Some(&99) {
            seen.push(lines.recv_timeout(PATIENCE).context("nothing comes")?);
        }
        child.kill()?;
        child.wait()?;
        anyhow::Ok(seen)
    });
    let after = after.await??;
    println!("{} before it was killed, {} afterwards", before.len(), after.len());
    let until = before.len() as u64;
    assert_eq!(before, (0..until).collect::<Vec<_>>());
    let from = *after.first().context("nothing afterwards")?;
    // A page at most comes again: it was killed before it had acknowledged it.
    assert!(from <= until && until - from <= 7, "{from}, {until}");
    assert_eq!(after, (from..100).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_poll_that_waits_returns_when_something_is_published() -> Result<()> {
    let tenant = world().main().await?.tenant("pollers").await?;
    let poller = poller(&tenant, json!({})).await?;
    let path = format!("/app/{}/poller/{poller}", tenant.app);
    let started = Instant::now();
    let nothing = tenant.api.get(&format!("{path}?wait=2")).await?;
    assert_eq!((nothing.status, nothing.json()["done"].clone()), (200, json!(true)), "{}", nothing.text);
    assert!(started.elapsed() >= Duration::from_secs(2));

    let waiting = async {
        let reply = tenant.api.get(&format!("{path}?wait=20")).await?;
        anyhow::Ok((reply, Instant::now()))
    };
    let publishing = async {
        // It waits by then, or it finds the message at once: it must return promptly either way.
        tokio::time::sleep(Duration::from_secs(3)).await;
        publish(&tenant, 7..8).await?;
        anyhow::Ok(Instant::now())
    };
    let ((reply, returned), published) = tokio::try_join!(waiting, publishing)?;
    assert_eq!((reply.status, numbers(&reply.json())), (200, vec![7]), "{}", reply.text);
    let took = returned.saturating_duration_since(published);
    println!("returned {took:?} after the message was accepted");
    assert!(took < Duration::from_secs(8), "{took:?}");
    tenant.api.get(&format!("{path}?wait=21")).await?.assert_invalid(&["query", "wait"]);
    Ok(())
}

#[tokio::test]
async fn a_poller_gets_what_it_subscribes_to_and_no_requests() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("pollers").await?;
    let hook = tenant.receiver.url("/never");
    let all = poller(&tenant, json!({"url": hook, "uid": "all"})).await?;
    let delivery = json!({"type": "poller", "filter": {"n": [{"numeric": [">=", 3]}]}});
    let some = poller(&tenant, json!({ "delivery": delivery, "channels": ["c"] })).await?;
    tenant.endpoint("/hook").await?;
    publish(&tenant, 0..5).await?;
    for (n, channel) in [(2, "c"), (8, "c"), (9, "d")] {
        let body = json!({"eventType": "a", "payload": {"n": n}, "channels": [channel]});
        ensure!(tenant.api.post(&format!("/app/{}/msg", tenant.app), &body).await?.status == 202);
    }
    let poll =
        async |poller: &str, query: &str| tenant.api.get(&format!("/app/{}/poller/{poller}{query}", tenant.app)).await;
    assert_eq!(numbers(&poll("all", "").await?.json()), [0, 1, 2, 3, 4, 2, 8, 9]);
    assert_eq!(numbers(&poll(&all, "?event_type=a&channel=d").await?.json()), [9]);
    assert_eq!(numbers(&poll(&some, "").await?.json()), [8]);
    postrider_tests::eventually("the other endpoint has got all", || async {
        Ok((tenant.receiver.received("/hook").len() >= 8).then_some(()))
    })
    .await?;
    assert!(tenant.receiver.received("/never").is_empty());

    let path = format!("/app/{}/endpoint/{all}", tenant.app);
    ensure!(tenant.api.patch(&path, &json!({"disabled": true})).await?.status == 200);
    poll("all", "").await?.assert_refused(409, "endpoint_disabled");
    publish(&tenant, 10..11).await?;
    ensure!(tenant.api.patch(&path, &json!({"disabled": false})).await?.status == 200);
    assert_eq!(numbers(&poll("all", "").await?.json()).last(), Some(&10));
    let changed = tenant.api.patch(&path, &json!({"delivery": {"type": "http"}})).await?;
    changed.assert_invalid(&["body", "delivery", "type"]);

    let own = tenant.api.with_token(Some(&stack.token(&tenant.org, Some(&tenant.app))));
    assert_eq!(own.get(&format!("/app/{}/poller/all", tenant.app)).await?.status, 200);
    let stranger = stack.tenant("strangers").await?;
    stranger.api.get(&format!("/app/{}/poller/{all}", tenant.app)).await?.assert_refused(404, "not_found");
    ensure!(tenant.api.delete(&path).await?.status == 204);
    poll(&all, "").await?.assert_refused(404, "not_found");
    Ok(())
}
