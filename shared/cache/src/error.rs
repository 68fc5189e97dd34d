//! Errors. [`NameError`] and [`BuildError`] are mistakes in the code that uses the cache, found at start-up
//! or when a name is first used. [`LoadError`] is that of the loader. A failing second level never fails a
//! read, only an invalidation ([`InvalidateError`]).

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
    /// The length.
    pub bytes: usize,
    /// The greatest length.
    pub limit: usize,
}

/// Why a cache or a namespace cannot be built. Messages name the setting.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The name is empty, too long or has characters other than `a-z`, `0-9`, `-` and `_`.
    #[error("the namespace {0:?} must have 1 to 64 characters, each a-z, 0-9, - or _")]
    Name(String),
    /// The namespace exists, perhaps with another type of value.
    #[error(
        "namespace {name}: built twice, for {first} and for {second}; clone the first handle instead"
    )]
    Taken {
        /// The namespace.
        name: String,
        /// The registered type of value.
        first: &'static str,
        /// The requested type.
        second: &'static str,
    },
    /// A duration is out of range.
    #[error("{of}: {setting} of {value:?} must be {least:?} to {most:?}")]
    Duration {
        /// The namespace, or `the cache`.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// The invalid value.
        value: Duration,
        /// The minimum.
        least: Duration,
        /// The maximum.
        most: Duration,
    },
    /// A fraction is out of range.
    #[error("{of}: {setting} of {value} must be at least {least} and at most {most}")]
    Fraction {
        /// The namespace.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// The invalid value.
        value: f64,
        /// The minimum.
        least: f64,
        /// The maximum.
        most: f64,
    },
    /// A size is out of range.
    #[error("{of}: {setting} of {value} bytes must be {least} to {most}")]
    Size {
        /// The namespace.
        of: String,
        /// The name of the setting.
        setting: &'static str,
        /// The invalid value.
        value: u64,
        /// The minimum.
        least: u64,
        /// The maximum.
        most: u64,
    },
}

/// Why there is no value. All callers of a load get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The loader failed, and there was no stale value.
    #[error("the loader failed")]
    Failed(#[source] SharedError),
    /// The hard timeout passed, and there was no stale value.
    #[error("no value within the hard timeout")]
    TimedOut,
    /// The loader panicked.
    #[error("the loader panicked")]
    Panicked,
    /// The spawner dropped the load, for example because the runtime is shutting down.
    #[error("the load was dropped before it ended")]
    Abandoned,
}

impl LoadError {
    /// The loader's error, if it has this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Failed(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

/// An invalidation may not have reached the second level after three attempts: other instances may serve
/// invalidated values. This instance does not. Retrying is safe.
#[derive(Debug, thiserror::Error)]
#[error("the invalidation of {tag} was not written")]
pub struct InvalidateError {
    /// The tag or namespace.
    pub tag: String,
    /// The error of the second level.
    #[source]
    pub source: LevelError,
}
