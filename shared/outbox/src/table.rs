//! What the outbox asks of a table.

use std::future::Future;

use crate::Record;

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition key.
    pub partition: String,
    /// The sort key.
    pub sort: String,
}

/// A part of a partition, in the order of the sort keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records. What does not decode is left out and counted.
    pub records: Vec<(Key, Record)>,
    /// How many items do not decode.
    pub malformed: usize,
    /// The sort key after which the next page begins, if there may be one.
    pub next: Option<String>,
}

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is made, now or by an earlier attempt of the same call.
    Made,
    /// The item is no longer as it was read: somebody else was first.
    Missed,
}

/// A call without an answer. Whether it did anything is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outbox's table did not answer {operation}: {reason}")]
pub struct TableError {
    /// The operation.
    pub operation: &'static str,
    /// What kind of failure it was. Holds no item and no key.
    pub reason: String,
}

/// A table with conditional writes. [`DynamoTable`](crate::DynamoTable) is one.
///
/// Each record holds the token of its last change, and each write is conditional on it, so that of
/// several workers that read the same record one makes the change.
pub trait Table: Send + Sync {
    /// The records of a partition whose sort keys are at most `until` and after `after`: `limit` at
    /// most, consistently read.
    fn due(
        &self,
        partition: &str,
        until: &str,
        after: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page, TableError>> + Send;

    /// Replaces the record at `key` if it still has the token `seen`.
    fn replace(
        &self,
        key: &Key,
        seen: &str,
        record: &Record,
    ) -> impl Future<Output = Result<Change, TableError>> + Send;

    /// Removes the record at `key` if it still has the token `seen`.
    fn remove(
        &self,
        key: &Key,
        seen: &str,
    ) -> impl Future<Output = Result<Change, TableError>> + Send;

    /// Removes the record at `from` if it still has the token `seen`, and puts `record` at `to`, which
    /// must be free: both or neither.
    fn shift(
        &self,
        from: &Key,
        seen: &str,
        to: &Key,
        record: &Record,
    ) -> impl Future<Output = Result<Change, TableError>> + Send;
}

impl<T: Table> Table for std::sync::Arc<T> {
    fn due(
        &self,
        partition: &str,
        until: &str,
        after: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page, TableError>> + Send {
        T::due(self, partition, until, after, limit)
    }

    fn replace(
        &self,
        key: &Key,
        seen: &str,
        record: &Record,
    ) -> impl Future<Output = Result<Change, TableError>> + Send {
        T::replace(self, key, seen, record)
    }

    fn remove(
        &self,
        key: &Key,
        seen: &str,
    ) -> impl Future<Output = Result<Change, TableError>> + Send {
        T::remove(self, key, seen)
    }

    fn shift(
        &self,
        from: &Key,
        seen: &str,
        to: &Key,
        record: &Record,
    ) -> impl Future<Output = Result<Change, TableError>> + Send {
        T::shift(self, from, seen, to, record)
    }
}
