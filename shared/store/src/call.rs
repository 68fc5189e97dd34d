//! The shape of every call: how failures are sorted, and which calls the SDK may repeat.

use std::{collections::HashMap, error::Error as StdError, hash::Hash};

use aws_sdk_dynamodb::{
    config::{self, retry::RetryConfig},
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::AttributeValue,
};

use crate::{
    StoreError,
    backoff::{Backoff, CONFLICT},
    keys::SORT_KEY,
};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Overrides the client's configuration for a call that cannot recognise its own earlier attempt.
pub(crate) fn not_repeatable() -> config::Builder {
    config::Builder::new().retry_config(RetryConfig::disabled())
}

/// Whether the SDK may repeat a call by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It knows its own earlier attempt.
    Safely,
    /// A second attempt would not.
    Never,
}

/// Makes an update. While a transaction on the same item is under way, DynamoDB refuses it, and it is
/// tried again, also one that must not be repeated: what was refused has changed nothing.
pub(crate) async fn update(
    update: UpdateItemFluentBuilder,
    repeat: Repeat,
    seed: impl Hash,
) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
    let mut backoff = Backoff::new(CONFLICT, seed);
    loop {
        let call = update.clone().customize();
        let call = match repeat {
            Repeat::Safely => call,
            Repeat::Never => call.config_override(not_repeatable()),
        };
        match call.send().await {
            Err(error) if is_conflict(&error) && backoff.pause().await => {}
            outcome => return outcome,
        }
    }
}

/// Whether the condition of an update did not hold.
pub(crate) fn is_condition_failure(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

/// Whether a transaction on the same item was under way.
pub(crate) fn is_conflict(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_transaction_conflict_exception)
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
            | "ReplicatedWriteConflictException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "ThrottlingException"
            | "TransactionConflictException"
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

/// Sorts a transaction that did not go through for none of the reasons that its caller foresees.
pub(crate) fn transaction_failed(error: SdkError<TransactWriteItemsError>) -> StoreError {
    const OPERATION: &str = "TransactWriteItems";
    match first_failure(&error) {
        Some((_, reason)) if is_passing_reason(reason) => {
            let reason = reason.to_owned();
            StoreError::Unavailable { operation: OPERATION, reason, source: error.into() }
        }
        _ => failed(OPERATION, error),
    }
}

/// Reasons for which DynamoDB cancels a transaction that would go through a moment later.
fn is_passing_reason(reason: &str) -> bool {
    matches!(reason, "ProvisionedThroughputExceeded" | "ThrottlingError" | "TransactionConflict")
}

/// A read of several keys of which some were never answered.
pub(crate) fn throttled_in_part() -> StoreError {
    StoreError::Unavailable {
        operation: "BatchGetItem",
        reason: "throttled in part".to_owned(),
        source: "some keys were left unprocessed in every try".into(),
    }
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

/// The sort key of an item.
pub(crate) fn sort_key(item: &Item) -> Option<&str> {
    item.get(SORT_KEY).and_then(|value| value.as_s().ok()).map(String::as_str)
}
