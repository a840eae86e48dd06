//! Parked deliveries.

use std::collections::HashMap;

use aws_sdk_dynamodb::{error::SdkError, types::ReturnValue};
use postrider_core::{
    delivery::Delivery,
    ids::{AppId, MessageId},
    message::Message,
    ports::{DeliveryKey, Parking, Unavailable},
    time::Time,
};

use super::{
    Ledger,
    deliveries::put_record,
    items::{LANE, delivery_from, due_from},
};
use crate::{
    cause::unavailable,
    dynamo::{keyed, number, readable, text},
};

/// The index's name.
const INDEX: &str = "due";

impl Parking for Ledger {
    async fn due(
        &self,
        lane: u8,
        from: Time,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(DeliveryKey, Time)>, Unavailable> {
        let (mut found, mut start) = (Vec::new(), None);
        while found.len() < limit {
            let request = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .index_name(INDEX)
                .key_condition_expression("#lane = :lane AND #due BETWEEN :from AND :now")
                .expression_attribute_names("#lane", LANE)
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":lane", text(lane))
                .expression_attribute_values(":from", number(from.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .set_limit(i32::try_from(limit - found.len()).ok())
                .set_exclusive_start_key(start);
            let output = request.send().await.map_err(unavailable("DynamoDB: querying what is due"))?;
            found.extend(output.items.unwrap_or_default().iter().filter_map(|item| readable(item, due_from)));
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn lease(&self, key: DeliveryKey, from: Time, to: Time) -> Result<Option<Delivery>, Unavailable> {
        let request = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(keyed(key.0, key.1)))
            .update_expression("SET #due = :to")
            .condition_expression("attribute_exists(#lane) AND #due = :from")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_values(":from", number(from.millis()))
            .expression_attribute_values(":to", number(to.millis()))
            .return_values(ReturnValue::AllNew);
        match request.send().await {
            // One that cannot be read is logged, and leased in vain: it must not stop the others.
            Ok(output) => Ok(output.attributes.and_then(|item| readable(&item, delivery_from))),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(None),
            Err(error) => Err(unavailable("DynamoDB: leasing a parked delivery")(error)),
        }
    }

    async fn messages(&self, keys: &[(AppId, MessageId)]) -> Result<HashMap<MessageId, Message>, Unavailable> {
        self.messages_of(keys.iter().copied()).await
    }

    async fn cancel(&self, delivery: &Delivery) -> Result<(), Unavailable> {
        // Refused means that somebody has dealt with it since.
        put_record(&self.table, delivery).await.map(drop)
    }
}
