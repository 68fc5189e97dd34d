//! The trail of what administrators did. Entries are appended, and neither changed nor removed.
//!
//! They are few, some in a day, so they share one partition, in which a query finds the newest.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minigate_domain::AuditEntry;

use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, not_built, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "audit entry";

impl Store {
    /// Records what was done, by itself. What also changes something in `Main` is recorded in the
    /// transaction that changes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let written = self
            .client
            .put_item()
            .table_name(&self.tables.audit)
            .set_item(Some(encode(entry)?))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            // Ids are random: it is this entry, whose first answer was lost.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("PutItem", error)),
        }
    }

    /// The newest entries, at most `limit` of them, the newest first: one query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn newest_audit_entries(&self, limit: u8) -> Result<Vec<AuditEntry>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.audit)
            .key_condition_expression("#pk = :trail")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":trail", string(keys::AUDIT_TRAIL))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        output.items.unwrap_or_default().into_iter().map(|item| decoded(ENTITY, item)).collect()
    }
}

/// The write that appends an entry in a transaction.
pub(crate) fn append(table: &str, entry: &AuditEntry) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(encode(entry)?))
        .condition_expression("attribute_not_exists(#pk)")
        .expression_attribute_names("#pk", PARTITION_KEY)
        .build()
        .map_err(not_built)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn encode(entry: &AuditEntry) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(entry)
        .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
    item.insert(PARTITION_KEY.to_owned(), string(keys::AUDIT_TRAIL));
    item.insert(SORT_KEY.to_owned(), string(keys::audit_entry(entry.at, entry.id)));
    Ok(item)
}
