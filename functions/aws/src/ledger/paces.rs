//! Rates: the next free slot of each, moved on by one conditional write.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use postrider_core::{
    ports::{Paced, Paces, Reservation, Slots, Unavailable},
    time::Time,
};

use super::Ledger;
use crate::{
    cause::{Cause, unavailable},
    dynamo::{BadItem, Fields as _, Item, number},
};

const WHAT: &str = "DynamoDB: reserving slots";
/// A rate that nothing was reserved of for so long begins anew.
const KEPT: Duration = Duration::from_hours(1);
/// Somebody else may be as quick; not so often.
const ROUNDS: usize = 6;
/// Rates that are remembered; all are forgotten when there are more.
const REMEMBERED: usize = 10_000;

/// The next free slots as they were seen last: they tell which of the two writes is likely to succeed.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<HashMap<(Paced, Duration), Time>>>);

impl Seen {
    fn get(&self, of: (Paced, Duration)) -> Option<Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&of).copied()
    }

    fn set(&self, of: (Paced, Duration), next: Time) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED && !seen.contains_key(&of) {
            seen.clear();
        }
        seen.insert(of, next);
    }
}

impl Paces for Ledger {
    async fn reserve(&self, wanted: &Reservation) -> Result<Slots, Unavailable> {
        let line = (wanted.of, wanted.interval);
        let mut next = self.seen.get(line);
        for _ in 0..ROUNDS {
            let queued = next.is_some_and(|next| next >= wanted.from);
            let written = if queued { self.join(wanted).await? } else { self.begin(wanted).await? };
            match written {
                Ok(first) => {
                    self.seen.set(line, first.plus(wanted.interval * wanted.count));
                    return Ok(Slots::From(first));
                }
                Err(standing) => next = standing,
            }
            if let Some(next) = next {
                self.seen.set(line, next);
                if next > wanted.from.plus(wanted.horizon) {
                    return Ok(Slots::Full(next));
                }
            }
        }
        Err(Unavailable::new(WHAT, Cause("too many at once".to_owned())))
    }
}

impl Ledger {
    /// Takes the slots behind those that are taken; or gives the next free one, if there is any, where that cannot be.
    async fn join(&self, wanted: &Reservation) -> Result<Result<Time, Option<Time>>, Unavailable> {
        let last = wanted.from.plus(wanted.horizon);
        let request = self
            .pace(wanted)
            .update_expression("SET #next = #next + :step, #expires = :expires")
            .condition_expression("#next BETWEEN :from AND :last")
            .expression_attribute_values(":step", number((wanted.interval * wanted.count).as_micros()))
            .expression_attribute_values(":last", number(last.micros()))
            .return_values(ReturnValue::UpdatedOld);
        match request.send().await {
            Ok(output) => {
                let first = next_of(&output.attributes.unwrap_or_default())?;
                Ok(Ok(first.ok_or_else(|| Unavailable::new(WHAT, BadItem::Attribute("next")))?))
            }
            Err(error) => refused(error).map(Err),
        }
    }

    /// Takes slots from now on, where those that were taken have passed.
    async fn begin(&self, wanted: &Reservation) -> Result<Result<Time, Option<Time>>, Unavailable> {
        let next = wanted.from.plus(wanted.interval * wanted.count);
        let request = self
            .pace(wanted)
            .update_expression("SET #next = :next, #expires = :expires")
            .condition_expression("attribute_not_exists(#next) OR #next < :from")
            .expression_attribute_values(":next", number(next.micros()));
        match request.send().await {
            Ok(_) => Ok(Ok(wanted.from)),
            Err(error) => refused(error).map(Err),
        }
    }

    fn pace(&self, wanted: &Reservation) -> UpdateItemFluentBuilder {
        let (pk, sk) = place(wanted);
        let expires = wanted.from.plus(wanted.horizon).plus(KEPT);
        self.update(pk, sk)
            .expression_attribute_names("#next", "next")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":from", number(wanted.from.micros()))
            .expression_attribute_values(":expires", number(expires.secs()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn place(wanted: &Reservation) -> (String, String) {
    let (pk, what) = match wanted.of {
        Paced::Application(app) => (app.to_string(), "deliveries"),
        Paced::Endpoint(endpoint) => (endpoint.to_string(), "deliveries"),
        Paced::Batches(endpoint) => (endpoint.to_string(), "batches"),
        Paced::Publishing(app) => (app.to_string(), "publishing"),
        Paced::Diagnoses(endpoint) => (endpoint.to_string(), "diagnoses"),
        Paced::DiagnosesOf(app) => (app.to_string(), "diagnoses"),
        Paced::Waits(app) => (app.to_string(), "waits"),
        Paced::Tasks(app) => (app.to_string(), "tasks"),
        Paced::Counts(endpoint) => (endpoint.to_string(), "counts"),
    };
    (pk, format!("rate#{what}#{}", wanted.interval.as_micros()))
}

/// The next free slot that stands, if the write was refused.
fn refused<R>(error: SdkError<UpdateItemError, R>) -> Result<Option<Time>, Unavailable>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(error) if error.err().is_conditional_check_failed_exception() => match error.err() {
            UpdateItemError::ConditionalCheckFailedException(failed) => next_of(failed.item().unwrap_or(&Item::new())),
            _ => Ok(None),
        },
        error => Err(unavailable(WHAT)(error)),
    }
}

fn next_of(item: &Item) -> Result<Option<Time>, Unavailable> {
    let next = item.maybe_number("next").map_err(|error| Unavailable::new(WHAT, error))?;
    Ok(next.map(Time::from_micros))
}
