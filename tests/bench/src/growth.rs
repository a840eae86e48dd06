//! What an event asks of AWS, and of the processor, where much is stored, and where an application has many endpoints.

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_local::Binaries;
use postrider_tests::{Stack, Tenant, print_table, world};
use serde_json::{Value, json};
use svix::models::EndpointIn;

use crate::{
    ledger::{Asked, asked, now},
    load::{Load, PATIENCE},
    procs,
};

const STORED: [usize; 3] = [10, 1_000, 100_000];
const ENDPOINTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const AT_ONCE: usize = 8;
const LOAD: Load = Load { batch: 1, fan_out: 1, bytes: 1_000, requests: 300, at_once: AT_ONCE };

/// Something measured, for one delivered event.
struct Row {
    size: usize,
    asked: Asked,
    events: f64,
    micros: f64,
}

pub(crate) async fn measure(binaries: &Binaries) -> Result<Value> {
    let parameters = [("AttemptTimeoutSeconds", "15"), ("DeliveryConcurrency", "2")];
    let template = world().emulator.template().await?;
    let stack = world().deploy_binaries("growth", template, &parameters, binaries).await?;
    let other = stack.tenant("other").await?;
    other.endpoint("/hook").await?;
    let stored = stored(&stack, &other).await?;
    print("stored messages of the application", &stored);
    let endpoints = endpoints(&stack, &other).await?;
    print("endpoints of the application, which all get the message", &endpoints);
    Ok(json!({"storedMessages": figures(&stored), "endpoints": figures(&endpoints)}))
}

/// Single messages to one endpoint, with more and more messages stored beside them.
async fn stored(stack: &Stack, other: &Tenant) -> Result<Vec<Row>> {
    let tenant = stack.tenant("stored").await?;
    let known = tenant.api.post("/event-type", &json!({"name": "order.placed", "description": "An order"})).await?;
    ensure!(known.status == 201, "{}", known.text);
    let endpoint = EndpointIn {
        event_types: Some(["order.placed".to_owned()].into()),
        ..EndpointIn::new(tenant.receiver.url("/hook"))
    };
    tenant.endpoint_with(endpoint).await?;
    let (mut there, mut published, mut rows) = (0, 0, Vec::new());
    for size in STORED {
        fill(&tenant, there, size).await?;
        there = size;
        // Instances start.
        for events in [40, LOAD.requests] {
            let row = one((stack, other), &tenant, Load { requests: events, ..LOAD }, published, size).await?;
            published += events;
            if events == LOAD.requests {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// Messages that nobody has subscribed to.
async fn fill(tenant: &Tenant, from: usize, to: usize) -> Result<()> {
    const REQUEST: usize = 100;
    let requests = (from..to).step_by(REQUEST).map(|first| async move {
        let message = |nth: usize| json!({"eventType": "order.stored", "payload": {"order": nth}});
        let messages: Vec<_> = (first..to.min(first + REQUEST)).map(message).collect();
        let path = format!("/app/{}/msg/batch?with_content=false", tenant.app);
        let reply = tenant.api.post(&path, &json!({ "messages": messages })).await?;
        ensure!(reply.status == 202, "{}", reply.text);
        Ok(())
    });
    stream::iter(requests).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// A message to more and more endpoints.
async fn endpoints(stack: &Stack, other: &Tenant) -> Result<Vec<Row>> {
    let tenant = stack.tenant("endpoints").await?;
    let url = tenant.receiver.url("/hook");
    let (mut there, mut published, mut rows) = (0, 0, Vec::new());
    for size in ENDPOINTS {
        let create = |nth| tenant.endpoint_with(EndpointIn::new(format!("{url}?endpoint={nth}")));
        stream::iter(there..size).map(create).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        there = size;
        let requests = (1_000 / size).clamp(1, 200);
        let load = Load { fan_out: size, requests, ..LOAD };
        let row = one((stack, other), &tenant, load, published, size).await?;
        published += requests;
        rows.push(row);
    }
    Ok(rows)
}

async fn one(
    (stack, other): (&Stack, &Tenant),
    tenant: &Tenant,
    load: Load,
    published: usize,
    size: usize,
) -> Result<Row> {
    let (since, before) = (now(), spent(stack)?);
    let received = tenant.receiver.received("/hook").len();
    load.publish(tenant, published..published + load.requests).await?;
    tenant.receiver.wait_for("/hook", received + load.events(), PATIENCE).await?;
    stack.drained().await?;
    let (spent, events) = (spent(stack)? - before, f64::from(u32::try_from(load.events())?));
    let asked = asked(stack, since, load.events(), other).await?;
    Ok(Row { size, asked, events, micros: spent * 1e6 / events })
}

/// Seconds of the processor.
fn spent(stack: &Stack) -> Result<f64> {
    let all = ["ingest", "delivery", "scheduler"].into_iter().map(|function| procs::of_function(stack, function));
    Ok(all.sum::<Result<std::time::Duration>>()?.as_secs_f64())
}

impl Row {
    fn figures(&self) -> [(&'static str, f64); 5] {
        [
            ("write units", self.asked.write_units),
            ("read units", self.asked.read_units),
            ("DynamoDB requests", self.asked.dynamodb_requests),
            ("SQS requests", self.asked.sqs_requests),
            ("CPU microseconds", self.micros * self.events),
        ]
        .map(|(name, sum)| (name, sum / self.events))
    }
}

fn print(what: &str, rows: &[Row]) {
    println!("\nFor a delivered event, by {what}");
    let cells = |row: &Row| {
        let mut cells = vec![row.size.to_string(), format!("{:.0}", row.events)];
        cells.extend(row.figures().map(|(_, figure)| format!("{figure:.3}")));
        cells
    };
    let mut head = vec!["", "delivered"];
    head.extend(rows.first().map(Row::figures).into_iter().flatten().map(|(name, _)| name));
    print_table(&head, &rows.iter().map(cells).collect::<Vec<_>>());
}

fn figures(rows: &[Row]) -> Value {
    let figures = |row: &Row| {
        let mut all: serde_json::Map<_, _> =
            row.figures().into_iter().map(|(name, figure)| (name.to_owned(), json!(figure))).collect();
        all.insert("size".to_owned(), json!(row.size));
        Value::Object(all)
    };
    rows.iter().map(figures).collect()
}
