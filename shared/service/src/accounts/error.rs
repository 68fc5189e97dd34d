//! What can go wrong with an account.

use minigate_cache::{InvalidateError, LoadError, NameError, level::LevelError};
use minigate_store::StoreError;
use thiserror::Error;

use crate::WorkPanicked;

/// Why nothing can be said or done. Outcomes that a rule foresees are not among them.
#[derive(Debug, Error)]
pub enum AccountsError {
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cache has no account and could not load one.
    #[error("an account cannot be loaded")]
    NotLoaded(#[from] LoadError),
    /// Other instances could not be told to load the account anew, so nothing was written, or what was
    /// written may not be known to them. The name of the tag is left out: it is the user's.
    #[error("an account cannot be invalidated")]
    NotInvalidated(#[source] LevelError),
    /// The name of a user does not fit the cache.
    #[error("an account cannot be named")]
    Unnamed(#[from] NameError),
    /// The work has panicked.
    #[error(transparent)]
    Panicked(#[from] WorkPanicked),
}

impl AccountsError {
    /// Whether trying again a moment later may help. Otherwise the fault is ours.
    pub fn is_passing(&self) -> bool {
        let store = match self {
            Self::Store(error) => Some(error),
            Self::NotLoaded(error) => error.downcast_ref(),
            Self::NotInvalidated(_) => None,
            Self::Unnamed(_) | Self::Panicked(_) => return false,
        };
        !matches!(store, Some(StoreError::Refused { .. } | StoreError::Corrupt { .. }))
    }
}

impl From<InvalidateError> for AccountsError {
    fn from(error: InvalidateError) -> Self {
        Self::NotInvalidated(error.source)
    }
}
