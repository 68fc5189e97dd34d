//! `ReceiveMessage`: what it takes, how long it waits, what it answers.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    State,
    failure::Failure,
    operations::{hex, queue_arn},
    queue::Message,
};

/// The request of `ReceiveMessage`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    pub(super) queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    wait_time_seconds: Option<u64>,
    /// The former name of the next one.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

impl Receive {
    /// How long it waits for a message; also validates it.
    pub(super) fn wait(&self, state: &mut State) -> Result<Duration, Failure> {
        let out_of_range = |name: &str, range: &str| {
            Failure::invalid(format!(
                "Value for parameter {name} is invalid. Reason: Must be {range}."
            ))
        };
        if !(1..=10).contains(&self.max_number_of_messages.unwrap_or(1)) {
            return Err(out_of_range("MaxNumberOfMessages", "between 1 and 10, if provided"));
        }
        if self.visibility_timeout.is_some_and(|seconds| seconds > 43_200) {
            return Err(out_of_range("VisibilityTimeout", ">= 0 and <= 43200"));
        }
        if self.wait_time_seconds.is_some_and(|seconds| seconds > 20) {
            return Err(out_of_range("WaitTimeSeconds", ">= 0 and <= 20, if provided"));
        }
        let of_queue = state.queue(&self.queue_url)?.attributes.wait_seconds();
        Ok(Duration::from_secs(self.wait_time_seconds.unwrap_or(of_queue)))
    }

    /// Takes what there is.
    pub(super) fn take(
        &self,
        state: &mut State,
        now: u64,
        is_disordered: bool,
    ) -> Result<Vec<Value>, Failure> {
        let mut seed = state.random();
        let shuffle = |candidates: &mut Vec<usize>| {
            if is_disordered {
                for place in (1..candidates.len()).rev() {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let other = (seed >> 33) % (place as u64 + 1);
                    candidates.swap(place, usize::try_from(other).unwrap_or_default());
                }
            }
        };
        let queue = state.queue(&self.queue_url)?;
        let limit = self.max_number_of_messages.unwrap_or(1);
        let visibility = self.visibility_timeout.map(|seconds| seconds * 1_000);
        let (received, dead) = queue.receive(now, limit, visibility, shuffle);
        let name = queue.name.clone();
        let redrive = queue.attributes.redrive();
        let messages = received.iter().map(|message| self.render(message, &name)).collect();
        if let Some(target) = redrive.and_then(|redrive| state.queue_of_arn(&redrive.arn)) {
            target.accept(dead, Some(&name), now);
        }
        Ok(messages)
    }

    fn render(&self, message: &Message, queue: &str) -> Value {
        let mut system = Map::new();
        let wanted = self.attribute_names.iter().chain(&self.message_system_attribute_names);
        let wanted: BTreeSet<&str> = wanted.map(String::as_str).collect();
        let known = [
            ("SenderId", Some("000000000000".to_owned())),
            ("SentTimestamp", Some(message.sent.to_string())),
            ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
            (
                "ApproximateFirstReceiveTimestamp",
                message.first_received.map(|moment| moment.to_string()),
            ),
            ("MessageGroupId", message.group.clone()),
            ("MessageDeduplicationId", message.deduplication.clone()),
            ("SequenceNumber", message.sequence.clone()),
            ("DeadLetterQueueSourceArn", message.source.as_deref().map(queue_arn)),
        ];
        for (name, value) in known {
            if let Some(value) = value.filter(|_| wanted.contains("All") || wanted.contains(name)) {
                system.insert(name.to_owned(), value.into());
            }
        }
        let is_wanted = |name: &str| {
            self.message_attribute_names.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix.trim_end_matches('.')),
                None => wanted == "All" || wanted == name,
            })
        };
        let given = message.attributes.as_object().into_iter().flatten();
        let own: Map<String, Value> = given
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut rendered = json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt_handle(queue),
            "Body": message.body,
            "MD5OfBody": hex(&message.body),
        });
        if !system.is_empty() {
            rendered["Attributes"] = system.into();
        }
        if !own.is_empty() {
            rendered["MessageAttributes"] = own.into();
        }
        rendered
    }
}
