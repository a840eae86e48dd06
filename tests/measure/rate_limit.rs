//! An endpoint with a rate, and a burst of messages for it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use postrider_local::Received;
use postrider_tests::{histogram, most_in_a_second, print_table, publish_at_once, receives, took, world};
use svix::models::EndpointIn;

use crate::figures::print_load;

const RATE: u16 = 10;
const MESSAGES: usize = 300;
/// Of the receiver's clock: one more in a second is no more than a late packet.
const BOUND: usize = RATE as usize + 1;
const LONGEST: Duration = Duration::from_secs(33);
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn measure() -> Result<()> {
    let stack = world().stack("rate-limit", &[("LogLevel", "debug"), ("DeliveryConcurrency", "10")]).await?;
    let tenant = stack.tenant("rate-limit").await?;
    let url = tenant.receiver.url("/hook");
    tenant.endpoint_with(EndpointIn { throttle_rate: Some(RATE), ..EndpointIn::new(url) }).await?;
    println!("{MESSAGES} messages at once for an endpoint that takes {RATE} a second");
    let start = Instant::now();
    publish_at_once(&tenant, MESSAGES).await?;
    println!("  published within {:.1?}", start.elapsed());
    let received = tenant.receiver.wait_for("/hook", MESSAGES, PATIENCE).await?;
    let counted = receives(&stack, MESSAGES).await?;
    print_load();
    judge(start, &received, &counted)
}

fn judge(start: Instant, received: &[Received], counts: &HashMap<String, usize>) -> Result<()> {
    let bins = histogram(received);
    let rows = bins.iter().enumerate().map(|(n, count)| vec![format!("{n} s"), count.to_string(), "#".repeat(*count)]);
    print_table(&["second", "requests", ""], &rows.collect::<Vec<_>>());
    let (fullest, any) = (bins.iter().max().copied().unwrap_or_default(), most_in_a_second(received));
    let (took, most) = (took(received, start), counts.values().max().copied().unwrap_or_default());
    let count = |times| counts.values().filter(|count| **count == times).count();
    println!("  most in a second of the table {fullest}, in any second {any} (at most {BOUND})");
    println!("  the last one {took:.1?} after the first publication (at most {LONGEST:?})");
    println!("  received from the queue once {}, twice {}, at most {most} times (at most 2)", count(1), count(2));
    ensure!(received.len() == MESSAGES, "{} requests", received.len());
    ensure!(any <= BOUND, "above the rate");
    ensure!(took <= LONGEST, "too slow");
    ensure!(most <= 2, "received too often");
    Ok(())
}
