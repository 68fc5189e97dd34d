//! What a user changes of their profile.

use minigate_domain::{ProfileChange, Timestamp, UserId};
use minigate_store::ChangeOutcome;

use super::{Accounts, AccountsError};

impl Accounts {
    /// Changes the named fields of a profile. With `known_version`, only if the profile still has that
    /// version.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`], and nothing is written then unless the write itself was slow;
    /// or [`AccountsError::Store`].
    pub async fn change_profile(
        &self,
        user_id: UserId,
        change: ProfileChange,
        known_version: Option<u64>,
        now: Timestamp,
    ) -> Result<ChangeOutcome, AccountsError> {
        let store = self.0.store.clone();
        let write = async move { store.change_profile(user_id, &change, known_version, now).await };
        self.change(user_id, write).await
    }
}
