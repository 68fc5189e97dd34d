//! The names of several users, for whoever shows them to others.

use std::collections::HashMap;

use minigate_domain::{DisplayName, UserId};
use minigate_store::{Store, StoreError};

/// The display names of those of these users, at most a hundred, who want theirs shown on leaderboards: one
/// read. Nothing of it is remembered here.
///
/// # Errors
/// What the store says.
pub(crate) async fn shown_names(
    store: &Store,
    users: &[UserId],
) -> Result<HashMap<UserId, DisplayName>, StoreError> {
    store.accounts().shown_names(users).await
}
