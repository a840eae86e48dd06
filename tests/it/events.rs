//! The sample invocations in `events/`, through the functions as they are deployed.

use anyhow::{Context as _, Result};
use postrider_local::{Invocation, paths};
use postrider_tests::{PATIENCE, Stack, verify, world};
use serde_json::{Value, json};

fn sample(name: &str) -> Result<Value> {
    let path = paths::workspace().join("events").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

async fn invoke(stack: &Stack, function: &str, event: &Value) -> Result<Invocation> {
    let answer = world().emulator.invoke(&stack.deployment.function(function), event).await?;
    anyhow::ensure!(answer.error.is_none(), "{function} failed: {answer:?}");
    Ok(answer)
}

fn status(answer: &Invocation) -> Option<u64> {
    answer.payload["statusCode"].as_u64()
}

fn body(answer: &Invocation) -> Value {
    serde_json::from_str(answer.payload["body"].as_str().unwrap_or_default()).unwrap_or_default()
}

#[tokio::test]
async fn the_publish_sample_is_accepted_and_its_exact_bytes_arrive() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("sample").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let mut event = sample("ingest/publish.json")?;
    assert_eq!(status(&invoke(&stack, "ingest", &event).await?), Some(401), "the sample's token is a placeholder");
    event["headers"]["authorization"] = json!(format!("Bearer {}", stack.token(&tenant.org, None)));
    assert_eq!(status(&invoke(&stack, "ingest", &event).await?), Some(404), "the sample's application is unknown");
    event["rawPath"] = json!(format!("/api/v1/app/{}/msg", tenant.app));
    let answer = invoke(&stack, "ingest", &event).await?;
    assert_eq!((status(&answer), &body(&answer)["eventType"]), (Some(202), &json!("invoice.paid")));
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    let published = event["body"].as_str().unwrap_or_default();
    let sent = std::str::from_utf8(&received[0].body)?;
    assert!(published.contains(sent) && sent.contains("  "), "{sent}");
    Ok(())
}

#[tokio::test]
async fn the_invalid_publish_sample_names_its_fields() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("sample").await?;
    let mut event = sample("ingest/publish-invalid.json")?;
    event["headers"]["authorization"] = json!(format!("Bearer {}", stack.token(&tenant.org, None)));
    event["rawPath"] = json!(format!("/api/v1/app/{}/msg", tenant.app));
    let answer = invoke(&stack, "ingest", &event).await?;
    let fields: Vec<_> =
        body(&answer)["detail"].as_array().into_iter().flatten().map(|i| i["loc"][1].clone()).collect();
    assert_eq!((status(&answer), fields), (Some(422), vec![json!("eventType"), json!("payload")]));
    Ok(())
}

#[tokio::test]
async fn the_batch_sample_tells_what_became_of_each() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("sample").await?;
    let mut event = sample("ingest/batch.json")?;
    event["headers"]["authorization"] = json!(format!("Bearer {}", stack.token(&tenant.org, None)));
    event["rawPath"] = json!(format!("/api/v1/app/{}/msg/batch", tenant.app));
    let answer = invoke(&stack, "ingest", &event).await?;
    let statuses: Vec<_> =
        body(&answer)["data"].as_array().into_iter().flatten().map(|row| row["status"].clone()).collect();
    assert_eq!((status(&answer), statuses), (Some(207), vec![json!(202), json!(202), json!(422)]));
    Ok(())
}

#[tokio::test]
async fn the_samples_of_a_queue_and_a_bus_end_and_nothing_comes_back() -> Result<()> {
    let stack = world().main().await?;
    // The first message's application is unknown, the second brings it along, the third is set aside.
    let answer = invoke(&stack, "ingest", &sample("ingest/sqs.json")?).await?;
    assert_eq!(answer.payload, json!({"batchItemFailures": []}));
    // This deployment publishes no events of a bus: it is set aside.
    let answer = invoke(&stack, "ingest", &sample("ingest/eventbridge.json")?).await?;
    assert_eq!(answer.payload, json!(null));
    let reject = stack.reject("com.example.shop").await?;
    assert_eq!((reject.attribute("reason"), reject.attribute("status")), ("not_configured", "400"));
    Ok(())
}

#[tokio::test]
async fn the_samples_of_senders_are_taken_in_and_an_old_one_is_not() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("sample-source").await?;
    for (name, kind, secret, expected) in [
        ("ingest/source-github.json", "github", "It's a Secret to Everybody", 200),
        ("ingest/source-stripe-old.json", "stripe", "whsec_sample", 400),
    ] {
        let mut event = sample(name)?;
        assert_eq!(status(&invoke(&stack, "ingest", &event).await?), Some(404), "the sample's source is unknown");
        let source = json!({"name": kind, "appId": tenant.app, "type": kind, "config": {"secret": secret}});
        let id = tenant.api.post("/source", &source).await?.json()["id"].as_str().context("an id")?.to_owned();
        event["rawPath"] = json!(format!("/in/{id}"));
        let answer = invoke(&stack, "ingest", &event).await?;
        assert_eq!(status(&answer), Some(expected), "{answer:?}");
    }
    let messages = tenant.api.get(&format!("/app/{}/msg", tenant.app)).await?.json();
    assert_eq!(messages["data"][0]["eventType"], "github.push");
    assert_eq!(messages["data"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn the_api_samples_are_answered() -> Result<()> {
    let stack = world().main().await?;
    let mut event = sample("api/list-applications.json")?;
    assert_eq!(status(&invoke(&stack, "api", &event).await?), Some(401));
    event["headers"]["authorization"] = json!(format!("Bearer {}", stack.token("org_sample-list", None)));
    let answer = invoke(&stack, "api", &event).await?;
    assert_eq!((status(&answer), body(&answer)["data"].clone()), (Some(200), json!([])));
    let answer = invoke(&stack, "api", &sample("api/health.json")?).await?;
    assert_eq!((status(&answer), body(&answer)["database"]["status"].clone()), (Some(200), json!("ok")));
    Ok(())
}

#[tokio::test]
async fn the_queue_samples_end_and_nothing_comes_back() -> Result<()> {
    let stack = world().main().await?;
    // The sample's endpoint does not exist: the delivery is canceled, and nothing is held. The malformed one is buried.
    for name in ["delivery/batch.json", "delivery/retries.json", "delivery/malformed.json"] {
        let answer = invoke(&stack, "delivery", &sample(name)?).await?;
        assert_eq!(answer.payload, json!({"batchItemFailures": []}), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_schedule_sample_wakes_what_is_due() -> Result<()> {
    let stack = world().main().await?;
    let answer = invoke(&stack, "scheduler", &sample("scheduler/minute.json")?).await?;
    assert!(answer.payload["woken"].is_u64(), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn of_the_job_samples_only_what_is_no_job_comes_back() -> Result<()> {
    let stack = world().main().await?;
    // There is no such message, and nobody who wants to be told.
    let answer = invoke(&stack, "scheduler", &sample("scheduler/jobs.json")?).await?;
    assert_eq!(answer.payload, json!({"batchItemFailures": [{"itemIdentifier": "nonsense"}]}));
    Ok(())
}
