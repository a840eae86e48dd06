//! Least privilege, shown: with any one statement of any function's policy removed from the template, a call of a
//! function is refused; with all of them, none is. (The statements for logs are Lambda's own to use, and the local AWS
//! does not ask for them.)
//!
//! `cargo test -p postrider-tests --test it policies -- --nocapture` prints what was refused.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::{FUNCTIONS, Reply, Use};
use postrider_tests::{PATIENCE, Stack, Tenant, eventually, world};
use serde_json::{Value, json};
use svix::{
    api::MessageAttemptListByEndpointOptions,
    models::{ApplicationIn, EndpointIn, MessageStatus},
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
};

/// The first wait is spent in the queue, the second one parked.
const BOTH_TIERS: &[(&str, &str)] = &[("RetrySchedule", "1s,3s"), ("ParkAfterSeconds", "2")];
/// More would make a small machine too slow for the tests beside this one.
const AT_ONCE: usize = 2;

/// A statement: its role, its number in the first policy, and its name.
type Statement = (String, usize, String);

fn statements(template: &Value) -> Vec<Statement> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let roles = resources.filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role");
    let all = roles.flat_map(|(role, resource)| {
        let work = resource.pointer("/Properties/Policies/0/PolicyDocument/Statement").and_then(Value::as_array);
        let named = work.into_iter().flatten().enumerate();
        named.map(|(n, statement)| (role.clone(), n, statement["Sid"].as_str().unwrap_or_default().to_owned()))
    });
    all.collect()
}

fn without(template: &Value, (role, n, _): &Statement) -> Result<Value> {
    let mut template = template.clone();
    let path = format!("/Resources/{role}/Properties/Policies/0/PolicyDocument/Statement");
    template.pointer_mut(&path).and_then(Value::as_array_mut).context("the statements")?.remove(*n);
    Ok(template)
}

/// Everything the functions can do: manage, publish, deliver, wait in both tiers, bury, look. Ends after the first
/// part that fails.
async fn everything(stack: &Stack) -> Result<()> {
    let (tenant, erased) = (stack.tenant("policy").await?, stack.tenant("erased").await?);
    erase(&erased).await?;
    tenant.receiver.on("/bad", |_, _| Reply::status(500));
    tenant.endpoint("/good").await?;
    let bad = EndpointIn { uid: Some("bad".to_owned()), ..EndpointIn::new(tenant.receiver.url("/bad")) };
    let bad = tenant.endpoint_with(bad).await?.id;
    let endpoints = format!("/app/{}/endpoint", tenant.app);
    let several =
        json!({"url": tenant.receiver.url("/several"), "delivery": {"batch": {"maxEvents": 2, "maxSeconds": 1}}});
    // 429 with a time to come back opens the circuit at once.
    tenant.receiver.on("/busy", |_, _| Reply::status(429).header("retry-after", "2"));
    let confirmed = json!({"url": tenant.receiver.url("/confirmed"), "delivery": {"confirm": {"withinSeconds": 1}}});
    for endpoint in [several, confirmed, json!({"url": tenant.receiver.url("/busy")})] {
        anyhow::ensure!(tenant.api.post(&endpoints, &endpoint).await?.status == 201, "an endpoint");
    }
    tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"uid": "customer"})).await?;
    let (path, ask) = (format!("{endpoints}/bad/send-example"), json!({"eventType": "svix.ping"}));
    anyhow::ensure!(tenant.api.post(&path, &ask).await?.status == 200, "an example");
    let message = tenant.api.post("/app/customer/msg", &json!({"eventType": "a", "payload": {}})).await?.json();
    repeat(&tenant).await?;
    other_inputs(stack, &tenant).await?;
    tenant.api.get("/app/customer/dead-letter").await?;
    poll(stack, &tenant).await?;
    let message = message["id"].as_str().context("a message")?;
    eventually("the last attempt", || async {
        // Its failures open its circuit, which would hold what is waited for.
        stack.change_health(&tenant.app, &bad, |health| health.open = None).await?;
        stack.wake().await?;
        let attempts = tenant.attempts(message).await?;
        let bad = attempts.iter().filter(|attempt| attempt.response_status_code == 500);
        Ok((bad.count() >= 3).then_some(()))
    })
    .await?;
    eventually("what nobody has confirmed comes again", || async {
        stack.wake().await?;
        Ok((tenant.receiver.received("/confirmed").len() > 1).then_some(()))
    })
    .await?;
    eventually("the events that go together", || async {
        stack.wake().await?;
        Ok((!tenant.receiver.received("/several").is_empty()).then_some(()))
    })
    .await?;
    // What is not a delivery is buried, one after the other: a line of the log appears with the next invocation.
    for _ in 0..4 {
        stack.enqueue("not a delivery").await?;
        stack.drained().await?;
    }
    let options = Some(MessageAttemptListByEndpointOptions::default());
    tenant.svix.message_attempt().list_by_endpoint(tenant.app.clone(), "bad".to_owned(), options).await?;
    tenant.svix.message().expunge_content(tenant.app.clone(), message.to_owned()).await?;
    eventually("an application is erased", || async { Ok((stack.partition(&erased.app).await? == 0).then_some(())) })
        .await
}

