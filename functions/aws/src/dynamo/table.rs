//! One table: single reads and conditional writes.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use postrider_core::ports::Unavailable;

use super::{Item, item::keyed};
use crate::cause::unavailable;

/// A table and how to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// When a write may happen. Every attribute name in it is written `#name`, so that none is a reserved word.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) expression: &'static str,
    pub(crate) names: &'static [(&'static str, &'static str)],
    pub(crate) values: Vec<(&'static str, AttributeValue)>,
}

impl Condition {
    /// There is no such item.
    pub(crate) const fn absent() -> Self {
        Self { expression: "attribute_not_exists(#pk)", names: &[("#pk", "pk")], values: Vec::new() }
    }

    pub(crate) fn names(&self) -> HashMap<String, String> {
        self.names.iter().map(|(alias, name)| ((*alias).to_owned(), (*name).to_owned())).collect()
    }

    /// Unset if there are none: `DynamoDB` refuses an empty map.
    pub(crate) fn values(self) -> Option<Item> {
        let values: Item = self.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (!values.is_empty()).then_some(values)
    }
}

/// What came of a conditional write.
#[derive(Debug)]
pub(crate) enum Put {
    /// It is written.
    Written,
    /// The condition failed; this stands (empty if nothing does).
    Refused(Item),
    /// A transaction is at the same item.
    Conflict,
}

impl Table {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    /// An item, strongly consistent.
    pub(crate) async fn get(&self, pk: impl Display, sk: impl Display) -> Result<Option<Item>, Unavailable> {
        let key = Some(keyed(pk, sk));
        let request = self.client.get_item().table_name(&self.name).set_key(key).consistent_read(true);
        let output = request.send().await.map_err(unavailable("DynamoDB: reading an item"))?;
        Ok(output.item)
    }

    /// Writes an item whatever stands.
    pub(crate) async fn put(&self, item: Item) -> Result<(), Unavailable> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item));
        request.send().await.map_err(unavailable("DynamoDB: writing an item"))?;
        Ok(())
    }

    /// Writes an item under a condition.
    pub(crate) async fn put_if(&self, item: Item, condition: Condition) -> Result<Put, Unavailable> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names()))
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Put::Written),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(Put::Refused(standing(error.err())))
            }
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_conflict_exception() => Ok(Put::Conflict),
            Err(error) => Err(unavailable("DynamoDB: writing an item under a condition")(error)),
        }
    }

    /// Removes an item, if there is one.
    pub(crate) async fn delete(&self, pk: impl Display, sk: impl Display) -> Result<(), Unavailable> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(keyed(pk, sk)));
        request.send().await.map_err(unavailable("DynamoDB: removing an item"))?;
        Ok(())
    }
}

fn standing(error: &PutItemError) -> Item {
    match error {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item().cloned().unwrap_or_default(),
        _ => Item::new(),
    }
}
