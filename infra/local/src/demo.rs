//! One event, from its publication to its record, through the API alone: as a client and a customer would see it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::{HeaderMap, header::HeaderName};
use postrider_local::{Received, Receiver, Reply};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::client::Client;

/// The path of the demonstration's endpoint.
pub(crate) const PATH: &str = "/demo";
const PATIENCE: Duration = Duration::from_secs(30);

/// Publishes one event, and shows its delivery.
pub(crate) async fn show(client: &Client, receiver: &Receiver) -> Result<()> {
    println!("\nOne event, from its publication to its record:");
    let app = client.post("/app", &json!({ "name": "Demonstration", "uid": "demo" })).await?;
    let app = text(&app, "id")?;
    show_line("application", app);
    let endpoint =
        client.post(&format!("/app/{app}/endpoint"), &json!({ "url": receiver.url(PATH), "uid": "demo" })).await?;
    let endpoint = text(&endpoint, "id")?;
    show_line("endpoint", &format!("{endpoint}  {}", receiver.url(PATH)));
    let secret = client.get(&format!("/app/{app}/endpoint/{endpoint}/secret")).await?;

    let event = json!({ "eventType": "invoice.paid", "payload": { "invoice": "in_1", "amount": 4200 } });
    let published = Instant::now();
    let message = client.post(&format!("/app/{app}/msg"), &event).await?;
    let message = text(&message, "id")?;
    show_line("message", &format!("{message}  published in {} ms", published.elapsed().as_millis()));

    let requests = receiver.wait_for(PATH, 1, PATIENCE).await?;
    let request = requests.first().context("nothing was received")?;
    show_request(request);
    verify(request, text(&secret, "key")?)?;
    show_line("signature", "verified by the published crate standardwebhooks");
    let attempt = recorded(client, app, message).await?;
    show_line("attempt", &describe(&attempt)?);
    Ok(())
}

/// Says that an event has arrived, and takes it.
pub(crate) fn announce(received: &Received, nth: usize) -> Reply {
    let id = received.header("webhook-id").unwrap_or("without an id");
    println!("  event {nth} arrived: {id} {}", String::from_utf8_lossy(&received.body));
    Reply::status(204)
}

fn show_request(received: &Received) {
    show_line("request", &format!("{} {}", received.method, received.path));
    for (name, value) in &received.headers {
        show_line("", &format!("{name}: {value}"));
    }
    show_line("", &String::from_utf8_lossy(&received.body));
}

fn verify(received: &Received, secret: &str) -> Result<()> {
    let mut headers = HeaderMap::new();
    for (name, value) in &received.headers {
        headers.append(name.parse::<HeaderName>()?, value.parse()?);
    }
    Webhook::new(secret)?.verify(&received.body, &headers).context("the signature is not valid")
}

/// The attempt as the API tells it: a moment after the response.
async fn recorded(client: &Client, app: &str, message: &str) -> Result<Value> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let attempts = client.get(&format!("/app/{app}/attempt/msg/{message}")).await?;
        if let Some(attempt) = attempts["data"].get(0) {
            return Ok(attempt.clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no attempt was recorded within {PATIENCE:?}")
}

fn describe(attempt: &Value) -> Result<String> {
    const SUCCEEDED: i64 = 0;
    if attempt["status"] != SUCCEEDED {
        bail!("the recorded attempt did not succeed: {attempt}");
    }
    let id = text(attempt, "id")?;
    let (code, millis) = (&attempt["responseStatusCode"], &attempt["responseDurationMs"]);
    Ok(format!("{id}  recorded: succeeded, {code} after {millis} ms"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().with_context(|| format!("the API's answer has no {name}: {value}"))
}

fn show_line(name: &str, value: &str) {
    println!("  {name:<12} {value}");
}
