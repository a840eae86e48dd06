//! What a million events cost: what they ask of AWS, measured, times AWS's list prices (`prices.json`).

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context as _, Result};
use postrider_local::{Binaries, Reply};
use postrider_tests::{Stack, Tenant, print_table, world};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ledger::{Asked, asked, now},
    load::{Load, PATIENCE},
};

const PRICES: &str = include_str!("../prices.json");
/// So long a receiver takes.
const RECEIVER: Duration = Duration::from_millis(100);
const HANGS: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    as_of: String,
    region: String,
    lines: BTreeMap<String, Price>,
    others: Vec<Other>,
}

#[derive(Debug, Deserialize)]
struct Price {
    dollars: f64,
}

#[derive(Debug, Deserialize)]
struct Other {
    name: String,
    dollars: Option<f64>,
    source: String,
    without: Option<String>,
}

/// What is published, and what becomes of it.
struct Scenario {
    name: &'static str,
    load: Load,
    /// Each event waits for the one before to arrive, so that it is alone in the queue.
    alone: bool,
    first: First,
}

/// What the first attempt of each event meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Succeeds,
    Fails,
    TimesOut,
}

const fn load(batch: usize, requests: usize) -> Load {
    Load { batch, fan_out: 1, bytes: 1_000, requests, at_once: 8 }
}

const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "one by one", load: load(1, 60), alone: true, first: First::Succeeds },
    Scenario {
        name: "one by one, at load",
        load: Load { at_once: 3, ..load(1, 400) },
        alone: false,
        first: First::Succeeds,
    },
    Scenario { name: "in tens", load: load(10, 60), alone: false, first: First::Succeeds },
    Scenario { name: "in hundreds", load: load(100, 8), alone: false, first: First::Succeeds },
    Scenario { name: "one by one, failing once", load: load(1, 20), alone: true, first: First::Fails },
    Scenario { name: "one by one, hanging once", load: load(1, 2), alone: true, first: First::TimesOut },
];

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let prices: Prices = serde_json::from_str(PRICES).context("prices.json")?;
    let mut bills = Vec::new();
    for (nth, scenario) in SCENARIOS.iter().enumerate() {
        eprintln!("  events that are published {}", scenario.name);
        let bill = scenario.run(&format!("cost-{nth}"), binaries).await.with_context(|| scenario.name)?;
        bills.push((scenario, bill));
    }
    print(&prices, &bills);
    let figures = bills.iter().map(|(scenario, (events, asked))| {
        let quantities = quantities(*events, asked);
        json!({
            "scenario": scenario.name, "events": events, "dollarsForAMillion": dollars(&prices, &quantities),
            "forAnEvent": quantities.into_iter().collect::<BTreeMap<_, _>>(),
            "deliveriesInABatch": asked.deliveries / asked.batches,
        })
    });
    Ok(figures.collect())
}

impl Scenario {
    async fn run(&self, name: &str, binaries: &Binaries) -> Result<(f64, Asked)> {
        // Two at once leave a queue behind them, as busy times do.
        let parameters = [("AttemptTimeoutSeconds", "15"), ("DeliveryConcurrency", "2"), ("RetryConcurrency", "2")];
        let template = world().emulator.template().await?;
        let stack = world().deploy_binaries(name, template, &parameters, binaries).await?;
        let tenant = stack.tenant(name).await?;
        let (first, seen) = (self.first, Mutex::new(HashSet::new()));
        tenant.receiver.on("/hook", move |request, _| {
            let id = request.header("webhook-id").unwrap_or_default().to_owned();
            let is_first = seen.lock().is_ok_and(|mut seen| seen.insert(id));
            match first {
                First::Fails if is_first => Reply::status(500).after(RECEIVER),
                First::TimesOut if is_first => Reply::status(200).after(HANGS),
                _ => Reply::status(200).after(RECEIVER),
            }
        });
        let other = self.warm_up(&stack, name).await?;
        let (events, attempts) = (self.load.events(), if first == First::Succeeds { 1 } else { 2 });
        let since = now();
        let endpoint = tenant.endpoint("/hook").await?;
        if self.alone {
            let mut endpoint = endpoint.id;
            for nth in 0..self.load.requests {
                if nth > 0 && first != First::Succeeds {
                    // Another, since one that fails again and again is soon left alone.
                    tenant.svix.endpoint().delete(tenant.app.clone(), endpoint).await?;
                    endpoint = tenant.endpoint("/hook").await?.id;
                }
                self.load.publish(&tenant, nth..nth + 1).await?;
                let requests = (nth + 1) * self.load.batch * attempts;
                tenant.receiver.wait_for("/hook", requests, PATIENCE).await?;
                if first != First::Succeeds {
                    stack.drained().await?;
                }
            }
        } else {
            self.load.publish(&tenant, 0..self.load.requests).await?;
            tenant.receiver.wait_for("/hook", events * attempts, PATIENCE).await?;
        }
        stack.drained().await?;
        Ok((f64::from(u32::try_from(events)?), asked(&stack, since, events * attempts, &other).await?))
    }

