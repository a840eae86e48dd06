//! Metrics: what the dashboard and the alarms of the template name is told by the functions, in the form that CloudWatch
//! reads.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use postrider_core::metric::Metric;
use postrider_local::{FUNCTIONS, Reply};
use postrider_tests::{Sockets, Stack, Tenant, eventually, self_signed, world};
use serde_json::{Value, json};

/// Failures that it takes long to cause; that each class has its metric is the compiler's to see.
const ELSEWHERE: [Metric; 5] = [
    Metric::FailedTimeout,
    Metric::FailedBlocked,
    Metric::FailedProtocol,
    Metric::FailedAuthorization,
    Metric::FailedRequest,
];

/// The names of all metrics in a stack's logs; each line must be one that CloudWatch takes.
async fn told(stack: &Stack) -> Result<BTreeSet<String>> {
    let mut told = BTreeSet::new();
    for function in FUNCTIONS {
        let name = stack.deployment.function(function.trim_start_matches("postrider-"));
        for event in world().emulator.logs(&name).await? {
            let Ok(line) = serde_json::from_str::<Value>(&event.message) else { continue };
            if line.get("_aws").is_some() {
                told.extend(metrics(&line).with_context(|| line.to_string())?);
            }
        }
    }
    Ok(told)
}

/// Embedded metric format: the directive names members of the line, which are numbers or lists of at most 100.
fn metrics(line: &Value) -> Option<Vec<String>> {
    line["_aws"]["Timestamp"].as_i64()?;
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    let fits = directive["Namespace"] == "Postrider" && directive["Dimensions"] == json!([["Stack"]]);
    line["Stack"].as_str().filter(|_| fits)?;
    let of = |metric: &Value| {
        let name = metric["Name"].as_str()?;
        let known = Metric::named(name)?;
        let value = &line[name];
        let is_number = value.is_number() || value.as_array().is_some_and(|all| all.len() <= 100);
        (is_number && metric["Unit"] == known.unit().name()).then(|| name.to_owned())
    };
    directive["Metrics"].as_array()?.iter().map(of).collect()
}

/// Everything that is counted, caused.
async fn cause(stack: &Stack, tenant: &Tenant) -> Result<Sockets> {
    let untrusted = Sockets::with_tls(self_signed("localhost")?).await?;
    tenant.receiver.on("/bad", |_, _| Reply::status(500));
    tenant.receiver.on("/busy", |_, _| Reply::status(429).header("retry-after", "600"));
    tenant.receiver.on("/done", |_, _| Reply::status(500).header("webhook-delivery", "disable"));
    for path in ["/good", "/bad", "/busy", "/done"] {
        tenant.endpoint(path).await?;
    }
    tenant.endpoint_of("/confirmed", json!({"delivery": {"confirm": {"withinSeconds": 1}}})).await?;
    tenant.endpoint_of("/paused", json!({"delivery": {"paused": true}})).await?;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    for url in ["http://127.0.0.1:9/", "http://nowhere.invalid/", &untrusted.url("https", "localhost")] {
        let made = tenant.api.post(&endpoints, &json!({ "url": url })).await?;
        anyhow::ensure!(made.status == 201, "{url}: {}", made.text);
    }
    tenant.publish("a", json!({})).await?;
    let (path, refused) = (format!("/app/{}/msg", tenant.app), json!({"eventType": "a b", "payload": {}}));
    anyhow::ensure!(tenant.api.post(&path, &refused).await?.status == 422, "it was taken");
    stack.post("not a message", None).await?;
    Ok(untrusted)
}

#[tokio::test]
async fn everything_that_is_counted_is_told() -> Result<()> {
    let parameters = [("RetrySchedule", "1s,3s"), ("ParkAfterSeconds", "2")];
    let stack = world().stack("metrics", &parameters).await?;
    let tenant = stack.tenant("metrics").await?;
    let _untrusted = cause(&stack, &tenant).await?;
    let wanted = || Metric::ALL.iter().filter(|metric| !ELSEWHERE.contains(metric)).map(|metric| metric.name());
    let missing = || async {
        let told = told(&stack).await?;
        anyhow::Ok(wanted().filter(|name| !told.contains(*name)).collect::<Vec<_>>())
    };
    eventually("all metrics are told", || async {
        // A line of the log appears with the next invocation.
        stack.wake().await?;
        tenant.publish("a", json!({})).await?;
        let missing = missing().await?;
        println!("not told yet: {missing:?}");
        Ok(missing.is_empty().then_some(()))
    })
    .await
}
