//! SDK errors in words: code, message and request id, never the response, which may hold an item.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use postrider_core::ports::Unavailable;
pub(crate) use postrider_core::ports::chain;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cause(pub(crate) String);

/// Maps the error of a call.
pub(crate) fn unavailable<E, R>(what: &'static str) -> impl FnOnce(SdkError<E, R>) -> Unavailable
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| Unavailable::new(what, Cause(describe(&error)))
}

/// An error in words.
pub(crate) fn describe<E: ProvideErrorMetadata + Error + 'static, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let (code, message) = (meta.code().unwrap_or("unknown error"), meta.message().unwrap_or_default());
            let request = meta.extra("aws_request_id").unwrap_or("unknown");
            format!("{code}: {message} (request {request})")
        }
        SdkError::ConstructionFailure(_) => "the request cannot be built".to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().map_or_else(|| "the request cannot be sent".to_owned(), |e| chain(e))
        }
        SdkError::ResponseError(_) => "the response cannot be read".to_owned(),
        _ => "unknown error".to_owned(),
    }
}
