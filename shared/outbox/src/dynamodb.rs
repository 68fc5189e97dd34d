//! The table in DynamoDB.

use std::{collections::HashMap, error::Error as StdError, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem},
};

use crate::{Change, Effect, Key, Page, Record, Repeat, Table, TableError, policy::millis};

pub(crate) const PARTITION_KEY: &str = "PK";
pub(crate) const SORT_KEY: &str = "SK";
/// The version of the items that are written. Others do not decode, and so stay.
const VERSION: u64 = 1;

type Item = HashMap<String, AttributeValue>;

/// A DynamoDB table with the string keys `PK` and `SK`. Other items may live in it.
///
/// Every write is conditional and knows its own earlier attempt, so the client's retries may stay on.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    table: String,
}

impl DynamoTable {
    /// The table with this name. Makes no call.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The write that adds a [pending](crate::Outbox::pending) effect in the transaction of its cause.
    ///
    /// # Errors
    /// [`BuildError`] if the SDK misses something; it does not.
    pub fn put(&self, (key, record): &(Key, Record)) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(encode(key, record)))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Table for DynamoTable {
    async fn due(
        &self,
        partition: &str,
        until: &str,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Page, TableError> {
        let start = after.map(|after| {
            let key = Key { partition: partition.to_owned(), sort: after.to_owned() };
            attributes(&key)
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :partition AND #sk <= :until")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":partition", string(partition))
            .expression_attribute_values(":until", string(until))
            .set_exclusive_start_key(start)
            .consistent_read(true)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", &error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(|key| text(key, SORT_KEY));
        let items = answer.items.unwrap_or_default();
        let found = items.len();
        let records: Vec<_> = items.iter().filter_map(decode).collect();
        Ok(Page { malformed: found - records.len(), records, next })
    }

    async fn replace(&self, key: &Key, seen: &str, record: &Record) -> Result<Change, TableError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(encode(key, record)))
            .condition_expression("#token = :seen OR #token = :mine")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":seen", string(seen))
            .expression_attribute_values(":mine", string(&record.token))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Change::Made),
            Err(error) if is_refused(&error) => Ok(Change::Missed),
            Err(error) => Err(failed("PutItem", &error)),
        }
    }

    async fn remove(&self, key: &Key, seen: &str) -> Result<Change, TableError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(attributes(key)))
            .condition_expression("#token = :seen")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":seen", string(seen))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Change::Made),
            Err(error) if is_refused(&error) => Ok(Change::Missed),
            Err(error) => Err(failed("DeleteItem", &error)),
        }
    }

    async fn shift(
        &self,
        from: &Key,
        seen: &str,
        to: &Key,
        record: &Record,
    ) -> Result<Change, TableError> {
        const OPERATION: &str = "TransactWriteItems";
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(attributes(from)))
            .condition_expression("#token = :seen")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":seen", string(seen))
            .build();
        let not_built =
            |error: BuildError| TableError { operation: OPERATION, reason: error.to_string() };
        let delete = TransactWriteItem::builder().delete(delete.map_err(not_built)?).build();
        let put = self.put(&(to.clone(), record.clone())).map_err(not_built)?;
        // The SDK gives it a token, by which DynamoDB knows a repeated attempt.
        let answer =
            self.client.transact_write_items().transact_items(delete).transact_items(put).send();
        match answer.await {
            Ok(_) => Ok(Change::Made),
            Err(error) if refused_write(&error).is_some() => Ok(Change::Missed),
            Err(error) => Err(failed(OPERATION, &error)),
        }
    }
}

fn is_refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// The first write of a transaction whose condition did not hold, if that is why it failed.
pub(crate) fn refused_write(error: &SdkError<TransactWriteItemsError>) -> Option<usize> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.as_service_error()?
    else {
        return None;
    };
    let mut codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code());
    codes.position(|code| code == Some("ConditionalCheckFailed"))
}

pub(crate) fn failed<E, R>(operation: &'static str, error: &SdkError<E, R>) -> TableError
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let reason = match error {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "answer cut off",
        SdkError::ConstructionFailure(_) => "request not built",
        _ => error.code().unwrap_or("unknown error"),
    };
    TableError { operation, reason: reason.to_owned() }
}

pub(crate) fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn attributes(key: &Key) -> Item {
    [(PARTITION_KEY, string(&key.partition)), (SORT_KEY, string(&key.sort))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn encode(key: &Key, record: &Record) -> Item {
    let number = |number: u64| AttributeValue::N(number.to_string());
    let Record { effect, created, attempts, lease, is_begun, is_in_doubt, token, reason } = record;
    let mut item = attributes(key);
    item.extend(
        [
            ("v", number(VERSION)),
            ("lane", string(&effect.lane)),
            ("id", string(&effect.id)),
            ("body", string(&effect.body)),
            ("created", number(*created)),
            ("attempts", number(u64::from(*attempts))),
            ("lease", number(*lease)),
            ("begun", AttributeValue::Bool(*is_begun)),
            ("doubt", AttributeValue::Bool(*is_in_doubt)),
            ("token", string(token)),
            ("reason", string(reason)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Repeat::ByKey(window) = effect.repeat {
        item.insert("repeat_ms".to_owned(), number(millis(window)));
    }
    item
}

fn decode(item: &Item) -> Option<(Key, Record)> {
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
    let flag = |name: &str| item.get(name)?.as_bool().ok().copied();
    if number("v")? != VERSION {
        return None;
    }
    let repeat = match item.get("repeat_ms") {
        Some(_) => Repeat::ByKey(Duration::from_millis(number("repeat_ms")?)),
        None => Repeat::Never,
    };
    let effect = Effect {
        lane: text(item, "lane")?,
        id: text(item, "id")?,
        body: text(item, "body")?,
        repeat,
    };
    let record = Record {
        effect,
        created: number("created")?,
        attempts: u32::try_from(number("attempts")?).ok()?,
        lease: number("lease")?,
        is_begun: flag("begun")?,
        is_in_doubt: flag("doubt")?,
        token: text(item, "token")?,
        reason: text(item, "reason")?,
    };
    Some((Key { partition: text(item, PARTITION_KEY)?, sort: text(item, SORT_KEY)? }, record))
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}
