//! Minutes of traffic on a bad day: functions are killed (SIGKILL), AWS throttles and loses answers, endpoints fail.
//! Nothing may be lost; what comes twice must have a reason.

mod duplicates;
mod weather;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Args;
use futures::future::try_join_all;
use postrider_local::{Reply, Weather};
use postrider_tests::{Accepted, Parked, Stack, Tenant, percentile, world};
use tokio::time::{Instant, sleep, sleep_until};

use crate::figures::{millis, print_load};

/// Between two publications.
const EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_mins(25);
/// Between two looks at whether all is done.
const LOOK: Duration = Duration::from_secs(2);

/// How often it is told how far it is.
const TELL: Duration = Duration::from_mins(1);

/// How to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How long messages are published.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// Short waits, and as many as outlast every fault: nothing may end as failed.
const PARAMETERS: [(&str, &str); 7] = [
    ("RetrySchedule", "1s,2s,5s,10s,20s,30s,60s,60s,60s,60s,60s"),
    ("AttemptTimeoutSeconds", "5"),
    ("DeliveryTimeoutSeconds", "12"),
    ("QueueVisibilitySeconds", "12"),
    ("ParkAfterSeconds", "15"),
    ("DeliveryConcurrency", "4"),
    ("LogLevel", "debug"),
];

/// A request that an endpoint answered with 2xx.
#[derive(Debug, Clone)]
struct Taken {
    message: String,
    at: Instant,
}

/// An endpoint, and what it has taken.
struct Customer {
    name: &'static str,
    endpoint: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Customer {
    /// One that fails at every request of which `fails` says so, given its number and the time.
    async fn new(
        tenant: &Tenant,
        name: &'static str,
        fails: impl Fn(usize, Instant) -> Option<Reply> + Send + Sync + 'static,
    ) -> Result<Self> {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (path, taking) = (format!("/{name}"), Arc::clone(&taken));
        tenant.receiver.on(&path, move |request, nth| {
            let at = Instant::now();
            if let Some(failure) = fails(nth, at) {
                return failure;
            }
            let message = request.header("webhook-id").unwrap_or_default().to_owned();
            taking.lock().unwrap_or_else(PoisonError::into_inner).push(Taken { message, at });
            Reply::status(204)
        });
        Ok(Self { name, endpoint: tenant.endpoint(&path).await?.id, taken })
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) async fn measure(options: &Options) -> Result<()> {
    let stack = world().stack("soak", &PARAMETERS).await?;
    let tenant = stack.tenant("soak").await?;
    let length = Duration::from_secs(options.minutes * 60);
    let start = Instant::now();
    let customers = customers(&tenant, start, length).await?;
    println!("{} minutes, a message every {EVERY:?} for each of {} endpoints", options.minutes, customers.len());
    let end = start + length;
    let (accepted, kills, ()) = tokio::try_join!(
        publish(&tenant, start, end),
        weather::kill_now_and_then(&stack, end),
        weather::change_now_and_then(end)
    )?;
    let faults = world().emulator.set_weather(Weather::default()).await?;
    println!("  {} messages accepted, {} requests for it", accepted.len(), requests(&accepted));
    println!("  killed: {}", weather::counted(&kills));
    println!("  calls of AWS: {} throttled, {} done without an answer", faults.throttled, faults.lost);
    print_load();
    done(&stack, &customers, accepted.len()).await?;
    println!("  all recorded as succeeded {:.0?} after the last publication", end.elapsed());
    let lost = lost(&customers, &accepted);
    for customer in &customers {
        println!("  {}: {} took {}", customer.endpoint, customer.name, customer.taken().len());
    }
    println!("  lost: {}", lost.len());
    ensure!(lost.is_empty(), "lost: {lost:?}");
    duplicates::explain(&stack, &customers, &accepted, &kills).await
}

/// Every one fails in a way of its own.
async fn customers(tenant: &Tenant, start: Instant, length: Duration) -> Result<Vec<Customer>> {
    let outage = (start + length / 3, start + length / 2);
    Ok(vec![
        Customer::new(tenant, "sometimes-500", |nth, _| (nth % 10 == 0).then(|| Reply::status(500))).await?,
        Customer::new(tenant, "hangs-up-or-503", |nth, _| match nth % 20 {
            0 | 10 => Some(Reply::hang_up()),
            5 => Some(Reply::status(503).header("retry-after", "2")),
            _ => None,
        })
        .await?,
        Customer::new(tenant, "down-for-a-sixth", move |_, now| {
            (outage.0..outage.1).contains(&now).then(|| Reply::status(500))
        })
        .await?,
    ])
}

async fn publish(tenant: &Tenant, start: Instant, end: Instant) -> Result<Vec<Accepted>> {
    let count = u32::try_from((end - start).as_millis() / EVERY.as_millis())?;
    let all = (0..count).map(|number| async move {
        sleep_until(start + EVERY * number).await;
        tenant.publish_until_accepted(&format!("soak-{number}")).await
    });
    try_join_all(all).await
}

fn requests(accepted: &[Accepted]) -> u32 {
    accepted.iter().map(|message| message.requests).sum()
}

/// Waits until every delivery is recorded as succeeded.
async fn done(stack: &Stack, customers: &[Customer], messages: usize) -> Result<()> {
    let endpoints: Vec<_> = customers.iter().map(|customer| customer.endpoint.clone()).collect();
    let (start, mut told, mut taken) = (Instant::now(), Instant::now(), Vec::new());
    loop {
        let states = stack.states(&endpoints).await?;
        if states.get("s") == Some(&(messages * endpoints.len())) {
            return Ok(());
        }
        if told.elapsed() > TELL {
            println!("  after {:.0?}: by state {states:?}", start.elapsed());
            told = Instant::now();
            // What a scheduler had taken when it was killed waits for half an hour; nobody needs to watch that.
            stack.pass_time(&taken).await?;
            taken = stack.parked().await?;
            taken.retain(Parked::is_taken);
        }
        ensure!(start.elapsed() < PATIENCE, "not all of {messages} messages are delivered: {states:?}");
        sleep(LOOK).await;
    }
}

/// Accepted, and never taken by an endpoint that should have got it.
fn lost<'a>(customers: &'a [Customer], accepted: &'a [Accepted]) -> Vec<(&'a str, &'a str)> {
    let mut lost = Vec::new();
    for customer in customers {
        let taken: BTreeSet<_> = customer.taken().into_iter().map(|taken| taken.message).collect();
        let missing = accepted.iter().filter(|message| !taken.contains(&message.id));
        lost.extend(missing.map(|message| (customer.name, message.id.as_str())));
    }
    lost
}

/// For the longest of them, too.
fn spread(times: &[Duration]) -> String {
    let at = |percent| millis(percentile(times, percent));
    format!("p50 {}, longest {}", at(50), at(100))
}
