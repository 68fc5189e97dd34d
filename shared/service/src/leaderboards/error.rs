//! What can go wrong with leaderboards.

use minigate_cache::{LoadError, NameError};
use minigate_store::StoreError;
use thiserror::Error;

/// Why nothing can be said or done. Outcomes that a rule foresees are not among them.
#[derive(Debug, Error)]
pub enum LeaderboardsError {
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cache has no list and could not load one.
    #[error("a leaderboard cannot be loaded")]
    NotLoaded(#[from] LoadError),
    /// The name of a board does not fit the cache.
    #[error("a leaderboard cannot be named")]
    Unnamed(#[from] NameError),
}

impl LeaderboardsError {
    /// Whether trying again a moment later may help. Otherwise the fault is ours.
    pub fn is_passing(&self) -> bool {
        let store = match self {
            Self::Store(error) => Some(error),
            Self::NotLoaded(error) => error.downcast_ref(),
            Self::Unnamed(_) => return false,
        };
        !matches!(store, Some(StoreError::Refused { .. } | StoreError::Corrupt { .. }))
    }
}
