//! The record as the delivery function uses it.

use std::collections::{BTreeSet, HashSet};

use std::collections::HashMap;

use postrider_core::{
    delivery::Delivery,
    entity::{Application, Endpoint},
    ids::{AppId, AttemptId, EndpointId, MessageId},
    message::Message,
    ports::{Deliveries, DeliveryKey, Known, Saved, Unavailable},
    time::Time,
};

use super::items::{STATE, SUCCEEDED, attempt_item, delivery_from, delivery_item};
use super::{Ledger, confirmations::confirmation_key};
use crate::{
    cause::Cause,
    config::{APPLICATION, document, is_gone},
    dynamo::{Condition, Fields as _, Item, Place, Put, Table, batch_get, batch_put, number, readable, text},
};

impl Deliveries for Ledger {
    async fn load(&self, deliveries: &[DeliveryKey], endpoints: &[(AppId, EndpointId)]) -> Result<Known, Unavailable> {
        let mut places = BTreeSet::<Place<'_>>::new();
        for (endpoint, message) in deliveries {
            places.insert((&self.table.name, endpoint.to_string(), message.to_string()));
        }
        for (app, endpoint) in endpoints {
            places.insert((self.config.name(), app.to_string(), endpoint.to_string()));
            places.insert((self.config.name(), app.to_string(), APPLICATION.to_owned()));
        }
        let items = batch_get(&self.table.client, &places).await?;
        let records = items.get(&self.table.name).map(Vec::as_slice).unwrap_or_default();
        let config = items.get(self.config.name()).map(Vec::as_slice).unwrap_or_default();
        let mut known = Known::default();
        add_records(records, &mut known);
        add_endpoints(config, &mut known);
        Ok(known)
    }

    async fn record_successes(&self, done: &[Delivery]) -> Vec<DeliveryKey> {
        let failed = batch_put(&self.table, done.iter().map(delivery_item).collect()).await;
        failed.iter().filter_map(|(pk, sk)| Some((pk.parse().ok()?, sk.parse().ok()?))).collect()
    }

    async fn record(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        put_record(&self.table, delivery).await
    }

    async fn save_health(&self, new: &Endpoint, old: &Endpoint) -> Result<bool, Unavailable> {
        Ok(self.config.put_endpoint(new, Some(old)).await? == Saved::Done)
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.messages_of(keys.iter().copied()).await
    }

    async fn noted_confirmation(&self, (endpoint, message): DeliveryKey) -> Result<Option<AttemptId>, Unavailable> {
        let Some(item) = self.table.get(endpoint, confirmation_key(message)).await? else { return Ok(None) };
        item.parsed("attempt").map(Some).map_err(|error| Unavailable::new("reading a confirmation", error))
    }

    async fn list_attempts(&self, attempts: &[(EndpointId, AttemptId, MessageId, Time)]) -> Result<(), Unavailable> {
        let items =
            attempts.iter().map(|(endpoint, attempt, message, at)| attempt_item(*endpoint, *attempt, *message, *at));
        let failed = batch_put(&self.table, items.collect()).await;
        if failed.is_empty() {
            return Ok(());
        }
        Err(Unavailable::new("listing attempts", Cause(format!("{} could not be written", failed.len()))))
    }
}

fn add_records(items: &[Item], known: &mut Known) {
    for item in items {
        match readable(item, delivery_from) {
            Some(delivery) => drop(known.deliveries.insert((delivery.endpoint, delivery.message), delivery)),
            None => known.damaged.extend(key_of(item)),
        }
    }
}

fn key_of(item: &Item) -> Option<DeliveryKey> {
    let (endpoint, message) = (item.maybe_text("pk")?, item.maybe_text("sk")?);
    Some((endpoint.parse().ok()?, message.parse().ok()?))
}

/// Adds the endpoints whose application is alive, and those applications.
fn add_endpoints(items: &[Item], known: &mut Known) {
    let is_application = |item: &&Item| item.maybe_text("sk") == Some(APPLICATION);
    let alive: HashSet<_> = items
        .iter()
        .filter(is_application)
        .filter(|item| !is_gone(item))
        .filter_map(|item| item.maybe_text("pk"))
        .collect();
    for application in items.iter().filter(is_application).filter_map(|item| readable(item, document::<Application>)) {
        known.owners.insert(application.id, application.into());
    }
    let endpoints = items.iter().filter(|item| !is_application(item));
    for item in endpoints.filter(|item| item.maybe_text("pk").is_some_and(|app| alive.contains(app))) {
        match readable(item, document::<Endpoint>) {
            Some(endpoint) => drop(known.endpoints.insert(endpoint.id, endpoint)),
            None => known.unreadable.extend(item.maybe_text("sk").and_then(|id| id.parse::<EndpointId>().ok())),
        }
    }
}

/// Writes a record in place of the revision before it; whether it stands now.
pub(super) async fn put_record(table: &Table, delivery: &Delivery) -> Result<bool, Unavailable> {
    let condition = match delivery.rev {
        0 | 1 => Condition::absent(),
        // A success is written unconditionally, so its revision may be anybody's.
        rev => Condition {
            expression: "#rev = :before AND #st <> :succeeded",
            names: &[("#rev", "rev"), ("#st", STATE)],
            values: vec![(":before", number(rev - 1)), (":succeeded", text(SUCCEEDED))],
        },
    };
    let item = delivery_item(delivery);
    match table.put_if(item.clone(), condition).await? {
        Put::Written => Ok(true),
        // The very same record: it was written, and the answer was lost.
        Put::Refused(standing) => Ok(standing == item),
        Put::Conflict => Err(Unavailable::new("recording a delivery", Cause("conflict".to_owned()))),
    }
}
