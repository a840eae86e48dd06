//! What stands in a stack's ledger that the API does not tell.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, Select},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_core::{
    ids::{Id as _, Ksuid, MessageId},
    ports::LANES,
    wake::LEASE,
};

use crate::{Stack, stack::now, world};

/// A delivery that waits for the scheduler.
#[derive(Debug, Clone)]
pub struct Parked {
    endpoint: String,
    message: String,
    due_millis: i64,
}

impl Parked {
    /// Whether it is on its way to that endpoint, or is what the endpoint's held deliveries wait behind.
    pub fn is_for(&self, endpoint: &str) -> bool {
        self.endpoint == endpoint
    }

    /// Whether a scheduler has taken it, to send it to the queue: its due time is moved ahead by the lease.
    pub fn is_taken(&self) -> bool {
        (now().plus(LEASE / 2).millis()..=now().plus(LEASE).millis()).contains(&self.due_millis)
    }
}

impl Stack {
    /// How a delivery ended: the state's code and its reason.
    pub async fn ending(&self, endpoint: &str, message: &str) -> Result<(String, String)> {
        let request = world().dynamodb().get_item().table_name(self.output("LedgerTableName")?).consistent_read(true);
        let request = request.key("pk", text(endpoint)).key("sk", text(message));
        let item = request.send().await.context("reading a record")?.item.unwrap_or_default();
        let of = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        Ok((of("st"), of("why")))
    }

    /// How many deliveries to these endpoints are in each state, by its code.
    pub async fn states(&self, endpoints: &[String]) -> Result<BTreeMap<String, usize>> {
        let mut states = BTreeMap::new();
        for endpoint in endpoints {
            let request = world().dynamodb().query().table_name(self.output("LedgerTableName")?);
            let request = request.key_condition_expression("pk = :endpoint AND begins_with(sk, :message)");
            let request = request.expression_attribute_values(":endpoint", text(endpoint));
            let request = request.expression_attribute_values(":message", text("msg_"));
            let items: Vec<_> = request.into_paginator().items().send().collect::<Result<_, _>>().await?;
            for state in items.iter().filter_map(|item| item.get("st")?.as_s().ok()) {
                *states.entry(state.clone()).or_default() += 1;
            }
        }
        Ok(states)
    }

    /// How many pages of a large fan-out are recorded.
    pub async fn fan_out_pages(&self, app: &str, message: &str) -> Result<usize> {
        let request = world().dynamodb().query().table_name(self.output("LedgerTableName")?);
        let request = request.key_condition_expression("pk = :app AND begins_with(sk, :page)");
        let request = request.expression_attribute_values(":app", text(app));
        let request = request.expression_attribute_values(":page", text(&format!("fan#{message}#")));
        Ok(usize::try_from(request.select(Select::Count).consistent_read(true).send().await?.count)?)
    }

    /// Everything that is parked.
    pub async fn parked(&self) -> Result<Vec<Parked>> {
        let lanes = stream::iter(0..LANES).then(|lane| self.lane(lane));
        Ok(lanes.try_collect::<Vec<_>>().await?.concat())
    }

    async fn lane(&self, lane: u8) -> Result<Vec<Parked>> {
        let request = world().dynamodb().query().table_name(self.output("LedgerTableName")?).index_name("due");
        let request = request.key_condition_expression("lane = :lane");
        let items = request.expression_attribute_values(":lane", text(&lane.to_string())).into_paginator().items();
        let items: Vec<_> = items.send().collect::<Result<_, _>>().await.context("reading what is parked")?;
        let parked = |item: &HashMap<String, AttributeValue>| {
            let of = |name| item.get(name)?.as_s().ok().cloned();
            let due_millis = item.get("due")?.as_n().ok()?.parse().ok()?;
            Some(Parked { endpoint: of("pk")?, message: of("sk")?, due_millis })
        };
        items.iter().map(|item| parked(item).context("a strange record")).collect()
    }

    /// Does to parked deliveries what time does: they are due. Those that somebody has taken meanwhile are left alone.
    pub async fn pass_time(&self, parked: &[Parked]) -> Result<()> {
        let (client, table) = (world().dynamodb(), self.output("LedgerTableName")?);
        let pass = |delivery: &Parked| {
            let request = client.update_item().table_name(table);
            let request = request.key("pk", text(&delivery.endpoint)).key("sk", text(&delivery.message));
            let request = request.update_expression("SET due = :now").condition_expression("due = :was");
            let request = request.expression_attribute_values(":now", number(now().millis()));
            let request = request.expression_attribute_values(":was", number(delivery.due_millis));
            async move {
                match request.send().await.map_err(SdkError::into_service_error) {
                    Err(error) if !error.is_conditional_check_failed_exception() => Err(error),
                    _ => Ok(()),
                }
            }
        };
        let requests: Vec<_> = parked.iter().map(pass).collect();
        stream::iter(requests).buffer_unordered(8).try_collect::<()>().await.context("moving a due time")
    }
}

