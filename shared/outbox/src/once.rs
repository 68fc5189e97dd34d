//! Marks of what was done, so that a cause that is delivered twice has one effect.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    types::{AttributeValue, Put, TransactWriteItem},
};

use crate::{
    TableError,
    dynamodb::{PARTITION_KEY, SORT_KEY, failed, refused_write, string},
};

const SORT: &str = "ONCE";

/// How long a mark is kept. A message lives for 14 days in a queue and 14 more in its dead-letter queue.
const KEEP: Duration = Duration::from_secs(35 * 86_400);

/// Marks in a DynamoDB table with the string keys `PK` and `SK` and the time-to-live attribute `ttl`. A
/// mark must be as durable as what it stands for.
#[derive(Clone, Debug)]
pub struct Once {
    table: String,
}

/// Whether something was done now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// By this call.
    Now,
    /// By an earlier one, perhaps of this very call whose answer was lost. This call did nothing.
    Before,
}

/// Why nobody knows whether something was done, or why it was not.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// There was no answer, or a conflict with another transaction: worth another try.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The condition of one of the writes did not hold, and nothing was done.
    #[error("the condition of write {0} did not hold")]
    Refused(usize),
    /// The SDK misses something.
    #[error("a write was not built")]
    NotBuilt(#[from] BuildError),
}

impl Once {
    /// Marks in the table with this name. Makes no call.
    pub fn new(table: impl Into<String>) -> Self {
        Self { table: table.into() }
    }

    /// The write that marks `key` as done, which fails if it was done before: for a transaction with
    /// what it stands for.
    ///
    /// # Errors
    /// [`BuildError`] if the SDK misses something; it does not.
    pub fn mark(&self, key: &str, now_unix_seconds: u64) -> Result<TransactWriteItem, BuildError> {
        let expiry = now_unix_seconds.saturating_add(KEEP.as_secs());
        let put = Put::builder()
            .table_name(&self.table)
            .item(PARTITION_KEY, string(&format!("ONCE#{key}")))
            .item(SORT_KEY, string(SORT))
            .item("ttl", AttributeValue::N(expiry.to_string()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Makes these writes and the mark of `key`, all or none: one transaction. If the mark is there
    /// already, nothing is written. Without writes, the mark alone.
    ///
    /// # Errors
    /// [`OnceError`]. After [`OnceError::Table`] nobody knows whether it was done; calling again tells.
    pub async fn commit(
        &self,
        client: &Client,
        key: &str,
        now_unix_seconds: u64,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Committed, OnceError> {
        let mark = self.mark(key, now_unix_seconds)?;
        let all = std::iter::once(mark).chain(writes).collect();
        match client.transact_write_items().set_transact_items(Some(all)).send().await {
            Ok(_) => Ok(Committed::Now),
            Err(error) => match refused_write(&error) {
                Some(0) => Ok(Committed::Before),
                Some(write) => Err(OnceError::Refused(write - 1)),
                None => Err(failed("TransactWriteItems", &error).into()),
            },
        }
    }
}
