//! What recovery changes in the record.

use aws_sdk_dynamodb::{error::SdkError, primitives::Blob, types::AttributeValue};
use postrider_core::{
    delivery::Delivery,
    ids::{AppId, EndpointId, Id as _, MessageId},
    ports::{DeadSpan, Recovery, Unavailable},
    recovery::DeadKey,
};

use super::{
    Ledger,
    deliveries::put_record,
    items::{ALSO, LANE, dead_lane, key_from},
    parking::INDEX,
};
use crate::{
    cause::unavailable,
    dynamo::{Item, keyed, number, readable, text},
};

impl Recovery for Ledger {
    async fn change(&self, delivery: &Delivery) -> Result<bool, Unavailable> {
        put_record(&self.table, delivery).await
    }

    async fn note_endpoint(&self, app: AppId, message: MessageId, endpoint: EndpointId) -> Result<(), Unavailable> {
        let id = Blob::new(endpoint.ksuid().bytes());
        let request = self
            .update(app, message)
            .update_expression("ADD #also :id")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#also", ALSO)
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_values(":id", AttributeValue::Bs(vec![id]));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(unavailable("DynamoDB: noting an endpoint on a message")(error)),
        }
    }

    async fn dead_letters(&self, app: AppId, span: &DeadSpan) -> Result<Vec<DeadKey>, Unavailable> {
        let mut found = Vec::new();
        let mut start = span.after.map(|after| place(app, after));
        while found.len() < span.limit {
            let request = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .index_name(INDEX)
                .key_condition_expression("#lane = :lane AND #due BETWEEN :since AND :until")
                .expression_attribute_names("#lane", LANE)
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":lane", text(dead_lane(app)))
                .expression_attribute_values(":since", number(span.since.millis()))
                .expression_attribute_values(":until", number(span.until.millis()))
                .scan_index_forward(span.ascending)
                .set_limit(i32::try_from(span.limit - found.len()).ok())
                .set_exclusive_start_key(start);
            let output = request.send().await.map_err(unavailable("DynamoDB: querying dead letters"))?;
            let items = output.items.unwrap_or_default();
            let key = |item: &Item| key_from(item).map(|(endpoint, message)| DeadKey { message, endpoint });
            found.extend(items.iter().filter_map(|item| readable(item, key)));
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// The place in the index, which need not exist any more.
fn place(app: AppId, dead: DeadKey) -> Item {
    let mut item = keyed(dead.endpoint, dead.message);
    item.insert(LANE.to_owned(), text(dead_lane(app)));
    item.insert("due".to_owned(), number(dead.at().millis()));
    item
}
