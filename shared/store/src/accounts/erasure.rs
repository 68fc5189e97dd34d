//! The erasure of a user: an item of the account, and one in the partition of those that are due, by
//! which a job finds it without a scan. Both are written and deleted together.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update,
};
use minigate_domain::{Erasure, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::Account;
use crate::{
    AccountStore, StoreError,
    backoff::{Backoff, CONTENTION},
    call::{Item, decoded, failed, first_failure, not_built, number, string, transaction_failed},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "erasure";
const DUE_ENTITY: &str = "due erasure";

/// What became of a request for an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestErasureOutcome {
    /// It is due at the end of its grace, and all sessions have ended.
    Requested(Erasure),
    /// The user asked for it before.
    AlreadyRequested(Erasure),
    /// The user is an administrator by a grant, which must be withdrawn before.
    IsAdministrator,
    /// There is no such user.
    NoProfile,
}

/// What became of an attempt to take an erasure back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeBackOutcome {
    /// The account stays.
    TakenBack,
    /// Nobody asked for an erasure, or it was taken back before.
    NotRequested,
    /// The grace is over.
    TooLate,
}

/// An erasure whose grace is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueErasure {
    /// Whose it is.
    pub user_id: UserId,
    /// Since when it is due.
    pub due_at: Timestamp,
}

