//! The second level in DynamoDB.

use std::{collections::HashMap, error::Error as StdError, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{self, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    primitives::Blob,
    types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure},
};

use crate::level::{Answer, Claim, Consistency, Item, Lease, LevelError, Overwrite, SecondLevel};

/// The default timeout of a call. DynamoDB usually responds within 10 ms; the first call of a process,
/// which opens a connection, takes longer.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(250);
const STARTED: &str = "started";
const BLOB: &str = "v";
const STAMP: &str = "stamp";
const OWNER: &str = "owner";
const UNTIL: &str = "until";

type Attributes = HashMap<String, AttributeValue>;

/// A DynamoDB table with a partition key of type string and no sort key. Other items may live in
/// it; the cache's have a prefix.
///
/// A call is attempted once, with this level's timeout, whatever the client's configuration. It needs
/// `dynamodb:GetItem`, `BatchGetItem`, `PutItem`, `UpdateItem` and `DeleteItem`.
///
/// | item | attributes |
/// |---|---|
/// | `CACHE#entry#<namespace>#<key>` | `started`, `v`, `ttl` |
/// | `CACHE#lease#<namespace>#<key>` | `owner`, `started`, `until`, `ttl` |
/// | `CACHE#tag#<tag>`, `CACHE#ns#<namespace>` | `stamp`, `ttl` |
#[derive(Clone, Debug)]
pub struct DynamoLevel {
    client: Client,
    table: String,
    prefix: String,
    key: String,
    expiry: String,
    timeout: Duration,
}

impl DynamoLevel {
    /// A table by name. Makes no call.
    ///
    /// By default, the partition key is `PK`, the time-to-live attribute `ttl`, and the cache's keys begin
    /// with `CACHE#`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            prefix: "CACHE#".to_owned(),
            key: "PK".to_owned(),
            expiry: "ttl".to_owned(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets the prefix of the cache's keys. Caches with different prefixes are independent.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Sets the names of the partition key and the time-to-live attribute. Neither may be `started`,
    /// `v`, `stamp`, `owner` or `until`.
    #[must_use]
    pub fn attributes(self, key: impl Into<String>, expiry: impl Into<String>) -> Self {
        Self { key: key.into(), expiry: expiry.into(), ..self }
    }

    /// Sets the timeout of a call, 250 ms by default. The cache has its own,
    /// [`level_timeout`](crate::CacheBuilder::level_timeout); the shorter one applies.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    fn once(&self) -> config::Builder {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(self.timeout)
            .operation_attempt_timeout(self.timeout)
            .build();
        config::Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts)
    }

    fn item_key(&self, key: &str) -> AttributeValue {
        AttributeValue::S(format!("{}{key}", self.prefix))
    }

    async fn get(
        &self,
        key: &str,
        consistency: Consistency,
    ) -> Result<Option<Attributes>, LevelError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .consistent_read(consistency == Consistency::Strong)
            .customize()
            .config_override(self.once())
            .send()
            .await;
        answer.map(|answer| answer.item).map_err(|error| failed("GetItem", &error))
    }

    async fn put(&self, key: &str, item: &Item, overwrite: Overwrite) -> Result<bool, LevelError> {
        let mut call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(&self.key, self.item_key(key))
            .item(STARTED, number(item.started))
            .item(&self.expiry, number(item.expires))
            .item(BLOB, AttributeValue::B(Blob::new(item.blob.as_slice())));
        if let Overwrite::IfOlder { believed_until } = overwrite {
            call = call
                .condition_expression(
                    "attribute_not_exists(#started) OR #started < :started OR #started > :believed",
                )
                .expression_attribute_names("#started", STARTED)
                .expression_attribute_values(":started", number(item.started))
                .expression_attribute_values(":believed", number(believed_until));
        }
        match call.customize().config_override(self.once()).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failed("PutItem", &error)),
            },
        }
    }

    async fn batch_get(&self, keys: &[&str]) -> Result<Vec<Option<i64>>, LevelError> {
        if let [key] = keys {
            let item = self.get(key, Consistency::Strong).await?;
            return Ok(vec![item.as_ref().and_then(|item| read_number(item, STAMP))]);
        }
        let keys_of_items =
            keys.iter().map(|key| HashMap::from([(self.key.clone(), self.item_key(key))]));
        let wanted = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys_of_items.collect()))
            .build()
            .map_err(|_| error("BatchGetItem", "request not built"))?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(&self.table, wanted)
            .customize()
            .config_override(self.once())
            .send()
            .await
            .map_err(|error| failed("BatchGetItem", &error))?;
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(error("BatchGetItem", "throttled in part"));
        }
        let items = answer.responses.and_then(|mut tables| tables.remove(&self.table));
        let mut stamps: HashMap<String, i64> = HashMap::new();
        for item in items.unwrap_or_default() {
            if let Some(key) = item.get(&self.key).and_then(|key| key.as_s().ok())
                && let Some(stamp) = read_number(&item, STAMP)
            {
                stamps.insert(key.clone(), stamp);
            }
        }
        Ok(keys.iter().map(|key| stamps.get(&format!("{}{key}", self.prefix)).copied()).collect())
    }

    async fn raise(&self, key: &str, stamp: i64, expires: i64) -> Result<(), LevelError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .update_expression("SET #stamp = :stamp, #ttl = :ttl")
            .condition_expression("attribute_not_exists(#stamp) OR #stamp < :stamp")
            .expression_attribute_names("#stamp", STAMP)
            .expression_attribute_names("#ttl", &self.expiry)
            .expression_attribute_values(":stamp", number(stamp))
            .expression_attribute_values(":ttl", number(expires))
            .customize()
            .config_override(self.once())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // A higher one is there.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(failed("UpdateItem", &error)),
            },
        }
    }

    async fn claim(&self, key: &str, lease: &Lease) -> Result<Claim, LevelError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .update_expression("SET #owner = :owner, #until = :until, #started = :now, #ttl = :ttl")
            .condition_expression(
                "attribute_not_exists(#until) OR #until < :now OR #started <= :floor \
                 OR #owner = :owner",
            )
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#started", STARTED)
            .expression_attribute_names("#ttl", &self.expiry)
            .expression_attribute_values(":owner", AttributeValue::S(lease.owner.clone()))
            .expression_attribute_values(":until", number(lease.until))
            .expression_attribute_values(":now", number(lease.now))
            .expression_attribute_values(":floor", number(lease.floor))
            .expression_attribute_values(":ttl", number(lease.until / 1000 + 1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(self.once())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Claim::Taken),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let until = refused.item().and_then(|item| read_number(item, UNTIL));
                    Ok(Claim::Held { until: until.unwrap_or(lease.until) })
                }
                _ => Err(failed("UpdateItem", &error)),
            },
        }
    }

    async fn release(&self, key: &str, owner: &str) -> Result<(), LevelError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()))
            .customize()
            .config_override(self.once())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(failed("DeleteItem", &error)),
            },
        }
    }
}

