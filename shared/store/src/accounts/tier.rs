//! The tier item of a user: there is one only for users to whom a tier was given.
//!
//! The sessions item repeats the tier, so that a refresh finds it without a read. Its version
//! counts on when the tier changes, so a session that is being opened with the former tier starts
//! over.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use minigate_domain::{AuditEntry, Tier, UserId};
use serde::Deserialize;

use crate::{
    AccountStore, StoreError,
    audit::append,
    backoff::{Backoff, CONTENTION},
    call::{Item, decoded, encoded, first_failure, not_built, number, transaction_failed},
    keys,
};

const ENTITY: &str = "tier";

#[derive(Deserialize)]
struct TierItem {
    tier: Tier,
}

impl AccountStore {
    /// Gives a user a tier and records who did it, in one write that does all or nothing. The user need
    /// not have had a session yet. It takes effect with the next refresh or session; access tokens keep the former
    /// tier until they end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn set_tier(
        &self,
        user_id: UserId,
        tier: Tier,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(keys::tier(user_id).into_attributes()))
            .item("tier", encoded(ENTITY, &tier)?)
            .build()
            .map_err(not_built)?;
        let repeat = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(user_id).into_attributes()))
            .update_expression(
                "SET tier = :tier, #sessions = if_not_exists(#sessions, :none), \
                 #version = if_not_exists(#version, :zero) + :one",
            )
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":tier", encoded(ENTITY, &tier)?)
            .expression_attribute_values(":none", AttributeValue::M(Item::new()))
            .expression_attribute_values(":zero", number(0_u64))
            .expression_attribute_values(":one", number(1_u64))
            .build()
            .map_err(not_built)?;
        let (put, repeat) = (
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(repeat).build(),
        );
        let mut backoff = Backoff::new(CONTENTION, (entry.id, user_id));
        let mut attempts = 1;
        loop {
            let write = self.client.transact_write_items();
            let write = write.transact_items(put.clone()).transact_items(repeat.clone());
            match write.transact_items(append(&self.tables.audit, entry)?).send().await {
                Ok(_) => return Ok(()),
                // The user is opening or refreshing a session at this moment.
                Err(error) if matches!(first_failure(&error), Some((_, "TransactionConflict"))) => {
                    if !backoff.pause().await {
                        return Err(StoreError::Contended { operation: "set_tier", attempts });
                    }
                    attempts += 1;
                }
                Err(error) => return Err(transaction_failed(error)),
            }
        }
    }
}

pub(crate) fn decode_tier(item: Item) -> Result<Tier, StoreError> {
    decoded::<TierItem>(ENTITY, item).map(|item| item.tier)
}