/// A deleted application, its endpoint and its source are removed by a job.
async fn erase(tenant: &Tenant) -> Result<()> {
    tenant.endpoint("/hook").await?;
    let config = json!({"secret": "whatever GitHub was told"});
    let source = json!({"name": "A shop", "appId": tenant.app, "type": "github", "config": config});
    anyhow::ensure!(tenant.api.post("/source", &source).await?.status == 201, "a source");
    tenant.publish("a", json!({})).await?;
    tenant.svix.application().delete(tenant.app.clone()).await?;
    Ok(())
}

/// A poller is read to its end, and what a publisher has announced and never stored is removed from it.
async fn poll(stack: &Stack, tenant: &Tenant) -> Result<()> {
    let poller = crate::pollers::poller(tenant, json!({})).await?;
    tenant.publish("a", json!({})).await?;
    stack.announce_long_ago(&poller).await?;
    let path = format!("/app/{}/poller/{poller}/consumer/c", tenant.app);
    let first_page = tenant.api.get(&path).await?.json();
    let iterator = first_page["iterator"].as_str().context("an iterator")?;
    tenant.api.get(&format!("{path}?iterator={iterator}")).await?;
    Ok(())
}

/// An application comes with a message, and what cannot be published is set aside.
async fn other_inputs(stack: &Stack, tenant: &Tenant) -> Result<()> {
    let path = format!("/app/new-{}/msg", tenant.app);
    let application = json!({"name": "New", "uid": format!("new-{}", tenant.app)});
    let message = json!({"eventType": "a", "payload": {}, "application": application});
    let first = tenant.api.post(&path, &message).await?;
    let second = tenant.api.post(&path, &message).await?;
    anyhow::ensure!((first.status, second.status) == (202, 202), "{}", second.text);
    let bodies: Vec<_> = (0..2).map(|n| json!({"eventType": "a", "payload": {"n": n}})).collect();
    let reply = tenant.api.post(&format!("{path}/batch"), &json!({"messages": bodies})).await?;
    anyhow::ensure!(reply.status == 202, "{}", reply.text);
    for _ in 0..3 {
        stack.post("not a message", None).await?;
    }
    stack.reject("not a message").await?;
    Ok(())
}

/// A repeated request finds its claim and its message.
async fn repeat(tenant: &Tenant) -> Result<()> {
    let body = json!({"eventType": "b", "eventId": "once", "payload": {}}).to_string().into_bytes();
    let path = format!("/app/{}/msg", tenant.app);
    for _ in 0..2 {
        let headers = [("idempotency-key", "once")];
        let reply = tenant.api.send(reqwest::Method::POST, &path, &headers, Some(body.clone())).await?;
        anyhow::ensure!(reply.status == 202, "{}", reply.text);
    }
    Ok(())
}

/// What a function was refused, if anything.
async fn refusal(stack: &Stack) -> Result<Option<String>> {
    for function in FUNCTIONS {
        let name = stack.deployment.function(function.trim_start_matches("postrider-"));
        let events = world().emulator.logs(&name).await?;
        let line = events.into_iter().map(|event| event.message).find(|line| line.contains("AccessDenied"));
        if let Some(line) = line {
            let what = line.split("not authorized to perform: ").nth(1).unwrap_or(&line);
            return Ok(Some(what.split(" because ").next().unwrap_or(what).to_owned()));
        }
    }
    Ok(None)
}

async fn refused_without(template: Value, number: usize, statement: Statement) -> Result<()> {
    let (role, _, sid) = &statement;
    let stack =
        Arc::new(world().deploy(&format!("policy-{number}"), without(&template, &statement)?, BOTH_TIERS).await?);
    let running = tokio::spawn({
        let stack = Arc::clone(&stack);
        async move {
            // The last line of a function's log appears with its next invocation.
            let failed = everything(&stack).await.is_err();
            if failed {
                let _ = stack.wake().await;
            }
        }
    });
    let what = eventually(&format!("a refusal without {sid} of {role}"), || refusal(&stack)).await?;
    running.abort();
    println!("without {role:14} {sid:28} refused: {what}");
    world().emulator.undeploy(&stack.deployment.stack).await
}

