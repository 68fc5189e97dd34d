//! What a queue is set to.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::Value;

use super::failure::Failure;

/// Numbers: name, range, default.
const NUMBERS: [(&str, RangeInclusive<u64>, u64); 6] = [
    ("VisibilityTimeout", 0..=43_200, 30),
    ("DelaySeconds", 0..=900, 0),
    ("MessageRetentionPeriod", 60..=1_209_600, 345_600),
    ("MaximumMessageSize", 1_024..=1_048_576, 1_048_576),
    ("ReceiveMessageWaitTimeSeconds", 0..=20, 0),
    ("KmsDataKeyReusePeriodSeconds", 60..=86_400, 300),
];
const SWITCHES: [&str; 3] = ["FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"];
/// Taken and shown; nothing here is decided by them.
const IGNORED: [&str; 5] =
    ["Policy", "KmsMasterKeyId", "RedriveAllowPolicy", "DeduplicationScope", "FifoThroughputLimit"];

/// The attributes that were set, validated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes(BTreeMap<String, String>);

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) arn: String,
    pub(super) max_receive_count: u32,
}

impl Attributes {
    pub(super) fn new(given: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut attributes = Self::default();
        attributes.set(given)?;
        Ok(attributes)
    }

    /// Changes some of them, all or none.
    pub(super) fn set(&mut self, given: &BTreeMap<String, String>) -> Result<(), Failure> {
        let invalid = |name: &str| {
            Failure::plain(
                "InvalidAttributeValue",
                format!("Invalid value for the parameter {name}."),
            )
        };
        for (name, value) in given {
            let number = NUMBERS.iter().find(|(number, ..)| number == name);
            let is_good = match (number, name.as_str()) {
                (Some((_, range, _)), _) => value.parse().is_ok_and(|value| range.contains(&value)),
                (None, "RedrivePolicy") => value.is_empty() || redrive(value).is_some(),
                (None, name) if SWITCHES.contains(&name) => {
                    matches!(value.as_str(), "true" | "false")
                }
                (None, name) if IGNORED.contains(&name) => true,
                _ => {
                    let message = format!("Unknown Attribute {name}.");
                    return Err(Failure::plain("InvalidAttributeName", message));
                }
            };
            if !is_good {
                return Err(invalid(name));
            }
        }
        self.0.extend(given.clone());
        Ok(())
    }

    /// Those of `given` that are set to something else.
    pub(super) fn differs(&self, given: &Self) -> Option<String> {
        given
            .all()
            .into_iter()
            .find(|(name, value)| self.all().get(name) != Some(value))
            .map(|(name, _)| name)
    }

    fn number(&self, name: &str) -> u64 {
        let set = self.0.get(name).and_then(|value| value.parse().ok());
        let default =
            || NUMBERS.iter().find(|(number, ..)| *number == name).map(|(.., value)| *value);
        set.or_else(default).unwrap_or_default()
    }

    fn is_on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == "true")
    }

    pub(super) fn visibility_millis(&self) -> u64 {
        self.number("VisibilityTimeout") * 1_000
    }

    pub(super) fn delay_millis(&self) -> u64 {
        self.number("DelaySeconds") * 1_000
    }

    pub(super) fn retention_millis(&self) -> u64 {
        self.number("MessageRetentionPeriod") * 1_000
    }

    pub(super) fn wait_seconds(&self) -> u64 {
        self.number("ReceiveMessageWaitTimeSeconds")
    }

    pub(super) fn max_bytes(&self) -> usize {
        usize::try_from(self.number("MaximumMessageSize")).unwrap_or(usize::MAX)
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.is_on("FifoQueue")
    }

    pub(super) fn is_deduplicated_by_content(&self) -> bool {
        self.is_on("ContentBasedDeduplication")
    }

    pub(super) fn redrive(&self) -> Option<Redrive> {
        self.0.get("RedrivePolicy").and_then(|text| redrive(text))
    }

    /// All of them, defaults included.
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let defaults = NUMBERS.iter().take(5).map(|(name, ..)| *name);
        let mut all: BTreeMap<_, _> =
            defaults.map(|name| (name.to_owned(), self.number(name).to_string())).collect();
        all.extend(self.0.clone());
        all
    }
}

/// Tools write the number as a number or as text.
fn redrive(text: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let arn = policy["deadLetterTargetArn"].as_str()?.to_owned();
    let count = &policy["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let max_receive_count =
        u32::try_from(count).ok().filter(|count| (1..=1_000).contains(count))?;
    Some(Redrive { arn, max_receive_count })
}
