//! An endpoint's outage, and everything that failed in it sent again: at its pace, and although the job is killed.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use postrider_local::{Received, Reply};
use postrider_tests::{Stack, Tenant, histogram, publish_at_once, world};
use serde_json::{Value, json};
use svix::models::{EndpointPatch, RecoverIn};
use tokio::time::{Instant, sleep};

use crate::figures::print_load;

/// A job that was killed comes again after six minutes; here sooner, so that nobody has to wait for it.
const JOB_VISIBILITY: u32 = 20;
/// Held deliveries let through in a second: `ReleasesPerSecond`.
const PACE: usize = 100;
/// Batches are taken together, and what is delayed comes at whole seconds: of two neighbouring seconds' deliveries all may
/// arrive in one, and a crash's leftovers beside them.
const BOUND: usize = 2 * PACE + PACE / 2;
const PATIENCE: Duration = Duration::from_mins(15);
const A_WHILE: Duration = Duration::from_secs(2);

/// How to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// So many messages.
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
}

pub(crate) async fn measure(options: &Options) -> Result<()> {
    let mut template = world().emulator.template().await?;
    template["Resources"]["JobQueue"]["Properties"]["VisibilityTimeout"] = json!(JOB_VISIBILITY);
    let pace = PACE.to_string();
    let parameters = [("RetrySchedule", "1s"), ("ReleasesPerSecond", pace.as_str()), ("DeliveryConcurrency", "10")];
    let stack = world().deploy("recovery", template, &parameters).await?;
    let tenant = stack.tenant("recovery").await?;
    let (endpoint, down) = broken(&tenant).await?;
    fail(&stack, &tenant, &endpoint, options.messages).await?;
    down.store(false, Ordering::SeqCst);
    let before = tenant.receiver.received("/hook").len();
    let start = Instant::now();
    let task = recover(&stack, &tenant, &endpoint).await?;
    arrive(&stack, &tenant, before, options.messages).await?;
    println!("  all there {:.1?} after the recovery was asked for; the task: {task}", start.elapsed());
    judge(&tenant.receiver.received("/hook")[before..], options.messages)
}

async fn broken(tenant: &Tenant) -> Result<(String, Arc<AtomicBool>)> {
    let down = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&down);
    tenant.receiver.on("/hook", move |_, _| Reply::status(if flag.load(Ordering::SeqCst) { 503 } else { 200 }));
    Ok((tenant.endpoint("/hook").await?.id, down))
}

/// The circuit opens, most of it is held, and then somebody gives the endpoint up.
async fn fail(stack: &Stack, tenant: &Tenant, endpoint: &str, messages: usize) -> Result<()> {
    let start = Instant::now();
    publish_at_once(tenant, messages).await?;
    println!("{messages} messages for an endpoint that answers 503, published within {:.0?}", start.elapsed());
    stack.drained().await?;
    disable(tenant, endpoint, true).await?;
    until("everything failed", || async {
        stack.look(endpoint).await?;
        sleep(A_WHILE).await;
        Ok((dead(tenant).await? >= messages).then_some(()))
    })
    .await?;
    println!("  the endpoint is disabled; {messages} dead letters after {:.0?}", start.elapsed());
    disable(tenant, endpoint, false).await
}

/// Asks for the recovery, and kills the function that works on it.
async fn recover(stack: &Stack, tenant: &Tenant, endpoint: &str) -> Result<Value> {
    let since = "2020-01-01T00:00:00Z".parse()?;
    let wanted = RecoverIn { since, until: None };
    let task = tenant.svix.endpoint().recover(tenant.app.clone(), endpoint.to_owned(), wanted, None).await?.id;
    let shown = || async { anyhow::Ok(tenant.api.get(&format!("/background-task/{task}")).await?.json()) };
    until("it is half way", || async { Ok((shown().await?["data"]["changed"].as_u64() > Some(1_000)).then_some(())) })
        .await?;
    let killed = stack.kill("scheduler")?;
    ensure!(killed > 0 && shown().await?["status"] == "running", "nothing to kill");
    println!("  killed at {}", shown().await?["data"]["changed"]);
    until("the task is finished", || async { Ok(Some(shown().await?).filter(|task| task["status"] == "finished")) })
        .await
}

/// The scheduler looks every minute by itself; here more often, which lets nothing through that is not due.
async fn arrive(stack: &Stack, tenant: &Tenant, before: usize, messages: usize) -> Result<()> {
    until("everything has arrived", || async {
        stack.wake().await?;
        sleep(A_WHILE).await;
        Ok((tenant.receiver.received("/hook").len() >= before + messages).then_some(()))
    })
    .await?;
    // What comes twice would come now.
    stack.drained().await
}

fn judge(received: &[Received], messages: usize) -> Result<()> {
    let mut times = HashMap::<&str, usize>::new();
    for request in received {
        *times.entry(request.header("webhook-id").context("an id")?).or_default() += 1;
    }
    let twice = times.values().filter(|count| **count > 1).count();
    let fullest = histogram(received).into_iter().max().unwrap_or_default();
    println!("  {} of {messages} messages arrived, {twice} of them more than once", times.len());
    println!("  most in a second {fullest} (a pace of {PACE}; at most {BOUND})");
    print_load();
    ensure!(times.len() == messages, "something is lost");
    ensure!(fullest <= BOUND, "above the pace");
    Ok(())
}

async fn disable(tenant: &Tenant, endpoint: &str, disabled: bool) -> Result<()> {
    let patch = EndpointPatch { disabled: Some(disabled), ..EndpointPatch::new() };
    tenant.svix.endpoint().patch(tenant.app.clone(), endpoint.to_owned(), patch).await?;
    Ok(())
}

/// How many dead letters there are.
async fn dead(tenant: &Tenant) -> Result<usize> {
    let (mut count, mut iterator) = (0, String::new());
    loop {
        let path = format!("/app/{}/dead-letter?limit=250{iterator}", tenant.app);
        let page = tenant.api.get(&path).await?.json();
        count += page["data"].as_array().context("a list")?.len();
        if page["done"] == true {
            return Ok(count);
        }
        iterator = format!("&iterator={}", page["iterator"].as_str().context("an iterator")?);
    }
}

async fn until<T, F: Future<Output = Result<Option<T>>>>(what: &str, mut ask: impl FnMut() -> F) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("not within {PATIENCE:?}: {what}")
}
