//! The document with what administrators have changed of the rate limits.

use std::collections::BTreeMap;

use minigate_domain::{AuditEntry, PolicyOverride, PolicyOverrides};
use serde::{Deserialize, Serialize};

use crate::{
    ChangeDocument, Store, StoreError,
    call::{Item, decoded},
    documents::next_version,
    keys,
};

const ENTITY: &str = "list of changed policies";

#[derive(Serialize, Deserialize)]
struct PoliciesItem {
    #[serde(default)]
    policies: BTreeMap<String, PolicyOverride>,
    version: u64,
}

impl Store {
    /// Reads what was changed of the policies: one consistent query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn policies(&self) -> Result<PolicyOverrides, StoreError> {
        self.documents().await?.policies
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
    ) -> Result<ChangeDocument<PolicyOverrides>, StoreError> {
        let item = PoliciesItem { policies, version: next_version(known_version, entry.at) };
        let put = self.put_document(keys::POLICIES, &item, ENTITY, known_version, entry);
        if !put.await? {
            return Ok(ChangeDocument::Stale);
        }
        let PoliciesItem { policies, version } = item;
        Ok(ChangeDocument::Changed(PolicyOverrides { by_policy: policies, version }))
    }
}

pub(crate) fn decode(item: Item) -> Result<PolicyOverrides, StoreError> {
    let PoliciesItem { policies, version } = decoded(ENTITY, item)?;
    Ok(PolicyOverrides { by_policy: policies, version })
}
