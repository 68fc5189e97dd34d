//! The DynamoDB table.

use std::{collections::HashMap, error::Error as StdError, fmt::Write, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{self, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};

use crate::{
    Table, TableError,
    update::{Cell, Change, Condition, Flag, Image, Outcome, Update},
};

/// The default timeout of a call. DynamoDB usually responds within 10 ms; beyond the timeout, the policy's
/// decision serves users better than waiting.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(250);
/// The attribute with the stamp of the last refund. A cell's has a colon, so none is named like it.
const REFUND: &str = "refunded";

type Attributes = HashMap<String, AttributeValue>;

/// A DynamoDB table with a partition key of type string and no sort key. Other items may live in
/// it; the limiter's have a prefix.
///
/// A call is attempted once, with this table's timeout, whatever the client's configuration.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    table: String,
    prefix: String,
    key: String,
    expiry: String,
    timeout: Duration,
}

impl DynamoTable {
    /// A table by name. Makes no call.
    ///
    /// By default, the partition key is `PK`, the time-to-live attribute `ttl`, and the limiter's keys begin
    /// with `LIMIT#`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            prefix: "LIMIT#".to_owned(),
            key: "PK".to_owned(),
            expiry: "ttl".to_owned(),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets the prefix of the limiter's keys.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Sets the names of the partition key and the time-to-live attribute, without colons.
    #[must_use]
    pub fn attributes(self, key: impl Into<String>, expiry: impl Into<String>) -> Self {
        Self { key: key.into(), expiry: expiry.into(), ..self }
    }

    /// Sets the timeout of a call, 250 ms by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// One attempt: a retry could take the units twice.
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
}

impl Table for DynamoTable {
    async fn update(&self, update: &Update) -> Result<Outcome, TableError> {
        let expressions = Expressions::of(update, &self.expiry);
        let attributes: Vec<&str> =
            update.cells.iter().map(|cell| cell.attribute.as_str()).collect();
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(&update.key))
            .update_expression(expressions.update)
            .condition_expression(expressions.condition)
            .set_expression_attribute_names(Some(expressions.names))
            .set_expression_attribute_values(Some(expressions.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(self.once())
            .send()
            .await;
        match answer {
            Ok(updated) => {
                Ok(Outcome::Updated(image(updated.attributes.unwrap_or_default(), &attributes)))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let item = refused.item().cloned().unwrap_or_default();
                    Ok(Outcome::Refused(image(item, &attributes)))
                }
                _ => Err(failed("UpdateItem", &error)),
            },
        }
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .consistent_read(true)
            .customize()
            .config_override(self.once())
            .send()
            .await
            .map_err(|error| failed("GetItem", &error))?;
        Ok(image(answer.item.unwrap_or_default(), attributes))
    }

    async fn remove(&self, key: &str) -> Result<(), TableError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(&self.key, self.item_key(key))
            .customize()
            .config_override(self.once())
            .send()
            .await
            .map(drop)
            .map_err(|error| failed("DeleteItem", &error))
    }
}

/// An update in DynamoDB's words.
#[derive(Default)]
struct Expressions {
    update: String,
    condition: String,
    names: HashMap<String, String>,
    values: Attributes,
}

impl Expressions {
    fn of(update: &Update, expiry: &str) -> Self {
        let mut made = Self::default();
        let mut sets = format!("#ttl = {}", made.value(":ttl", update.expires_at));
        let mut removes = String::new();
        made.name("#ttl", expiry);
        for (index, cell) in update.cells.iter().enumerate() {
            let name = made.name(&format!("#c{index}"), &cell.attribute);
            let flag = format!("{}!", cell.attribute);
            let flag_name = format!("#f{index}");
            let condition = made.condition_on(index, &name, &flag, cell.condition);
            if !made.condition.is_empty() {
                made.condition.push_str(" AND ");
            }
            made.condition.push_str(&condition);
            // Writing to a string does not fail.
            let _ = match cell.change {
                Change::Set(value) => {
                    let value = made.value(&format!(":v{index}"), value);
                    write!(sets, ", {name} = {value}")
                }
                Change::Add(difference) => {
                    let value = made.value(&format!(":v{index}"), difference);
                    write!(sets, ", {name} = {name} + {value}")
                }
            };
            match cell.flag {
                Flag::Keep => {}
                Flag::Raise => {
                    let flag = made.name(&flag_name, &flag);
                    let value = made.value(":one", 1);
                    let _ = write!(sets, ", {flag} = {value}");
                }
                Flag::Clear => {
                    let flag = made.name(&flag_name, &flag);
                    removes.push_str(if removes.is_empty() { " REMOVE " } else { ", " });
                    removes.push_str(&flag);
                }
            }
        }
        if let Some(stamp) = update.refund_stamp {
            let (name, value) = (made.name("#back", REFUND), made.value(":back", stamp));
            let _ =
                write!(made.condition, " AND (attribute_not_exists({name}) OR {name} < {value})");
            let _ = write!(sets, ", {name} = {value}");
        }
        made.update = format!("SET {sets}{removes}");
        made
    }

    fn condition_on(&mut self, index: usize, name: &str, flag: &str, asked: Condition) -> String {
        match asked {
            Condition::AbsentOrBelow(bound) => {
                let bound = self.value(&format!(":b{index}"), bound);
                format!("(attribute_not_exists({name}) OR {name} < {bound})")
            }
            Condition::Between { low, high, high_unflagged } => {
                // DynamoDB refuses bounds in the wrong order, which mean "never".
                let high = (low <= high).then_some(high);
                let high_unflagged = high_unflagged.filter(|high| low <= *high);
                let low = |made: &mut Self| made.value(&format!(":l{index}"), low);
                let always = high.map(|high| {
                    let (low, high) = (low(self), self.value(&format!(":h{index}"), high));
                    format!("{name} BETWEEN {low} AND {high}")
                });
                let unflagged = high_unflagged.map(|high| {
                    let (low, high) = (low(self), self.value(&format!(":u{index}"), high));
                    let flag = self.name(&format!("#f{index}"), flag);
                    format!("(attribute_not_exists({flag}) AND {name} BETWEEN {low} AND {high})")
                });
                match (always, unflagged) {
                    (Some(always), Some(unflagged)) => format!("({always} OR {unflagged})"),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => {
                        format!("(attribute_exists({name}) AND attribute_not_exists({name}))")
                    }
                }
            }
            Condition::Is(value) => {
                format!("{name} = {}", self.value(&format!(":b{index}"), value))
            }
            Condition::AtLeast(least) => {
                format!("{name} >= {}", self.value(&format!(":b{index}"), least))
            }
        }
    }

    fn name(&mut self, placeholder: &str, attribute: &str) -> String {
        self.names.insert(placeholder.to_owned(), attribute.to_owned());
        placeholder.to_owned()
    }

    fn value(&mut self, placeholder: &str, number: i64) -> String {
        self.values.insert(placeholder.to_owned(), AttributeValue::N(number.to_string()));
        placeholder.to_owned()
    }
}

/// The cells of an item. What is no number of ours counts as absent.
fn image(item: Attributes, attributes: &[&str]) -> Image {
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
    let cells = attributes.iter().map(|attribute| Cell {
        value: number(attribute),
        is_flagged: item.contains_key(&format!("{attribute}!")),
    });
    Image { cells: cells.collect(), refunded_at: number(REFUND) }
}

fn failed<E, R>(operation: &'static str, error: &SdkError<E, R>) -> TableError
where
    E: ProvideErrorMetadata + StdError,
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
