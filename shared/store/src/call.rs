//! The shape of every call: how failures are sorted, and which calls the SDK may repeat.

use std::{collections::HashMap, error::Error as StdError};

use aws_sdk_dynamodb::{
    config::{self, retry::RetryConfig},
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::AttributeValue,
};

use crate::StoreError;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Overrides the client's configuration for a call that cannot recognise its own earlier attempt.
pub(crate) fn not_repeatable() -> config::Builder {
    config::Builder::new().retry_config(RetryConfig::disabled())
}

/// Sorts a failed call into "later" and "never".
pub(crate) fn failed<E, R>(operation: &'static str, error: SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let reason = match &error {
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "not reached".to_owned(),
        SdkError::ResponseError(_) => "answer cut off".to_owned(),
        SdkError::ConstructionFailure(_) => "request not built".to_owned(),
        _ => error.code().unwrap_or("unknown error").to_owned(),
    };
    let is_passing = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ConstructionFailure(_) => false,
        _ => is_passing_code(&reason),
    };
    let source = error.into();
    if is_passing {
        StoreError::Unavailable { operation, reason, source }
    } else {
        StoreError::Refused { operation, reason, source }
    }
}

/// A request in which something is missing.
pub(crate) fn not_built(error: BuildError) -> StoreError {
    failed::<UpdateItemError, ()>("UpdateItem", SdkError::construction_failure(error))
}

/// Codes that DynamoDB's documentation tells to retry, and the ones a load balancer answers with.
fn is_passing_code(code: &str) -> bool {
    matches!(
        code,
        "InternalServerError"
            | "InternalServerErrorException"
            | "ItemCollectionSizeLimitExceededException"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "ThrottlingException"
            | "TransactionInProgressException"
            | "unknown error"
    )
}

/// The item as the failed condition of an update found it (`None`: there is none); any other
/// failure stays one.
pub(crate) fn image_at_failure(
    error: SdkError<UpdateItemError>,
) -> Result<Option<Item>, StoreError> {
    match error {
        SdkError::ServiceError(service)
            if service.err().is_conditional_check_failed_exception() =>
        {
            match service.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failure) => Ok(failure.item),
                _ => Ok(None),
            }
        }
        error => Err(failed("UpdateItem", error)),
    }
}

/// The first write of a transaction that did not go through, and why.
pub(crate) fn first_failure(error: &SdkError<TransactWriteItemsError>) -> Option<(usize, &str)> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.as_service_error()?
    else {
        return None;
    };
    let reasons = cancelled.cancellation_reasons().iter();
    let codes = reasons.map(|reason| reason.code().unwrap_or("None"));
    codes.enumerate().find(|(_, code)| *code != "None")
}

/// A string attribute.
pub(crate) fn string(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// An attribute holding a serialised value of ours.
pub(crate) fn encoded<T: serde::Serialize>(
    entity: &'static str,
    value: &T,
) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|source| StoreError::Corrupt { entity, source })
}

/// A value of ours from an item.
pub(crate) fn decoded<T: serde::de::DeserializeOwned>(
    entity: &'static str,
    item: Item,
) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|source| StoreError::Corrupt { entity, source })
}