impl SecondLevel for DynamoLevel {
    fn read<'a>(&'a self, key: &'a str, consistency: Consistency) -> Answer<'a, Option<Item>> {
        Box::pin(async move {
            let Some(item) = self.get(key, consistency).await? else { return Ok(None) };
            self.item(item).map(Some).ok_or_else(|| error("GetItem", "malformed"))
        })
    }

    fn write<'a>(&'a self, key: &'a str, item: &'a Item, overwrite: Overwrite) -> Answer<'a, bool> {
        Box::pin(self.put(key, item, overwrite))
    }

    fn read_stamps<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Vec<Option<i64>>> {
        Box::pin(self.batch_get(keys))
    }

    fn raise_stamp<'a>(&'a self, key: &'a str, stamp: i64, expires: i64) -> Answer<'a, ()> {
        Box::pin(self.raise(key, stamp, expires))
    }

    fn take_lease<'a>(&'a self, key: &'a str, lease: &'a Lease) -> Answer<'a, Claim> {
        Box::pin(self.claim(key, lease))
    }

    fn release_lease<'a>(&'a self, key: &'a str, owner: &'a str) -> Answer<'a, ()> {
        Box::pin(self.release(key, owner))
    }
}

impl DynamoLevel {
    fn item(&self, mut attributes: Attributes) -> Option<Item> {
        let started = read_number(&attributes, STARTED)?;
        let expires = read_number(&attributes, &self.expiry)?;
        let AttributeValue::B(blob) = attributes.remove(BLOB)? else { return None };
        Some(Item { started, expires, blob: blob.into_inner() })
    }
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn read_number(item: &Attributes, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn error(operation: &'static str, reason: &str) -> LevelError {
    LevelError { operation, reason: reason.to_owned() }
}

fn failed<E, R>(operation: &'static str, failure: &SdkError<E, R>) -> LevelError
where
    E: ProvideErrorMetadata + StdError,
{
    let reason = match failure {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "answer cut off",
        SdkError::ConstructionFailure(_) => "request not built",
        _ => failure.code().unwrap_or("unknown error"),
    };
    error(operation, reason)
}
