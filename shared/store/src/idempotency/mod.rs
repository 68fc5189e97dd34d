//! Records of requests that their clients named: written in the transaction of the effect, so that
//! either both are there or neither is, and nothing stays "in progress" when a process dies.
//!
//! A record is in `Volatile`: what is lost there costs a repetition its recorded answer, and the
//! conditions of the effect itself must still keep it from doing harm.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use minigate_domain::{NamedRequest, Repetition, Timestamp};

use crate::{
    StoreError,
    call::{Item, not_built, number, string},
    keys::{self, PARTITION_KEY, TIME_TO_LIVE},
};

const FINGERPRINT: &str = "fingerprint";
const ANSWER: &str = "answer";

/// The write that records a request as answered. `answer` is what a repetition needs to be answered
/// alike, such as the id of what was made; at most some hundred bytes. It fails if a record is there
/// whose 24 hours have not passed, and [`repetition`] then says what that means.
pub(crate) fn record(
    volatile: &str,
    request: &NamedRequest,
    answer: &str,
    now: Timestamp,
) -> Result<TransactWriteItem, StoreError> {
    // DynamoDB deletes late, so a record that has ended may be there and is overwritten.
    let put = Put::builder()
        .table_name(volatile)
        .item(PARTITION_KEY, string(keys::named_request(request)))
        .item(FINGERPRINT, string(&request.fingerprint))
        .item(ANSWER, string(answer))
        .item(TIME_TO_LIVE, number(now.after(NamedRequest::KEPT).unix_seconds()))
        .condition_expression("attribute_not_exists(#pk) OR #ttl <= :now")
        .expression_attribute_names("#pk", PARTITION_KEY)
        .expression_attribute_names("#ttl", TIME_TO_LIVE)
        .expression_attribute_values(":now", number(now.unix_seconds()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(not_built)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// What a failed transaction says of the request whose [`record`] is its write number `index`; `None` if
/// it failed for a reason of its own. A repetition is known as one before any other condition counts:
/// what the first request has changed may be why they do not hold.
pub(crate) fn repetition(
    error: &SdkError<TransactWriteItemsError>,
    index: usize,
    request: &NamedRequest,
) -> Option<Repetition> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.as_service_error()?
    else {
        return None;
    };
    let reasons = cancelled.cancellation_reasons();
    let of_record = reasons.get(index)?;
    if of_record.code() == Some("ConditionalCheckFailed") {
        return Some(of_item(of_record.item(), request));
    }
    let is_raced = reasons.iter().any(|reason| reason.code() == Some("TransactionConflict"));
    is_raced.then_some(Repetition::UnderWay)
}

fn of_item(item: Option<&Item>, request: &NamedRequest) -> Repetition {
    let text = |name| item.and_then(|item| item.get(name)).and_then(|value| value.as_s().ok());
    match (text(FINGERPRINT), text(ANSWER)) {
        (Some(known), Some(answer)) if *known == request.fingerprint => {
            Repetition::Answered(answer.clone())
        }
        (Some(_), Some(_)) => Repetition::OtherPayload,
        _ => Repetition::UnderWay,
    }
}
