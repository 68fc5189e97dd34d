//! What can be wrong. [`NameError`] and [`BuildError`] are faults of the code that uses the cache
//! and show when it starts or first names a thing; [`LoadError`] is the loader's; a fault of the
//! second level is never an error of a read, only of an invalidation ([`InvalidateError`]).

use std::{error::Error, sync::Arc, time::Duration};

use crate::level::LevelError;

/// A loader's error, shared by all callers who waited for the same load.
pub type SharedError = Arc<dyn Error + Send + Sync + 'static>;

/// A key or tag that is empty or too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {what} of {bytes} bytes; it must have 1 to {limit}")]
pub struct NameError {
    /// `key` or `tag`.
    pub what: &'static str,
    /// How long it is.
    pub bytes: usize,
    /// How long it may be.
    pub limit: usize,
}

/// Why a cache or a namespace is not built. The message names the setting.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The name is empty, too long or has other characters than `a-z`, `0-9`, `-` and `_`.
    #[error("the namespace {0:?} must have 1 to 64 characters, each a-z, 0-9, - or _")]
    Name(String),
    /// The namespace exists, perhaps with another type of value.
    #[error(
        "namespace {name}: built twice, for {first} and for {second}; clone the first handle instead"
    )]
    Taken {
        /// The namespace.
        name: String,
        /// The type of value that it has.
        first: &'static str,
        /// The type that was asked for.
        second: &'static str,
    },
    /// A duration is zero or absurd.
    #[error("{of}: {setting} of {value:?} must be {least:?} to {most:?}")]
    Duration {
        /// The namespace, or `the cache`.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: Duration,
        /// The shortest that is accepted.
        least: Duration,
        /// The longest that is accepted.
        most: Duration,
    },
    /// A fraction is no fraction.
    #[error("{of}: {setting} of {value} must be at least {least} and at most {most}")]
    Fraction {
        /// The namespace.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: f64,
        /// The least that is accepted.
        least: f64,
        /// The most that is accepted.
        most: f64,
    },
    /// A size is too small or too large.
    #[error("{of}: {setting} of {value} bytes must be {least} to {most}")]
    Size {
        /// The namespace.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// The least that is accepted.
        least: u64,
        /// The most that is accepted.
        most: u64,
    },
}

/// Why there is no value. Callers who waited for one load get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The loader failed and no stale value was at hand.
    #[error("the loader failed")]
    Failed(#[source] SharedError),
    /// The hard timeout passed and no stale value was at hand.
    #[error("no value within the hard timeout")]
    TimedOut,
    /// The loader panicked.
    #[error("the loader panicked")]
    Panicked,
    /// The spawner dropped the load before it ended, as a runtime does that shuts down.
    #[error("the load was dropped before it ended")]
    Abandoned,
}

impl LoadError {
    /// The loader's own error, when it is of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Failed(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// An invalidation that may not have reached the second level: other instances may serve what it
/// was to invalidate. This instance does not. It was tried three times, and repeating it is safe.
#[derive(Debug, thiserror::Error)]
#[error("the invalidation of {tag} was not written")]
pub struct InvalidateError {
    /// The tag or namespace.
    pub tag: String,
    /// What the second level said.
    #[source]
    pub source: LevelError,
}
