//! Metrics: what the dashboard and the alarms of the template name is told by the functions, in the form that CloudWatch
//! reads.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use postrider_core::metric::Metric;
use postrider_local::{FUNCTIONS, Reply, paths};
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
    let jobs = world().sqs().send_message().queue_url(stack.output("JobQueueUrl")?);
    jobs.message_body("not a job").send().await?;
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

/// Namespace `Postrider` and the name of a metric, wherever they stand in a template beside each other.
fn named(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(all) => {
            if let [Value::String(namespace), Value::String(name), ..] = all.as_slice()
                && namespace == "Postrider"
            {
                found.insert(name.clone());
            }
            for value in all {
                named(value, found);
            }
        }
        Value::Object(members) => {
            if members.get("Namespace").is_some_and(|namespace| namespace == "Postrider") {
                found.extend(members.get("MetricName").and_then(Value::as_str).map(str::to_owned));
            }
            for value in members.values() {
                named(value, found);
            }
        }
        _ => {}
    }
}

/// The body of the dashboard, with something in every place that CloudFormation fills.
fn rendered(body: &Value) -> Option<Value> {
    let sub = &body["Fn::Sub"];
    let text = sub.as_str().or_else(|| sub[0].as_str())?;
    let mut parts = text.split("${");
    let mut filled = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        filled += if name.starts_with('!') { name } else { "1" };
        filled += rest;
    }
    serde_json::from_str(&filled).ok()
}

#[tokio::test]
async fn what_the_dashboard_and_the_alarms_name_is_a_metric() -> Result<()> {
    let template = world().emulator.template().await?;
    let resources = template["Resources"].as_object().context("resources")?;
    let of = |kind: &'static str| resources.values().filter(move |resource| resource["Type"] == kind);
    let mut shown = BTreeSet::new();
    for dashboard in of("AWS::CloudWatch::Dashboard") {
        let body = &dashboard["Properties"]["DashboardBody"];
        named(&rendered(body).with_context(|| body.to_string())?, &mut shown);
    }
    let mut alarming = BTreeSet::new();
    of("AWS::CloudWatch::Alarm").for_each(|alarm| named(&alarm["Properties"], &mut alarming));
    assert!(shown.len() > 10 && alarming.len() > 1, "{shown:?} {alarming:?}");
    for name in shown.union(&alarming) {
        assert!(Metric::named(name).is_some(), "{name} is told by nobody");
    }
    let unseen: Vec<_> = Metric::ALL.iter().filter(|metric| !shown.contains(metric.name())).collect();
    assert!(unseen.is_empty(), "not on the dashboard: {unseen:?}");
    Ok(())
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    heading.trim().to_lowercase().replace(' ', "-")
}

#[tokio::test]
async fn every_alarm_has_its_section_in_the_runbook() -> Result<()> {
    let template = world().emulator.template().await?;
    let runbook = std::fs::read_to_string(paths::workspace().join("infra/guides/runbook.md"))?;
    let sections: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let rows: Vec<_> = runbook.lines().filter(|line| line.starts_with("| `")).collect();
    let (mut alarms, mut named) = (0, 0);
    for alarm in template["Resources"].as_object().context("resources")?.values() {
        if alarm["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        let properties = &alarm["Properties"];
        let name = properties["AlarmName"]["Fn::Sub"].as_str().and_then(|name| name.strip_prefix("${AWS::StackName}-"));
        let name = name.with_context(|| properties.to_string())?;
        let text = properties["AlarmDescription"].as_str().unwrap_or_default();
        let (_, section) =
            text.split_once("infra/guides/runbook.md#").with_context(|| format!("{name} names no section"))?;
        assert!(sections.iter().any(|anchor| anchor == section), "{name}: no section {section}");
        let row = |row: &&&str| row.contains(&format!("`{name}`")) && row.contains(&format!("(#{section})"));
        named += rows.iter().filter(row).count();
        alarms += 1;
    }
    assert!(alarms > 20);
    assert_eq!(named, alarms, "the runbook's table names each alarm once");
    Ok(())
}

#[tokio::test]
async fn the_dashboards_prices_are_those_of_the_bench() -> Result<()> {
    let template = world().emulator.template().await?;
    let bench: Value = serde_json::from_str(include_str!("../bench/prices.json"))?;
    let of = |group: &str, name: &str| template["Mappings"]["Prices"][group][name].as_str()?.parse::<f64>().ok();
    for (group, name, line, factor) in [
        ("Million", "HttpApiRequests", "HTTP API requests", 1.0),
        ("Million", "Invocations", "Lambda requests", 1.0),
        ("Million", "QueueRequests", "SQS requests", 1.0),
        ("Million", "TableWrites", "DynamoDB write units", 1.0),
        ("Million", "TableReads", "DynamoDB read units", 1.0),
        ("GigabyteSecond", "Arm", "Lambda GB-seconds", 1e-6),
        // Of a million megabytes.
        ("Gigabyte", "Logs", "log megabytes", 1024.0 * 1e-6),
    ] {
        let (shown, listed) = (of(group, name).context(name)?, bench["lines"][line]["dollars"].as_f64().context(line)?);
        assert!((shown - listed * factor).abs() < shown / 1_000.0, "{name}: {shown} and {listed}");
    }
    Ok(())
}