impl AccountStore {
    /// Notes that a user asks for their erasure and ends all of their sessions: one query, and one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn request_erasure(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<RequestErasureOutcome, StoreError> {
        let wanted = Erasure::requested(now);
        let mut backoff = Backoff::new(CONTENTION, (user_id, now));
        let mut attempts = 1;
        loop {
            let account = self.account(user_id).await?;
            match &account.erasure {
                None if account.profile.is_none() => return Ok(RequestErasureOutcome::NoProfile),
                None if account.roles.allow(Role::Admin, now) => {
                    return Ok(RequestErasureOutcome::IsAdministrator);
                }
                // Of an earlier attempt of this request.
                Some(known) if *known == wanted => {
                    return Ok(RequestErasureOutcome::Requested(wanted));
                }
                Some(known) => return Ok(RequestErasureOutcome::AlreadyRequested(known.clone())),
                None => {}
            }
            let due = DueErasure { user_id, due_at: wanted.due_at };
            let writes = vec![
                self.put_new(keys::erasure(user_id).into_attributes(), ENTITY, &wanted)?,
                self.put_new(due.key(), DUE_ENTITY, &due)?,
                self.end_sessions(&account, user_id)?,
                self.check_roles(&account, user_id)?,
            ];
            if self.write_erasure(writes).await? {
                return Ok(RequestErasureOutcome::Requested(wanted));
            }
            if !backoff.pause().await {
                return Err(StoreError::Contended { operation: "request_erasure", attempts });
            }
            attempts += 1;
        }
    }

    /// Takes an erasure back whose grace is not over: one query, and one transaction.
    ///
    /// # Errors
    /// As for [`request_erasure`](Self::request_erasure).
    pub async fn take_back_erasure(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<TakeBackOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, (user_id, now));
        let mut attempts = 1;
        loop {
            let due_at = match self.account(user_id).await?.erasure {
                None if attempts == 1 => return Ok(TakeBackOutcome::NotRequested),
                // Somebody else, or an earlier attempt of this one.
                None => return Ok(TakeBackOutcome::TakenBack),
                Some(erasure) if erasure.is_due(now) => return Ok(TakeBackOutcome::TooLate),
                Some(erasure) => erasure.due_at,
            };
            let delete = Delete::builder()
                .table_name(&self.tables.main)
                .set_key(Some(keys::erasure(user_id).into_attributes()))
                .condition_expression("due_at = :due AND attribute_not_exists(is_begun)")
                .expression_attribute_values(":due", number(due_at.unix_millis()))
                .build()
                .map_err(not_built)?;
            let writes = vec![
                TransactWriteItem::builder().delete(delete).build(),
                self.delete_due(&DueErasure { user_id, due_at })?,
            ];
            if self.write_erasure(writes).await? {
                return Ok(TakeBackOutcome::TakenBack);
            }
            if !backoff.pause().await {
                return Err(StoreError::Contended { operation: "take_back_erasure", attempts });
            }
            attempts += 1;
        }
    }

    /// The erasures that were due before this moment, after the one that `after` names, the oldest
    /// first: one query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn due_erasures(
        &self,
        before: Timestamp,
        after: Option<&DueErasure>,
        limit: u8,
    ) -> Result<Vec<DueErasure>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :erasures AND #sk < :before")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":erasures", string(keys::ERASURES))
            .expression_attribute_values(":before", string(keys::before_due(before)))
            .set_exclusive_start_key(after.map(DueErasure::key))
            .consistent_read(true)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        output.items.unwrap_or_default().into_iter().map(|item| decoded(DUE_ENTITY, item)).collect()
    }

    /// Begins an erasure, which ends the sessions that were opened during the grace. Whether there is
    /// still one; repeating it does no harm.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn begin_erasure(&self, due: &DueErasure) -> Result<bool, StoreError> {
        let begin = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::erasure(due.user_id).into_attributes()))
            .condition_expression("due_at = :due")
            .update_expression("SET is_begun = :true")
            .expression_attribute_values(":due", number(due.due_at.unix_millis()))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .build()
            .map_err(not_built)?;
        let begin = TransactWriteItem::builder().update(begin).build();
        // Whoever opens a session meanwhile begins anew, and learns of the erasure.
        let end = self.ending_sessions(due.user_id).build().map_err(not_built)?;
        let end = TransactWriteItem::builder().update(end).build();
        let write = self.client.transact_write_items().transact_items(begin).transact_items(end);
        match write.send().await {
            Ok(_) => Ok(true),
            Err(error) if first_failure(&error) == Some((0, "ConditionalCheckFailed")) => Ok(false),
            Err(error) => Err(transaction_failed(error)),
        }
    }

    /// Deletes what is left of an erasure when everything else of the user is: one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn finish_erasure(&self, due: &DueErasure) -> Result<(), StoreError> {
        let delete = Delete::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::erasure(due.user_id).into_attributes()))
            .build()
            .map_err(not_built)?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let write = self.client.transact_write_items().transact_items(delete);
        match write.transact_items(self.delete_due(due)?).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(transaction_failed(error)),
        }
    }

    /// Deletes the item by which an erasure is found, of one that was taken back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn forget_due_erasure(&self, due: &DueErasure) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&self.tables.main);
        let deleted = delete.set_key(Some(due.key())).send().await;
        deleted.map(drop).map_err(|error| failed("DeleteItem", error))
    }

    /// Makes the writes; `false` if somebody has changed the account meanwhile.
    async fn write_erasure(&self, writes: Vec<TransactWriteItem>) -> Result<bool, StoreError> {
        let write = self.client.transact_write_items().set_transact_items(Some(writes));
        match write.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(
                    first_failure(&error),
                    Some((_, "ConditionalCheckFailed" | "TransactionConflict"))
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(transaction_failed(error)),
        }
    }

    fn put_new(
        &self,
        key: Item,
        entity: &'static str,
        value: &impl Serialize,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value)
            .map_err(|source| StoreError::Corrupt { entity, source })?;
        item.extend(key);
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()
            .map_err(not_built)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The write that ends the sessions of an account, if nobody has opened one since it was read.
    fn end_sessions(
        &self,
        account: &Account,
        user_id: UserId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = self.ending_sessions(user_id);
        let update = match account.sessions.version {
            0 => update.condition_expression("attribute_not_exists(#version)"),
            version => update
                .condition_expression("#version = :read")
                .expression_attribute_values(":read", number(version)),
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(not_built)?).build())
    }

    fn ending_sessions(&self, user_id: UserId) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(user_id).into_attributes()))
            .update_expression(
                "SET #sessions = :none, #version = if_not_exists(#version, :zero) + :one",
            )
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":none", AttributeValue::M(Item::new()))
            .expression_attribute_values(":zero", number(0_u64))
            .expression_attribute_values(":one", number(1_u64))
    }

    /// That nobody has granted the user a role since the account was read: perhaps it is that of an
    /// administrator.
    fn check_roles(
        &self,
        account: &Account,
        user_id: UserId,
    ) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::roles(user_id).into_attributes()));
        let check = match account.roles.version {
            0 => check
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY),
            version => check
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":read", number(version)),
        };
        let check = check.build().map_err(not_built)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn delete_due(&self, due: &DueErasure) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.tables.main).set_key(Some(due.key()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(not_built)?).build())
    }
}

impl DueErasure {
    fn key(&self) -> Item {
        keys::due_erasure(self.due_at, self.user_id).into_attributes()
    }
}

pub(crate) fn decode_erasure(item: Item) -> Result<Erasure, StoreError> {
    decoded(ENTITY, item)
}
