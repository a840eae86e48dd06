//! Valves: what is held for an endpoint, and who looks after it.

use std::time::Duration;

use aws_sdk_dynamodb::{error::SdkError, types::ReturnValue};
use postrider_core::{
    ids::{AppId, EndpointId},
    ports::{DeliveryKey, Unavailable, Valves},
    time::Time,
};

use super::{
    Ledger,
    items::{LANE, VALVE, key_from, lane_of},
};
use crate::{
    cause::unavailable,
    dynamo::{Fields as _, number, text},
};

/// A valve that nobody looks after is gone then; longer than anything that is held may last.
const KEPT: Duration = Duration::from_hours(24 * 400);

impl Valves for Ledger {
    async fn touch(
        &self,
        (app, endpoint): (AppId, EndpointId),
        count: u32,
        due: Time,
        now: Time,
    ) -> Result<u32, Unavailable> {
        let request = self
            .update(endpoint, VALVE)
            .update_expression(
                "SET #app = :app, #lane = :lane, #due = if_not_exists(#due, :due), #touched = :now, #expires = :expires \
                 ADD #n :count",
            )
            .expression_attribute_names("#app", "app")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#touched", "touched")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":app", text(app))
            .expression_attribute_values(":lane", text(lane_of(endpoint)))
            .expression_attribute_values(":due", number(due.millis()))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":expires", number(now.plus(KEPT).secs()))
            .expression_attribute_values(":count", number(count))
            .return_values(ReturnValue::UpdatedNew);
        let output = request.send().await.map_err(unavailable("DynamoDB: touching a valve"))?;
        let new = output.attributes.unwrap_or_default();
        new.number("n").map_err(|error| Unavailable::new("reading a valve", error))
    }

    async fn lock(&self, endpoint: EndpointId, now: Time, until: Time) -> Result<bool, Unavailable> {
        let request = self
            .update(endpoint, VALVE)
            .update_expression("SET #lock = :until, #n = :none")
            .condition_expression("attribute_exists(#lane) AND (attribute_not_exists(#lock) OR #lock <= :now)")
            .expression_attribute_names("#lane", LANE)
            .expression_attribute_names("#lock", "lock")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":until", number(until.micros()))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", number(now.micros()));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(error) => Err(unavailable("DynamoDB: locking a valve")(error)),
        }
    }

    async fn unlock(&self, endpoint: EndpointId, until: Time) {
        let request = self
            .update(endpoint, VALVE)
            .update_expression("REMOVE #lock")
            .condition_expression("#lock = :until")
            .expression_attribute_names("#lock", "lock")
            .expression_attribute_values(":until", number(until.micros()));
        // It ends by itself.
        let _ = request.send().await;
    }

    async fn held(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<DeliveryKey>, Unavailable> {
        let (first, last) = (Time::from_micros(0), Time::from_secs(1 << 40));
        self.indexed(endpoint, first, last, limit, key_from).await
    }
}
