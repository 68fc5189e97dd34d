//! What can go wrong with the store.
//!
//! An outcome that a rule foresees (a stale version, a session that has ended) is not an error: it
//! is part of the answer's type. Errors are what the caller can do nothing about but try later.

use std::error::Error as StdError;

use thiserror::Error;

/// Why a question to DynamoDB has no answer. Messages hold no item, no key and no credential.
#[derive(Debug, Error)]
pub enum StoreError {
    /// DynamoDB is slow, throttling, failing or out of reach: worth another try soon.
    #[error("DynamoDB did not answer {operation}: {reason}")]
    Unavailable {
        /// The API operation.
        operation: &'static str,
        /// The error code, or what kind of failure it was.
        reason: String,
        /// The SDK's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// DynamoDB refuses the request: a missing permission, a missing table, a request that we
    /// built wrongly. Trying again does not help.
    #[error("DynamoDB refuses {operation}: {reason}")]
    Refused {
        /// The API operation.
        operation: &'static str,
        /// The error code.
        reason: String,
        /// The SDK's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Others changed the same item again and again while we tried to.
    #[error("{operation} lost {attempts} races for the same item")]
    Contended {
        /// Which of the store's operations it was.
        operation: &'static str,
        /// How often it was tried.
        attempts: u32,
    },
    /// An item does not have the shape that this version writes.
    #[error("a stored {entity} does not decode")]
    Corrupt {
        /// The kind of item.
        entity: &'static str,
        /// What serde says of it.
        #[source]
        source: serde_dynamo::Error,
    },
}

impl StoreError {
    /// An item that another one names is not there.
    pub fn missing(entity: &'static str) -> Self {
        Self::Corrupt { entity, source: serde::de::Error::custom("it is missing") }
    }
}
