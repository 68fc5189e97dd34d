//! The item with what administrators have changed of the rate limits: one for the deployment.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};
use minigate_domain::{AuditEntry, PolicyOverride, PolicyOverrides, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    audit::append,
    call::{Item, decoded, failed, first_failure, not_built, number, transaction_failed},
    keys::{self, PARTITION_KEY},
};

const ENTITY: &str = "list of changed policies";

#[derive(Serialize, Deserialize)]
struct PoliciesItem {
    #[serde(default)]
    policies: BTreeMap<String, PolicyOverride>,
    version: u64,
}

/// What became of a change of the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangePolicies {
    /// It is made, and this is what holds now.
    Changed(PolicyOverrides),
    /// Somebody else changed them since the version that the caller knows.
    Stale,
}

impl Store {
    /// Reads what was changed of the policies: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn policies(&self) -> Result<PolicyOverrides, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::POLICIES.into_attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        output.item.map_or_else(|| Ok(PolicyOverrides::default()), decode)
    }

    /// Replaces what was changed of the policies, and records who did it, in one transaction.
    /// `known_version` is the version that the change was made from; without one, whatever is there
    /// is replaced, also an item that does not decode.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn replace_policies(
        &self,
        policies: BTreeMap<String, PolicyOverride>,
        known_version: Option<u64>,
        entry: &AuditEntry,
    ) -> Result<ChangePolicies, StoreError> {
        let version = next_version(known_version, entry.at);
        let item = PoliciesItem { policies, version };
        let put = Put::builder().table_name(&self.tables.main).set_item(Some(encode(&item)?));
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
        // The SDK adds an idempotency token of its own and repeats the call with the same one.
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(append(&self.tables.audit, entry)?)
            .send()
            .await;
        match written {
            Ok(_) => {
                let PoliciesItem { policies, version } = item;
                Ok(ChangePolicies::Changed(PolicyOverrides { by_policy: policies, version }))
            }
            Err(error) if is_raced(&error) => Ok(ChangePolicies::Stale),
            Err(error) => Err(transaction_failed(error)),
        }
    }
}

/// A version is the moment of its change, so that it also grows over an item that did not decode
/// and was replaced.
fn next_version(known: Option<u64>, now: Timestamp) -> u64 {
    now.unix_millis().max(known.unwrap_or_default() + 1)
}

fn encode(item: &PoliciesItem) -> Result<Item, StoreError> {
    let mut attributes: Item = serde_dynamo::to_item(item)
        .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
    attributes.extend(keys::POLICIES.into_attributes());
    Ok(attributes)
}

fn decode(item: Item) -> Result<PolicyOverrides, StoreError> {
    let PoliciesItem { policies, version } = decoded(ENTITY, item)?;
    Ok(PolicyOverrides { by_policy: policies, version })
}

/// Whether somebody else got there first.
fn is_raced(error: &SdkError<TransactWriteItemsError>) -> bool {
    matches!(first_failure(error), Some((_, "ConditionalCheckFailed" | "TransactionConflict")))
}
