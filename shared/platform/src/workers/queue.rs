//! The function of a queue: a batch of messages in, the ids of those that failed out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument;

use super::{
    Cause, Message, Receipt, contained,
    message::{self, Poison},
    time_for,
};
use crate::{
    Code, Metric, Platform, Problem,
    events::{Answers, Failure, Invocation},
    layers::log_causes,
};

/// Messages that are handled at the same time.
const AT_ONCE: usize = 10;

/// What a function does with the messages of its queue.
pub trait Worker: Send + Sync + 'static {
    /// What a message holds.
    type Message: Message;

    /// The worker's name, for the log and as a part of causes. A changed name makes old causes new.
    const NAME: &'static str;

    /// The most time that a message may take.
    const TIME: Duration = Duration::from_secs(20);

    /// Handles a message. It may be one that was handled before; the [`Receipt`] says why that does no
    /// harm.
    fn handle(
        &self,
        platform: &Platform,
        message: Self::Message,
        delivery: &Delivery,
    ) -> impl Future<Output = Result<Receipt, Problem>> + Send;
}

/// How a message came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What the message stands for.
    pub cause: Cause,
    /// SQS's id of the message. Whoever sends twice makes two, so it is no idempotency key.
    pub message_id: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
}

/// A message as it stands in the event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: Option<String>,
    message_group_id: Option<String>,
    /// Only messages of FIFO queues have it.
    sequence_number: Option<String>,
}

/// What became of a message, for the log and the metrics.
#[derive(Clone, Copy)]
enum Outcome {
    Handled,
    Repeated,
    Failed(Code),
    Poison(Poison),
    /// Nobody looked at it: there was no time, or its predecessor failed.
    Left,
}

impl Outcome {
    const fn is_failure(self) -> bool {
        !matches!(self, Self::Handled | Self::Repeated)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Repeated => "repeated",
            Self::Failed(_) => "failed",
            Self::Poison(_) => "poison",
            Self::Left => "left",
        }
    }

    const fn metric(self) -> Option<Metric> {
        match self {
            Self::Handled => Some(Metric::MESSAGES_HANDLED),
            Self::Repeated => Some(Metric::MESSAGES_REPEATED),
            Self::Failed(_) => Some(Metric::MESSAGES_FAILED),
            Self::Poison(_) => Some(Metric::MESSAGES_POISON),
            Self::Left => None,
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            Self::Failed(code) => Some(code.as_str()),
            Self::Poison(poison) => Some(poison.as_str()),
            Self::Handled | Self::Repeated | Self::Left => None,
        }
    }
}

/// The function of a worker.
pub(crate) struct OfQueue<W>(pub(crate) W);

impl<W: Worker> Answers for OfQueue<W> {
    async fn answer(
        &self,
        platform: &Platform,
        event: &Value,
        invocation: &Invocation,
    ) -> Result<Value, Failure> {
        let records: Result<Vec<Record>, _> = Deserialize::deserialize(&event["Records"]);
        let Ok(records) = records else {
            tracing::warn!(worker = W::NAME, "invoked with an event that is none of SQS");
            platform.metrics.count(Metric::SERVER_ERRORS);
            return Err(Failure::of(Code::BODY_INVALID));
        };
        let batch = Batch { worker: &self.0, platform, invocation, failed: Mutex::default() };
        let lanes = stream::iter(lanes(records)).map(|lane| batch.lane(lane));
        let outcomes: Vec<_> = lanes.buffer_unordered(AT_ONCE).concat().await;
        let count = |metric| {
            let matching = outcomes.iter().filter(|outcome| outcome.metric() == Some(metric));
            (metric, matching.count() as u64)
        };
        platform.metrics.add(&[
            count(Metric::MESSAGES_HANDLED),
            count(Metric::MESSAGES_REPEATED),
            count(Metric::MESSAGES_FAILED),
            count(Metric::MESSAGES_POISON),
        ]);
        let failed = batch.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed: Vec<_> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        Ok(json!({ "batchItemFailures": failed }))
    }
}

/// The messages of a FIFO queue by group, each in order; others by themselves.
fn lanes(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let mut lanes: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let is_ordered = record.attributes.sequence_number.is_some();
        let group = record.attributes.message_group_id.clone().filter(|_| is_ordered);
        let lane = match group {
            Some(group) => *groups.entry(group).or_insert(lanes.len()),
            None => lanes.len(),
        };
        match lanes.get_mut(lane) {
            Some(lane) => lane.push(record),
            None => lanes.push(vec![record]),
        }
    }
    lanes
}

struct Batch<'a, W> {
    worker: &'a W,
    platform: &'a Platform,
    invocation: &'a Invocation,
    failed: Mutex<Vec<String>>,
}

impl<W: Worker> Batch<'_, W> {
    /// Handles messages one after the other. After a failure the rest comes again, behind it.
    async fn lane(&self, records: Vec<Record>) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(records.len());
        for record in records {
            let is_blocked = outcomes.last().is_some_and(|outcome| outcome.is_failure());
            let outcome = self.one(&record, is_blocked).await;
            if outcome.is_failure() {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.push(record.message_id);
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    async fn one(&self, record: &Record, is_blocked: bool) -> Outcome {
        let started = Instant::now();
        let message_id = record.message_id.as_str();
        let receive_count = record.attributes.approximate_receive_count.as_deref();
        let receive_count = receive_count.and_then(|count| count.parse().ok()).unwrap_or(1);
        let span = tracing::info_span!("message", message_id);
        async {
            let outcome =
                if is_blocked { Outcome::Left } else { self.handle(record, receive_count).await };
            tracing::info!(
                message_id,
                worker = W::NAME,
                outcome = outcome.as_str(),
                code = outcome.code(),
                receive_count,
                duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
                "message"
            );
            outcome
        }
        .instrument(span)
        .await
    }

    async fn handle(&self, record: &Record, receive_count: u32) -> Outcome {
        let (cause, message) = match message::read(&record.body) {
            Ok(read) => read,
            Err(poison) => return Outcome::Poison(poison),
        };
        let time = time_for(self.platform, self.invocation.deadline_unix_millis, W::TIME);
        if time.is_zero() {
            return Outcome::Left;
        }
        let delivery = Delivery {
            cause: Cause::new(W::NAME, &cause),
            message_id: record.message_id.clone(),
            receive_count,
        };
        let handled = self.worker.handle(self.platform, message, &delivery);
        match contained(self.platform, time, handled).await {
            Ok(receipt) if receipt.is_repeated() => Outcome::Repeated,
            Ok(_) => Outcome::Handled,
            Err(problem) => {
                log_causes(&problem);
                Outcome::Failed(problem.code())
            }
        }
    }
}
