//! Writes that happen together or not at all.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use postrider_core::ports::Unavailable;

use super::{Condition, Item, Table};
use crate::cause::unavailable;

/// What a write of a transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The thing itself.
    Main,
    /// The entry that makes its uid its own.
    Uid,
    /// Anything else.
    Other,
}

/// One write of a transaction.
#[derive(Debug)]
pub(crate) enum Write {
    /// Writes an item.
    Put(Role, Item, Option<Condition>),
    /// Removes the item with this key.
    Delete(Role, Item, Option<Condition>),
}

/// Why a transaction did not happen.
#[derive(Debug)]
pub(crate) enum Cancelled {
    /// The condition of the main write failed; this stands (empty if nothing does).
    Main(Item),
    /// The condition of the uid's write failed.
    Uid,
    /// Another write was at one of the items, or another condition failed.
    Conflict,
}

impl Write {
    const fn role(&self) -> Role {
        let (Self::Put(role, ..) | Self::Delete(role, ..)) = self;
        *role
    }

    fn into_sdk(self, table: &str) -> Result<TransactWriteItem, Unavailable> {
        let broken = |error| Unavailable::new("DynamoDB: building a transaction", error);
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        match self {
            Self::Put(_, item, condition) => {
                let mut put = Put::builder().table_name(table).set_item(Some(item));
                if let Some(condition) = condition {
                    put = put
                        .condition_expression(condition.expression)
                        .set_expression_attribute_names(Some(condition.names()))
                        .set_expression_attribute_values(condition.values())
                        .return_values_on_condition_check_failure(all_old);
                }
                Ok(TransactWriteItem::builder().put(put.build().map_err(broken)?).build())
            }
            Self::Delete(_, key, condition) => {
                let mut delete = Delete::builder().table_name(table).set_key(Some(key));
                if let Some(condition) = condition {
                    delete = delete
                        .condition_expression(condition.expression)
                        .set_expression_attribute_names(Some(condition.names()))
                        .set_expression_attribute_values(condition.values())
                        .return_values_on_condition_check_failure(all_old);
                }
                Ok(TransactWriteItem::builder().delete(delete.build().map_err(broken)?).build())
            }
        }
    }
}

/// Makes all writes, or none. A single one costs half as much by itself; see [`Table::put_if`].
pub(crate) async fn transact(table: &Table, writes: Vec<Write>) -> Result<Result<(), Cancelled>, Unavailable> {
    let roles: Vec<_> = writes.iter().map(Write::role).collect();
    let items: Vec<_> = writes.into_iter().map(|write| write.into_sdk(&table.name)).collect::<Result<_, _>>()?;
    let request = table.client.transact_write_items().set_transact_items(Some(items));
    let Err(error) = request.send().await else { return Ok(Ok(())) };
    if let SdkError::ServiceError(service) = &error
        && let TransactWriteItemsError::TransactionCanceledException(cancelled) = service.err()
        && let Some(why) = cancellation(&roles, cancelled.cancellation_reasons())
    {
        return Ok(Err(why));
    }
    Err(unavailable("DynamoDB: a transaction")(error))
}

/// The reason that counts, if it is one of the expected.
fn cancellation(roles: &[Role], reasons: &[CancellationReason]) -> Option<Cancelled> {
    let failed = |role| {
        let mut both = roles.iter().zip(reasons);
        both.find(|(of, reason)| **of == role && reason.code() == Some("ConditionalCheckFailed"))
    };
    if let Some((_, reason)) = failed(Role::Main) {
        return Some(Cancelled::Main(reason.item().cloned().unwrap_or_default()));
    }
    if failed(Role::Uid).is_some() {
        return Some(Cancelled::Uid);
    }
    let conflict = reasons.iter().any(|reason| reason.code() == Some("TransactionConflict"));
    (conflict || failed(Role::Other).is_some()).then_some(Cancelled::Conflict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn the_thing_itself_counts_before_its_uid_and_that_before_conflicts() {
        let roles = [Role::Main, Role::Other, Role::Uid];
        let of = |codes: [&str; 3]| cancellation(&roles, &reasons(&codes));
        let failed = "ConditionalCheckFailed";
        assert!(matches!(of([failed, "None", failed]), Some(Cancelled::Main(_))));
        assert!(matches!(of(["None", "TransactionConflict", failed]), Some(Cancelled::Uid)));
        assert!(matches!(of(["None", "None", "TransactionConflict"]), Some(Cancelled::Conflict)));
        assert!(of(["None", "ThrottlingError", "None"]).is_none());
    }
}
