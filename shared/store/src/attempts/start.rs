//! Starting an attempt.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{ConditionCheck, Put, TransactWriteItem},
};
use minigate_domain::{AttemptId, NamedRequest, Repetition, Timestamp, attempts::Attempt};

use super::{ENTITY, state::decode_state};
use crate::{
    Store, StoreError,
    backoff::{Backoff, CONFLICT},
    call::{Item, first_failure, not_built, number, string, transaction_failed},
    idempotency::{record, repetition},
    keys::{self, PARTITION_KEY},
};

/// Where the writes stand in the transaction.
const RECORD: usize = 0;
const STATE: usize = 1;
const CERTIFICATE: usize = 4;

/// An attempt that is to start.
#[derive(Clone, Copy, Debug)]
pub struct StartAttempt<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// How many attempts at the quiz the user may start on a day (UTC).
    pub attempts_a_day: u8,
    /// The request that starts it.
    pub request: &'a NamedRequest,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// The attempt is open.
    Started,
    /// A request of this name came before.
    Repeated(Repetition),
    /// Another attempt of the user at this quiz is open, or over and not scored yet.
    Open {
        /// That attempt.
        id: AttemptId,
        /// Its deadline.
        deadline: Timestamp,
    },
    /// The user has started as many attempts today as they may.
    UsedUp,
    /// The certificate that it was to renew is not the user's newest of this quiz, or was revoked.
    NotRenewable,
    /// That certificate may be renewed only from this moment on.
    TooEarly(Timestamp),
}

impl Store {
    /// Starts an attempt, if none is open and the day's are not used up: one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn start_attempt(
        &self,
        start: &StartAttempt<'_>,
        now: Timestamp,
    ) -> Result<StartOutcome, StoreError> {
        let mut backoff = Backoff::new(CONFLICT, start.attempt.id);
        loop {
            // The SDK adds an idempotency token of its own and repeats the call with the same one.
            let written = self
                .client
                .transact_write_items()
                .set_transact_items(Some(self.starting(start, now)?))
                .send()
                .await;
            let Err(error) = written else { return Ok(StartOutcome::Started) };
            match repetition(&error, RECORD, start.request) {
                Some(Repetition::UnderWay) if backoff.pause().await => {}
                Some(repetition) => return Ok(StartOutcome::Repeated(repetition)),
                None => match state_at_failure(&error) {
                    Some(item) => return explain(item, start),
                    None if first_failure(&error)
                        == Some((CERTIFICATE, "ConditionalCheckFailed")) =>
                    {
                        return Ok(StartOutcome::NotRenewable);
                    }
                    None => return Err(transaction_failed(error)),
                },
            }
        }
    }

    pub(super) fn starting(
        &self,
        start: &StartAttempt<'_>,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let StartAttempt { attempt, attempts_a_day, request } = start;
        let mut item: Item = serde_dynamo::to_item(attempt)
            .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
        item.extend(keys::attempt(attempt.user_id, attempt.id));
        let put = |item: Item| {
            let put = Put::builder().table_name(&self.tables.main).set_item(Some(item));
            let put = put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY);
            let put = put.build().map_err(not_built)?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        let mut due = keys::due(attempt);
        due.insert("user".to_owned(), number(attempt.user_id.get()));
        due.insert("attempt".to_owned(), string(attempt.id));
        due.insert("quiz".to_owned(), string(attempt.quiz.as_str()));
        due.insert("version".to_owned(), number(attempt.version.get()));
        let opening = self.opening(attempt, *attempts_a_day)?;
        let mut writes = vec![
            record(&self.tables.volatile, request, &attempt.id.to_string(), now)?,
            TransactWriteItem::builder().update(opening).build(),
            put(item)?,
            put(due)?,
        ];
        if let Some(renews) = attempt.renews {
            let check = ConditionCheck::builder()
                .table_name(&self.tables.main)
                .set_key(Some(keys::certificate(renews).into_attributes()))
                .condition_expression("holder = :holder AND attribute_not_exists(revoked)")
                .expression_attribute_values(":holder", number(attempt.user_id.get()))
                .build()
                .map_err(not_built)?;
            writes.push(TransactWriteItem::builder().condition_check(check).build());
        }
        Ok(writes)
    }
}

/// The state of the quiz, if it is why the transaction failed.
fn state_at_failure(error: &SdkError<TransactWriteItemsError>) -> Option<Item> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.as_service_error()?
    else {
        return None;
    };
    let reason = cancelled.cancellation_reasons().get(STATE)?;
    (reason.code() == Some("ConditionalCheckFailed"))
        .then(|| reason.item().cloned().unwrap_or_default())
}

fn explain(item: Item, start: &StartAttempt<'_>) -> Result<StartOutcome, StoreError> {
    let state = decode_state(item)?;
    if let Some((id, deadline)) = state.open {
        return Ok(StartOutcome::Open { id, deadline });
    }
    let renews = start.attempt.renews;
    if let Some(renews) = renews {
        let held = state.certificate.filter(|held| held.id == renews);
        let Some(held) = held else { return Ok(StartOutcome::NotRenewable) };
        match held.renewable_from {
            None => return Ok(StartOutcome::NotRenewable),
            Some(from) if from > start.attempt.started_at => {
                return Ok(StartOutcome::TooEarly(from));
            }
            Some(_) => {}
        }
    }
    Ok(StartOutcome::UsedUp)
}
