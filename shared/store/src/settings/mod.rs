//! The document with what administrators have changed of the settings.

use minigate_domain::{AuditEntry, SETTINGS_FORMAT, SettingsOverride, SettingsOverrides};
use serde::{Deserialize, Serialize};

use crate::{
    ChangeDocument, Store, StoreError,
    call::{Item, decoded},
    documents::next_version,
    keys,
};

const ENTITY: &str = "change of the settings";

#[derive(Serialize, Deserialize)]
struct SettingsItem {
    format: u32,
    #[serde(rename = "settings")]
    change: SettingsOverride,
    version: u64,
}

impl Store {
    /// Replaces what was changed of the settings, and records who did it, in one transaction.
    /// `known_version` is the version that the change was made from; without one, whatever is there
    /// is replaced, also an item that does not decode.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn replace_settings(
        &self,
        change: SettingsOverride,
        known_version: Option<u64>,
        entry: &AuditEntry,
    ) -> Result<ChangeDocument<SettingsOverrides>, StoreError> {
        let (format, version) = (SETTINGS_FORMAT, next_version(known_version, entry.at));
        let item = SettingsItem { format, change, version };
        let put = self.put_document(keys::SETTINGS, &item, ENTITY, known_version, entry);
        if !put.await? {
            return Ok(ChangeDocument::Stale);
        }
        let SettingsItem { change, .. } = item;
        Ok(ChangeDocument::Changed(SettingsOverrides { change, format, version }))
    }
}

pub(crate) fn decode(item: Item) -> Result<SettingsOverrides, StoreError> {
    let SettingsItem { format, change, version } = decoded(ENTITY, item)?;
    Ok(SettingsOverrides { change, format, version })
}