#[tokio::test]
async fn every_statement_of_every_function_is_needed() -> Result<()> {
    let template = world().emulator.template().await?;
    let all = statements(&template);
    assert!(all.len() >= 15, "{all:?}");
    let (turns, mut tests) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for (number, statement) in all.into_iter().enumerate() {
        let (template, turns) = (template.clone(), Arc::clone(&turns));
        tests.spawn(async move {
            let _turn = turns.acquire().await?;
            refused_without(template, number, statement).await
        });
    }
    let mut superfluous = Vec::new();
    while let Some(result) = tests.join_next().await {
        superfluous.extend(result?.err().map(|error| format!("{error:#}")));
    }
    assert_eq!(superfluous, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn with_all_statements_nothing_is_refused_and_nothing_that_they_allow_is_unused() -> Result<()> {
    let stack = world().stack("both-tiers", BOTH_TIERS).await?;
    everything(&stack).await?;
    more(&stack).await?;
    let template = world().emulator.template().await?;
    let left = Mutex::default();
    let all_used = eventually("everything is used", || async {
        // What is done in the background may still be under way.
        stack.age_valves().await?;
        stack.wake().await?;
        let used = world().emulator.allowed().await?;
        let unused: Vec<String> =
            statements(&template).iter().flat_map(|of| unused(&template, of, &stack, &used)).collect();
        let done = unused.is_empty().then_some(());
        *left.lock().await = unused;
        Ok(done)
    });
    if all_used.await.is_err() {
        assert_eq!(*left.lock().await, Vec::<String>::new(), "what is allowed and never used");
    }
    assert_eq!(refusal(&stack).await?, None);
    Ok(())
}

/// More endpoints than get their deliveries before the answer.
const MANY: usize = 510;

/// What needs no statement of its own, but an action or a resource of one.
async fn more(stack: &Stack) -> Result<()> {
    let tenant = stack.tenant("more").await?;
    let operator = stack.svix(&stack.token(crate::operational::OPERATOR, None));
    let customer = ApplicationIn { uid: Some(tenant.org.clone()), ..ApplicationIn::new("a customer".to_owned()) };
    let told = operator.application().create(customer, None).await?.id;
    operator.endpoint().create(told, EndpointIn::new(tenant.receiver.url("/told")), None).await?;
    tenant.api.get("/app").await?;
    let limited =
        tenant.api.patch(&format!("/app/{}", tenant.app), &json!({"delivery": {"publishRate": 1_000}})).await?;
    anyhow::ensure!(limited.status == 200, "{}", limited.text);
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("a", json!({})).await?.id;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    tenant.svix.message_attempt().resend(tenant.app.clone(), message, endpoint.clone(), None).await?;
    let together =
        json!({"messages": [{"eventType": "a", "payload": {}}, {"eventType": "a", "payload": {}}]}).to_string();
    for _ in 0..2 {
        let path = format!("/app/{}/msg/batch", tenant.app);
        let reply = tenant.api.post_raw(&path, &[("idempotency-key", "together")], together.clone()).await?;
        anyhow::ensure!(reply.status == 202, "{}", reply.text);
    }
    let path = format!("/app/{}/endpoint/{endpoint}/recover", tenant.app);
    let task = tenant.api.post(&path, &json!({"since": "2026-01-01T00:00:00Z"})).await?;
    anyhow::ensure!(task.status == 202, "{}", task.text);
    let create = |_| tenant.endpoint("/many");
    stream::iter(0..MANY).map(create).buffer_unordered(8).try_collect::<Vec<_>>().await?;
    tenant.publish("a", json!({})).await?;
    tenant.receiver.wait_for("/many", MANY, PATIENCE).await?;
    Ok(())
}

/// What Lambda does with a function's permissions: the local AWS does not ask for them.
const LAMBDAS_OWN: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// What the statement allows and nobody has used: each of its actions, and as many resources as it names.
fn unused(template: &Value, (role, n, sid): &Statement, stack: &Stack, used: &[Use]) -> Vec<String> {
    let principal = format!("{}-{role}-", stack.deployment.stack);
    let mine: Vec<_> =
        used.iter().filter(|used| used.statement == *sid && used.principal.contains(&principal)).collect();
    let statement = &template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][n];
    let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
    let actions: Vec<_> = actions.iter().filter_map(Value::as_str).filter(|is| !LAMBDAS_OWN.contains(is)).collect();
    let of_actions = actions.iter().filter(|action| !mine.iter().any(|used| used.action == **action));
    let mut unused: Vec<_> = of_actions.map(|action| format!("{role} {sid}: {action}")).collect();
    let resources: BTreeSet<_> = mine.iter().map(|used| &used.resource).collect();
    let named = statement["Resource"].as_array().map_or(1, Vec::len);
    if resources.len() < named && !actions.is_empty() {
        unused.push(format!("{role} {sid}: {named} resources are named, and {resources:?} used"));
    }
    unused
}
