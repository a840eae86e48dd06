//! Parked deliveries and valves, as the scheduler takes them up.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::{
    error::SdkError, operation::update_item::builders::UpdateItemFluentBuilder, types::ReturnValue,
};
use postrider_core::{
    delivery::Delivery,
    entity::Endpoint,
    ids::{AppId, EndpointId, MessageId},
    message::Message,
    ports::{DeliveryKey, Due, Parking, Unavailable, Valve},
    time::Time,
};

use super::{
    Ledger,
    deliveries::put_record,
    items::{HELD, LANE, STATE, VALVE, WAITING, delivery_from, due_from, lane_of, valve_from},
};
use crate::{
    cause::unavailable,
    dynamo::{BadItem, Item, keyed, number, readable, text},
};

/// The index's name.
pub(super) const INDEX: &str = "due";

impl Parking for Ledger {
    async fn due(&self, lane: u8, from: Time, now: Time, limit: usize) -> Result<Vec<(Due, Time)>, Unavailable> {
        self.indexed(lane, from, now, limit, due_from).await
    }

    async fn lease(&self, key: DeliveryKey, from: Time, to: Time) -> Result<Option<Delivery>, Unavailable> {
        self.taken(self.leased(key.0, key.1, from, to), delivery_from).await
    }

    async fn lease_valve(&self, endpoint: EndpointId, from: Time, to: Time) -> Result<Option<Valve>, Unavailable> {
        self.taken(self.leased(endpoint, VALVE, from, to), valve_from).await
    }

    async fn release(&self, key: DeliveryKey, due: Time) -> Result<Option<Delivery>, Unavailable> {
        let request = self
            .update(key.0, key.1)
            .update_expression("SET #due = :due, #lane = :lane, #st = :waiting")
            .condition_expression("#st = :held")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#st", STATE)
            .expression_attribute_values(":due", number(due.millis()))
            .expression_attribute_values(":lane", text(lane_of(key.0)))
            .expression_attribute_values(":waiting", text(WAITING))
            .expression_attribute_values(":held", text(HELD));
        self.taken(request, delivery_from).await
    }

    async fn remove_valve(&self, valve: &Valve) -> Result<(), Unavailable> {
        let request = self
            .table
            .client
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(keyed(valve.endpoint, VALVE)))
            .condition_expression("#touched = :touched")
            .expression_attribute_names("#touched", "touched")
            .expression_attribute_values(":touched", number(valve.touched.millis()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(unavailable("DynamoDB: removing a valve")(error)),
        }
    }

    async fn endpoint(&self, app: AppId, endpoint: EndpointId) -> Result<Option<Endpoint>, Unavailable> {
        if self.config.get_application(app).await?.is_none() {
            return Ok(None);
        }
        self.config.get_endpoint(app, endpoint).await
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.messages_of(keys.iter().copied()).await
    }

    async fn cancel(&self, delivery: &Delivery) -> Result<(), Unavailable> {
        // Refused means that somebody has dealt with it since.
        put_record(&self.table, delivery).await.map(drop)
    }
}

impl Ledger {
    /// A part of the index, oldest first.
    pub(super) async fn indexed<T>(
        &self,
        lane: impl Display,
        from: Time,
        to: Time,
        limit: usize,
        decode: impl Fn(&Item) -> Result<T, BadItem>,
    ) -> Result<Vec<T>, Unavailable> {
        let (mut found, mut start) = (Vec::new(), None);
        let lane = lane.to_string();
        while found.len() < limit {
            let request = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .index_name(INDEX)
                .key_condition_expression("#lane = :lane AND #due BETWEEN :from AND :to")
                .expression_attribute_names("#lane", LANE)
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":lane", text(&lane))
                .expression_attribute_values(":from", number(from.millis()))
                .expression_attribute_values(":to", number(to.millis()))
                .set_limit(i32::try_from(limit - found.len()).ok())
                .set_exclusive_start_key(start);
            let output = request.send().await.map_err(unavailable("DynamoDB: querying what is due"))?;
            found.extend(output.items.unwrap_or_default().iter().filter_map(|item| readable(item, &decode)));
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    pub(super) fn update(&self, pk: impl Display, sk: impl Display) -> UpdateItemFluentBuilder {
        self.table.client.update_item().table_name(&self.table.name).set_key(Some(keyed(pk, sk)))
    }

    fn leased(&self, pk: impl Display, sk: impl Display, from: Time, to: Time) -> UpdateItemFluentBuilder {
        self.update(pk, sk)
            .update_expression("SET #due = :to")
            .condition_expression("attribute_exists(#lane) AND #due = :from")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_values(":from", number(from.millis()))
            .expression_attribute_values(":to", number(to.millis()))
    }

    /// Makes a conditional change; gives the item as it is then, or nothing if the condition did not hold. One that cannot
    /// be read is logged, and taken in vain: it must not stop the others.
    async fn taken<T>(
        &self,
        request: UpdateItemFluentBuilder,
        decode: impl Fn(&Item) -> Result<T, BadItem>,
    ) -> Result<Option<T>, Unavailable> {
        match request.return_values(ReturnValue::AllNew).send().await {
            Ok(output) => Ok(output.attributes.and_then(|item| readable(&item, decode))),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(None),
            Err(error) => Err(unavailable("DynamoDB: taking up what is parked")(error)),
        }
    }
}
