//! Counts what AWS is asked for: what a delivered event costs is a promise, so every invocation says it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::{
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput},
        delete_item::{DeleteItemInput, DeleteItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        put_item::{PutItemInput, PutItemOutput},
        query::{QueryInput, QueryOutput},
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
                BeforeTransmitInterceptorContextRef, Input, Output,
            },
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// What AWS was asked for. A failed condition's write unit is not in it: `DynamoDB` does not report those.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// HTTP requests (retries included) to `DynamoDB`.
    pub dynamodb_requests: u64,
    /// HTTP requests to SQS.
    pub sqs_requests: u64,
    /// HTTP requests to Secrets Manager.
    pub secrets_requests: u64,
    /// Consumed read units.
    pub read_units: f64,
    /// Consumed write units, those of indexes included.
    pub write_units: f64,
    /// HTTP requests by service and operation, such as `DynamoDB.PutItem`.
    pub operations: BTreeMap<String, u64>,
}

/// Such as `DynamoDB.PutItem=1 SQS.SendMessageBatch=2`.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (operation, count)) in self.operations.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{operation}={count}")?;
        }
        Ok(())
    }
}

/// Counts since the last [`Meter::take`]. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Usage>>);

impl Meter {
    /// What was counted, starting again from nothing.
    pub fn take(&self) -> Usage {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, service: &str, operation: &str) {
        let mut usage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match service {
            "DynamoDB" => usage.dynamodb_requests += 1,
            "SQS" => usage.sqs_requests += 1,
            "Secrets Manager" => usage.secrets_requests += 1,
            _ => {}
        }
        *usage.operations.entry(format!("{service}.{operation}")).or_default() += 1;
    }

    fn add<'a>(&self, read: bool, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units: f64 = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
        let mut usage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read {
            usage.read_units += units;
        } else {
            usage.write_units += units;
        }
    }
}

macro_rules! ask_for_units {
    ($input:expr, $($operation:ty),*) => {$(
        if let Some(input) = $input.downcast_mut::<$operation>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
    )*};
}

macro_rules! add_units {
    ($meter:expr, $read:literal, $output:expr, $($operation:ty),*) => {$(
        if let Some(output) = $output.downcast_ref::<$operation>() {
            $meter.add($read, output.consumed_capacity());
        }
    )*};
}

fn ask(input: &mut Input) {
    ask_for_units!(input, GetItemInput, BatchGetItemInput, QueryInput, PutItemInput, UpdateItemInput);
    ask_for_units!(input, DeleteItemInput, BatchWriteItemInput, TransactWriteItemsInput);
}

fn add(meter: &Meter, output: &Output) {
    add_units!(meter, true, output, GetItemOutput, BatchGetItemOutput, QueryOutput);
    add_units!(meter, false, output, PutItemOutput, UpdateItemOutput, DeleteItemOutput);
    add_units!(meter, false, output, BatchWriteItemOutput, TransactWriteItemsOutput);
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        ask(context.input_mut());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            self.count(metadata.service(), metadata.name());
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(output) = context.output_or_error() {
            add(self, output);
        }
        Ok(())
    }
}
