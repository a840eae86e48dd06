//! One message for very many endpoints, and the same again while the function that queues them is killed.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_tests::{Stack, Tenant, world};
use serde_json::json;
use svix::models::EndpointIn;
use tokio::time::{Instant, sleep};

use crate::figures::print_load;

/// Requests of the operator at once.
const CALLERS: usize = 8;
const KILLS: usize = 3;
/// An API Gateway gives a request no more.
const API_LIMIT: Duration = Duration::from_secs(29);
const PATIENCE: Duration = Duration::from_mins(10);
/// A job that was killed comes again after six minutes; here sooner, so that nobody has to wait for it.
const JOB_VISIBILITY: u32 = 20;

/// How to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// So many endpoints.
    #[arg(long, default_value_t = 10_000)]
    endpoints: usize,
}

pub(crate) async fn measure(options: &Options) -> Result<()> {
    let mut template = world().emulator.template().await?;
    template["Resources"]["JobQueue"]["Properties"]["VisibilityTimeout"] = json!(JOB_VISIBILITY);
    let stack = world().deploy("fan-out", template, &[("DeliveryConcurrency", "10")]).await?;
    let tenant = stack.tenant("fan-out").await?;
    let (url, start) = (tenant.receiver.url("/hook"), Instant::now());
    let create = |nth| tenant.endpoint_with(EndpointIn::new(format!("{url}?endpoint={nth}")));
    stream::iter(0..options.endpoints).map(create).buffer_unordered(CALLERS).try_collect::<Vec<_>>().await?;
    println!("{} endpoints, created within {:.0?}", options.endpoints, start.elapsed());
    run(&stack, &tenant, options.endpoints, 0).await?;
    run(&stack, &tenant, options.endpoints, KILLS).await
}

/// Publishes one message, kills the function so often while it queues the deliveries, and counts what arrives.
async fn run(stack: &Stack, tenant: &Tenant, endpoints: usize, kills: usize) -> Result<()> {
    let before = tenant.receiver.received("/hook").len();
    let start = Instant::now();
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?.id;
    let accepted = start.elapsed();
    for kill in 0..kills {
        kill_after(stack, tenant, &message, (kill + 1) * pages(endpoints) / (kills + 2)).await?;
    }
    tenant.receiver.wait_for("/hook", before + endpoints, PATIENCE).await?;
    let all = start.elapsed();
    // What comes twice would come now.
    stack.drained().await?;
    let mut times = HashMap::new();
    for request in &tenant.receiver.received("/hook")[before..] {
        ensure!(request.header("webhook-id") == Some(message.as_str()), "a request of another message");
        *times.entry(request.query.clone().context("a query")?).or_insert(0_usize) += 1;
    }
    let twice = times.values().filter(|count| **count > 1).count();
    println!(
        "  {kills} kills: accepted after {accepted:.2?}; {} of {endpoints} endpoints reached within {all:.1?}, {twice} of \
         them more than once",
        times.len()
    );
    print_load();
    ensure!(accepted < API_LIMIT && times.len() == endpoints && twice == 0, "not each of them once");
    Ok(())
}

const fn pages(endpoints: usize) -> usize {
    endpoints.div_ceil(postrider_core::fan_out::PAGE)
}

/// Kills what queues the deliveries when so many pages are recorded, and not all.
async fn kill_after(stack: &Stack, tenant: &Tenant, message: &str, pages: usize) -> Result<()> {
    let start = Instant::now();
    loop {
        let recorded = stack.fan_out_pages(&tenant.app, message).await?;
        if recorded >= pages {
            ensure!(stack.kill("scheduler")? > 0, "nothing to kill");
            println!("  killed after {recorded} pages");
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "no page is recorded any more");
        sleep(Duration::from_millis(20)).await;
    }
}