    /// Keys, and what else an instance reads once.
    async fn warm_up(&self, stack: &Stack, name: &str) -> Result<Tenant> {
        let tenant = stack.tenant(&format!("{name}-warm-up")).await?;
        tenant.endpoint("/warm-up").await?;
        let warm_up = load(1, 20);
        warm_up.publish(&tenant, 0..warm_up.requests).await?;
        tenant.receiver.wait_for("/warm-up", warm_up.requests, PATIENCE).await?;
        stack.drained().await?;
        Ok(tenant)
    }
}

/// For one event, by the names of the prices.
fn quantities(events: f64, asked: &Asked) -> [(&'static str, f64); 7] {
    [
        ("HTTP API requests", asked.publications),
        ("Lambda requests", asked.invocations),
        ("Lambda GB-seconds", asked.gigabyte_seconds),
        ("DynamoDB write units", asked.write_units),
        ("DynamoDB read units", asked.read_units),
        ("SQS requests", asked.sqs_requests),
        ("log megabytes", asked.log_megabytes),
    ]
    .map(|(name, quantity)| (name, quantity / events))
}

/// Of a million events.
fn dollars(prices: &Prices, quantities: &[(&'static str, f64)]) -> f64 {
    quantities.iter().map(|(name, quantity)| quantity * price(prices, name)).sum()
}

fn price(prices: &Prices, name: &str) -> f64 {
    prices.lines.get(name).map_or(f64::NAN, |price| price.dollars)
}

fn print(prices: &Prices, bills: &[(&Scenario, (f64, Asked))]) {
    println!(
        "\nA million events of 1 KB, with Idempotency-Key, in US dollars at the list prices of {} for {}.\n\
         In each cell: how many for an event, and what a million events cost of it. The receiver takes {RECEIVER:?}.",
        prices.as_of, prices.region
    );
    let mut head = vec!["", "price of a million"];
    head.extend(bills.iter().map(|(scenario, _)| scenario.name));
    let all: Vec<_> = bills.iter().map(|(_, (events, asked))| quantities(*events, asked)).collect();
    let mut rows = Vec::new();
    for (nth, (name, _)) in quantities(1.0, &Asked::default()).iter().enumerate() {
        let price = price(prices, name);
        let mut row = vec![(*name).to_owned(), format!("{price:.3}")];
        row.extend(all.iter().map(|quantities| {
            let (_, quantity) = quantities[nth];
            format!("{quantity:.4}: {:.2}", quantity * price)
        }));
        rows.push(row);
    }
    let total = |without: &str| {
        let sum = |quantities: &[(&'static str, f64); 7]| {
            let counted: Vec<_> = quantities.iter().copied().filter(|(name, _)| *name != without).collect();
            format!("{:.2}", dollars(prices, &counted))
        };
        all.iter().map(sum).collect::<Vec<_>>()
    };
    for (name, without) in [("sum without logs", "log megabytes"), ("sum", "")] {
        rows.push([vec![name.to_owned(), String::new()], total(without)].concat());
    }
    let batches = bills.iter().map(|(_, (_, asked))| format!("{:.1}", asked.deliveries / asked.batches));
    rows.push([vec!["deliveries in a batch".to_owned(), String::new()], batches.collect()].concat());
    print_table(&head, &rows);
    println!("\nOthers' list prices for a million, one receiver each:");
    let rows: Vec<_> = prices
        .others
        .iter()
        .map(|other| {
            let dollars = other.dollars.map_or_else(|| "-".to_owned(), |dollars| format!("{dollars:.2}"));
            vec![other.name.clone(), dollars, other.source.clone(), other.without.clone().unwrap_or_default()]
        })
        .collect();
    print_table(&["", "dollars", "source", "without"], &rows);
}
