//! The documents of the deployment that administrators change while it runs, the limits and
//! the settings: one item each, in one partition, so that one call reads both.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};
use minigate_domain::{AuditEntry, GrantedAdmins, LimitChanges, SettingsOverrides, Timestamp};
use serde::Serialize;

use crate::{
    Store, StoreError,
    accounts::decode_admins,
    audit::append,
    call::{Item, failed, first_failure, not_built, number, sort_key, string, transaction_failed},
    keys::{ADMINS, DOCUMENTS, PARTITION_KEY, POLICIES, SETTINGS, document as document_key},
    limits, settings,
};

/// More than there are. Those of a newer version are passed over.
const MAX_DOCUMENTS: i32 = 8;

/// What is stored of the deployment's documents. One that does not decode hides no other.
#[derive(Debug)]
pub struct Documents {
    /// What was changed of the limits; otherwise [`StoreError::Corrupt`].
    pub limits: Result<LimitChanges, StoreError>,
    /// What was changed of the settings; otherwise [`StoreError::Corrupt`].
    pub settings: Result<SettingsOverrides, StoreError>,
    /// Who is an administrator by a grant; otherwise [`StoreError::Corrupt`].
    pub admins: Result<GrantedAdmins, StoreError>,
}

/// What became of a change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeDocument<T> {
    /// It is made, and this is what holds now.
    Changed(T),
    /// Somebody else changed the document since the version that the caller knows.
    Stale,
}

impl Store {
    /// Reads what administrators have changed of the deployment: one consistent query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn documents(&self) -> Result<Documents, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :partition")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":partition", string(DOCUMENTS))
            .consistent_read(true)
            .limit(MAX_DOCUMENTS)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let mut documents = Documents {
            limits: Ok(LimitChanges::default()),
            settings: Ok(SettingsOverrides::default()),
            admins: Ok(GrantedAdmins::default()),
        };
        for item in output.items.unwrap_or_default() {
            match sort_key(&item) {
                Some(POLICIES) => documents.limits = limits::decode(item),
                Some(SETTINGS) => documents.settings = settings::decode(item),
                Some(ADMINS) => documents.admins = decode_admins(item),
                _ => {}
            }
        }
        Ok(documents)
    }

    /// Puts a document in the place of the one with the sort key `sort`, and records who did it, in
    /// one transaction. `known_version` is the version that the change was made from; without one,
    /// whatever is there is replaced, also an item that does not decode. Whether it was replaced.
    pub(crate) async fn put_document(
        &self,
        sort: &'static str,
        document: &impl Serialize,
        entity: &'static str,
        known_version: Option<u64>,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut item: Item = serde_dynamo::to_item(document)
            .map_err(|source| StoreError::Corrupt { entity, source })?;
        item.extend(document_key(sort).into_attributes());
        let put = Put::builder().table_name(&self.tables.main).set_item(Some(item));
        let put = match known_version {
            Some(0) => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY),
            Some(known) => put
                .condition_expression("#version = :known")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":known", number(known)),
            None => put,
        };
        let put = put.build().map_err(not_built)?;
        // The SDK adds an idempotency token and retries the call with the same one.
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(append(&self.tables.audit, entry)?)
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_raced(&error) => Ok(false),
            Err(error) => Err(transaction_failed(error)),
        }
    }
}

/// A version is the moment of its change, so that it also grows over an item that did not decode
/// and was replaced.
pub(crate) fn next_version(known: Option<u64>, now: Timestamp) -> u64 {
    now.unix_millis().max(known.unwrap_or_default() + 1)
}

/// Whether somebody else got there first.
fn is_raced(error: &SdkError<TransactWriteItemsError>) -> bool {
    matches!(first_failure(error), Some((_, "ConditionalCheckFailed" | "TransactionConflict")))
}
