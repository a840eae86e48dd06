//! One endpoint that hangs until the timeout among nine that do not: what the nine notice of it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures::future::try_join_all;
use postrider_local::Reply;
use postrider_tests::{Sent, Stack, Tenant, arrivals, percentile, print_table, steady, world};

use crate::figures::{millis, print_load};

const HEALTHY: usize = 9;
/// Between two messages for one endpoint.
const EVERY: Duration = Duration::from_millis(400);
/// So long the instances of the function may need to learn about the bad one.
const LEARNING: Duration = Duration::from_secs(20);
/// What they may make of the p99 afterwards.
const BOUND: f64 = 1.5;
const PATIENCE: Duration = Duration::from_mins(2);

/// How to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How long the traffic flows, each time.
    #[arg(long, default_value_t = 90)]
    seconds: u64,
}

/// From publication to receipt, of the messages that were published in the first seconds, and of the others.
struct Latencies {
    first: Vec<Duration>,
    rest: Vec<Duration>,
}

pub(crate) async fn measure(options: &Options) -> Result<()> {
    let stack = world().stack("noisy-neighbour", &PARAMETERS).await?;
    let length = Duration::from_secs(options.seconds);
    println!("{HEALTHY} healthy endpoints and one more, a message every {EVERY:?} for each, for {length:?}");
    let without = run(&stack, "all-healthy", length, Duration::ZERO).await?;
    let with = run(&stack, "one-hangs", length, PATIENCE).await?;
    print(&without, &with)
}

/// As they are by default, apart from a pool of a size for this machine.
const PARAMETERS: [(&str, &str); 5] = [
    ("RetrySchedule", "5s,5m,30m,2h,5h,10h,14h,20h,24h"),
    ("AttemptTimeoutSeconds", "15"),
    ("DeliveryTimeoutSeconds", "30"),
    ("DeliveryConcurrency", "10"),
    ("RetryConcurrency", "10"),
];

/// One more endpoint answers after that delay. Gives what the healthy ones saw.
async fn run(stack: &Stack, name: &str, length: Duration, delay: Duration) -> Result<Latencies> {
    let tenants = try_join_all((0..=HEALTHY).map(|_| stack.tenant(name))).await?;
    for tenant in &tenants {
        tenant.endpoint("/hook").await?;
    }
    let (neighbour, healthy) = tenants.split_last().context("no endpoints")?;
    neighbour.receiver.on("/hook", move |_, _| Reply::status(200).after(delay));
    let sent = steady(&tenants, EVERY, length).await?;
    let mut latencies = Latencies { first: Vec::new(), rest: Vec::new() };
    for (tenant, sent) in healthy.iter().zip(&sent) {
        latencies.add(tenant, sent).await?;
    }
    let requests = neighbour.receiver.received("/hook").len();
    println!("  {name}: the tenth endpoint was sent {requests} requests");
    print_load();
    Ok(latencies)
}

impl Latencies {
    async fn add(&mut self, tenant: &Tenant, sent: &[Sent]) -> Result<()> {
        tenant.receiver.wait_for("/hook", sent.len(), PATIENCE).await?;
        let arrivals = arrivals(tenant, "/hook");
        for Sent { id, after, at } in sent {
            let arrived: &Instant = arrivals.get(id).with_context(|| format!("{id} did not arrive"))?;
            let latency = arrived.saturating_duration_since(*at);
            if *after < LEARNING { self.first.push(latency) } else { self.rest.push(latency) }
        }
        Ok(())
    }
}

fn print(without: &Latencies, with: &Latencies) -> Result<()> {
    let row = |name: &str, samples: [&Vec<Duration>; 2]| {
        let mut row = vec![name.to_owned(), samples[0].len().to_string()];
        for percent in [50, 99, 100] {
            row.extend(samples.map(|samples| millis(percentile(samples, percent))));
        }
        row
    };
    let head = ["published", "messages", "p50 without", "with", "p99 without", "with", "longest without", "with"];
    let first = format!("in the first {} s", LEARNING.as_secs());
    print_table(&head, &[row(&first, [&without.first, &with.first]), row("afterwards", [&without.rest, &with.rest])]);
    println!(
        "The first seconds: every instance of the function waits once for the answer that does not come, while messages"
    );
    println!(
        "queue up behind it. From then on the endpoint is known to be slow, the retry queue takes what is for it, and its"
    );
    println!("circuit opens: nobody waits for it any more.");
    let p99 = |samples| percentile(samples, 99).context("no messages");
    let ratio = p99(&with.rest)?.as_secs_f64() / p99(&without.rest)?.as_secs_f64();
    println!("p99 afterwards: {ratio:.2} times as long (at most {BOUND})");
    ensure!(ratio <= BOUND, "the healthy endpoints feel the bad one");
    Ok(())
}
