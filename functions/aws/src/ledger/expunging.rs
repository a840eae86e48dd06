//! Contents that are removed.

use aws_sdk_dynamodb::{error::SdkError, types::AttributeValue};
use postrider_core::{
    delivery::Delivery,
    ids::{AppId, MessageId},
    ports::{Expunging, Unavailable},
};

use super::{
    Ledger,
    items::{EXPUNGED, STATE, code_of, delivery_item},
};
use crate::{
    cause::{Cause, unavailable},
    dynamo::{Condition, Put, number, text},
};

impl Expunging for Ledger {
    async fn remove_payload(&self, app: AppId, message: MessageId) -> Result<(), Unavailable> {
        let request = self
            .update(app, message)
            .update_expression("REMOVE #payload SET #expunged = :true")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#payload", "payload")
            .expression_attribute_names("#expunged", EXPUNGED)
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(unavailable("DynamoDB: removing a payload")(error)),
        }
    }

    async fn replace(&self, new: &Delivery, old: Option<&Delivery>) -> Result<bool, Unavailable> {
        let condition = match old {
            None => Condition::absent(),
            // A success is written whatever stands, so that its revision may be anybody's.
            Some(old) => Condition {
                expression: "#rev = :rev AND #st = :st",
                names: &[("#rev", "rev"), ("#st", STATE)],
                values: vec![(":rev", number(old.rev)), (":st", text(code_of(old.state)))],
            },
        };
        let item = delivery_item(new);
        match self.table.put_if(item.clone(), condition).await? {
            Put::Written => Ok(true),
            // The very same record: it was written, and the answer was lost.
            Put::Refused(standing) => Ok(standing == item),
            Put::Conflict => Err(Unavailable::new("replacing a record", Cause("conflict".to_owned()))),
        }
    }
}
