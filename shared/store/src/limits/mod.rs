//! The document with what administrators have changed of the limits.

use std::collections::BTreeMap;

use minigate_domain::{AuditEntry, LimitChange, LimitChanges};
use serde::{Deserialize, Serialize};

use crate::{
    ChangeDocument, Store, StoreError,
    call::{Item, decoded},
    documents::next_version,
    keys,
};

const ENTITY: &str = "list of changed limits";

#[derive(Serialize, Deserialize)]
struct LimitsItem {
    #[serde(default, rename = "policies")]
    by_name: BTreeMap<String, LimitChange>,
    version: u64,
}

impl Store {
    /// Reads what was changed of the limits: one consistent query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn limits(&self) -> Result<LimitChanges, StoreError> {
        self.documents().await?.limits
    }

    /// Replaces what was changed of the limits, and records who did it, in one transaction.
    /// `known_version` is the version that the change was made from; without one, whatever is there
    /// is replaced, also an item that does not decode.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn replace_limits(
        &self,
        by_name: BTreeMap<String, LimitChange>,
        known_version: Option<u64>,
        entry: &AuditEntry,
    ) -> Result<ChangeDocument<LimitChanges>, StoreError> {
        let item = LimitsItem { by_name, version: next_version(known_version, entry.at) };
        let put = self.put_document(keys::POLICIES, &item, ENTITY, known_version, entry);
        if !put.await? {
            return Ok(ChangeDocument::Stale);
        }
        let LimitsItem { by_name, version } = item;
        Ok(ChangeDocument::Changed(LimitChanges { by_name, version }))
    }
}

pub(crate) fn decode(item: Item) -> Result<LimitChanges, StoreError> {
    let LimitsItem { by_name, version } = decoded(ENTITY, item)?;
    Ok(LimitChanges { by_name, version })
}