impl Stack {
    /// Lets every valve look as if nothing had come to it for long, and as if it were time to look at it.
    pub async fn age_valves(&self) -> Result<()> {
        let (client, table) = (world().dynamodb(), self.output("LedgerTableName")?);
        let valves = client.scan().table_name(table).filter_expression("sk = :valve");
        let valves = valves.expression_attribute_values(":valve", text("valve")).send().await.context("reading")?;
        for valve in valves.items() {
            let request = client.update_item().table_name(table).set_key(Some(
                ["pk", "sk"].into_iter().filter_map(|key| Some((key.to_owned(), valve.get(key)?.clone()))).collect(),
            ));
            let request = request.update_expression("SET due = :now, touched = :then");
            let request = request.expression_attribute_values(":now", number(now().millis()));
            let then = now().minus(Duration::from_hours(30 * 24));
            request.expression_attribute_values(":then", number(then.millis())).send().await.context("ageing")?;
        }
        Ok(())
    }

    /// What a publisher leaves in a poller's log that died an hour ago before it stored its message.
    pub async fn announce_long_ago(&self, poller: &str) -> Result<()> {
        let (then, expires) = (now().minus(Duration::from_hours(1)), now().plus(Duration::from_hours(1)));
        let message = MessageId::from_ksuid(Ksuid::new(then, [7; 15]));
        let request = world().dynamodb().put_item().table_name(self.output("LedgerTableName")?);
        let request = request.item("pk", text(poller)).item("sk", text(&format!("poll#3#{message}")));
        let request = request.item("at", number(then.micros())).item("expires", number(expires.secs()));
        request.send().await.context("announcing")?;
        Ok(())
    }

    /// Seconds from now until a message expires.
    pub async fn expires_in(&self, app: &str, message: &str) -> Result<i64> {
        let request = world().dynamodb().get_item().table_name(self.output("LedgerTableName")?).consistent_read(true);
        let item = request.key("pk", text(app)).key("sk", text(message)).send().await.context("reading")?.item;
        let item = item.context("no such message")?;
        let expires = item.get("expires").and_then(|expires| expires.as_n().ok()).context("an expiry")?;
        Ok(expires.parse::<i64>()? - now().secs())
    }

    /// Does to a message what time does: it has expired, and DynamoDB has not removed it yet, for which it takes days.
    pub async fn expire(&self, app: &str, message: &str) -> Result<()> {
        let request = world().dynamodb().update_item().table_name(self.output("LedgerTableName")?);
        let request = request.key("pk", text(app)).key("sk", text(message)).update_expression("SET expires = :then");
        request.expression_attribute_values(":then", number(now().secs() - 1)).send().await.context("expiring")?;
        Ok(())
    }

    /// How many items of the ledger are in a partition.
    pub async fn partition(&self, of: &str) -> Result<usize> {
        let request = world().dynamodb().query().table_name(self.output("LedgerTableName")?).consistent_read(true);
        let request = request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(of));
        Ok(usize::try_from(request.select(Select::Count).send().await?.count)?)
    }

    /// Keys (partition, sort) of all items of both tables in which these bytes are to be found, as text or in a blob that
    /// is not compressed.
    pub async fn traces(&self, of: &str) -> Result<Vec<(String, String)>> {
        let mut traces = Vec::new();
        for table in ["ConfigTableName", "LedgerTableName"] {
            let request = world().dynamodb().scan().table_name(self.output(table)?).consistent_read(true);
            let items: Vec<_> = request.into_paginator().items().send().collect::<Result<_, _>>().await?;
            let key = |item: &HashMap<String, AttributeValue>, name| item[name].as_s().cloned().unwrap_or_default();
            let found = items.iter().filter(|item| item.values().any(|value| holds(value, of.as_bytes())));
            traces.extend(found.map(|item| (key(item, "pk"), key(item, "sk"))));
        }
        traces.sort();
        Ok(traces)
    }
}

fn holds(value: &AttributeValue, wanted: &[u8]) -> bool {
    let bytes = match value {
        AttributeValue::S(text) => text.as_bytes(),
        AttributeValue::B(blob) => blob.as_ref(),
        AttributeValue::L(values) => return values.iter().any(|value| holds(value, wanted)),
        _ => return false,
    };
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
