//! The functions of queues and schedules, and what invokes them under `cargo dev`.
//!
//! On AWS, Lambda polls the queues and EventBridge fires the schedules. Here the runner does both: it
//! takes batches from the embedded SQS, hands them to the function as the event that Lambda makes of
//! them, deletes what the function did not report as failed, and leaves the rest to the visibility
//! timeout and the dead-letter queue.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    config::timeout::TimeoutConfig,
    error::ProvideErrorMetadata,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    },
};
use minigate_embedded_aws::schedule::{self, Schedule};
use minigate_platform::{Platform, aws, workers::Handler};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::DevError;

/// How long a poller rests when its queue does not answer.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a schedule sleeps at most before it looks at the clock: a laptop's may jump.
const LOOK: Duration = Duration::from_secs(1);

/// The functions of the deployment that a queue or a schedule invokes. One line each.
#[expect(clippy::expect_used, reason = "the expressions are constants, which a test reads")]
pub fn all() -> Workers {
    let schedule = |expression: &str| expression.parse().expect("a schedule");
    Workers::default()
        .schedule("deadlines", schedule("rate(1 minute)"), deadlines::handler())
        .schedule("erasure", schedule("rate(1 hour)"), Handler::schedule(erasure::EraseUsers))
}

/// Functions with what invokes them.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    queues: Vec<(String, QueueShape, Handler)>,
    schedules: Vec<Scheduled>,
}

/// How the queue of a function is made: as in `infrastructure/template/queue.example`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueShape {
    /// How long a message that failed is not seen. On AWS, six times the function's timeout.
    pub visibility_timeout: Duration,
    /// After how many receives a message goes to the dead-letter queue.
    pub max_receive_count: u32,
    /// Whether it keeps the order of a group.
    pub is_fifo: bool,
    /// The most messages of one event, up to 10.
    pub batch: u8,
}

impl Default for QueueShape {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(180),
            max_receive_count: 5,
            is_fifo: false,
            batch: 10,
        }
    }
}

#[derive(Clone, Debug)]
struct Scheduled {
    name: String,
    schedule: Schedule,
    function: Handler,
}

impl Workers {
    /// Adds the function of a queue. The functions that send to it find its URL in
    /// `Config::queues`, under this name with `_` for `-`.
    #[must_use]
    pub fn queue(mut self, name: &str, shape: QueueShape, function: Handler) -> Self {
        self.queues.push((name.to_owned(), shape, function));
        self
    }

    /// Adds the function of a schedule.
    #[must_use]
    pub fn schedule(mut self, name: &str, schedule: Schedule, function: Handler) -> Self {
        self.schedules.push(Scheduled { name: name.to_owned(), schedule, function });
        self
    }

    /// Creates the queues, each with its dead-letter queue.
    pub(crate) async fn create_queues(&self, client: &Client) -> Result<Vec<Queue>, DevError> {
        let mut queues = Vec::new();
        for (name, shape, _) in &self.queues {
            let url = create_queue(client, name, *shape).await;
            let url = url.map_err(|reason| DevError::Queue { queue: name.clone(), reason })?;
            queues.push(Queue { name: name.clone(), url });
        }
        Ok(queues)
    }
}

/// A queue that exists.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    name: String,
    url: String,
}

impl Queue {
    /// The variable by which functions find it.
    pub(crate) fn variable(&self) -> (String, String) {
        let name = self.name.to_uppercase().replace('-', "_");
        (format!("MINIGATE_QUEUE_{name}"), self.url.clone())
    }
}

/// A client for long polls, which last longer than other calls may.
pub(crate) async fn client(endpoint_url: &str) -> Client {
    let shared = aws::configuration_of_emulator(endpoint_url).await;
    let config = aws_sdk_sqs::config::Builder::from(&shared);
    Client::from_conf(config.timeout_config(TimeoutConfig::disabled()).build())
}

async fn create_queue(client: &Client, name: &str, shape: QueueShape) -> Result<String, String> {
    let suffix = if shape.is_fifo { ".fifo" } else { "" };
    let create = async |name: String, more: &[(QueueAttributeName, String)]| {
        let mut create = client.create_queue().queue_name(name);
        if shape.is_fifo {
            create = create.attributes(QueueAttributeName::FifoQueue, "true");
        }
        for (attribute, value) in more {
            create = create.attributes(attribute.clone(), value);
        }
        let created = create.send().await.map_err(|error| told(&error))?;
        Ok::<_, String>(created.queue_url.unwrap_or_default())
    };
    let dead = create(format!("{name}-dead{suffix}"), &[]).await?;
    let attributes = client.get_queue_attributes().queue_url(dead);
    let attributes = attributes.attribute_names(QueueAttributeName::QueueArn).send().await;
    let attributes = attributes.map_err(|error| told(&error))?.attributes.unwrap_or_default();
    let redrive = json!({
        "deadLetterTargetArn": attributes.get(&QueueAttributeName::QueueArn),
        "maxReceiveCount": shape.max_receive_count,
    });
    let visibility = shape.visibility_timeout.as_secs().to_string();
    let of_queue = [
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        (QueueAttributeName::VisibilityTimeout, visibility),
    ];
    create(format!("{name}{suffix}"), &of_queue).await
}

fn told(error: &impl ProvideErrorMetadata) -> String {
    error.message().or(error.code()).unwrap_or("no answer").to_owned()
}

/// Invokes the functions until it is dropped.
pub(crate) struct Runner {
    platform: Platform,
    schedules: Vec<Scheduled>,
    // Dropping the set ends the tasks.
    _tasks: JoinSet<()>,
}

impl Runner {
    pub(crate) fn start(
        workers: Workers,
        queues: Vec<Queue>,
        client: &Client,
        platform: &Platform,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for (Queue { name, url }, (_, shape, function)) in queues.into_iter().zip(workers.queues) {
            let (client, platform) = (client.clone(), platform.clone());
            let poller = Poller { client, platform, name, url, batch: shape.batch, function };
            tasks.spawn(poller.run());
        }
        for scheduled in workers.schedules.clone() {
            tasks.spawn(scheduled.run(platform.clone()));
        }
        Self { platform: platform.clone(), schedules: workers.schedules, _tasks: tasks }
    }

    pub(crate) async fn fire(&self, job: &str, unix_millis: u64) -> Result<(), String> {
        let scheduled = self.schedules.iter().find(|scheduled| scheduled.name == job);
        let scheduled = scheduled.ok_or_else(|| format!("there is no job {job}"))?;
        scheduled.fire(&self.platform, unix_millis).await.map_err(str::to_owned)
    }
}

impl Scheduled {
    async fn run(self, platform: Platform) {
        let mut next = self.schedule.next_after(platform.now().unix_millis());
        loop {
            let left = next.saturating_sub(platform.now().unix_millis());
            if left > 0 {
                tokio::time::sleep(Duration::from_millis(left).min(LOOK)).await;
                continue;
            }
            if let Err(error) = self.fire(&platform, next).await {
                tracing::warn!(job = self.name, error, "a job failed");
            }
            // What was missed while the machine slept is not made up for, as on AWS.
            next = self.schedule.next_after(platform.now().unix_millis().max(next));
        }
    }

    async fn fire(&self, platform: &Platform, unix_millis: u64) -> Result<(), &'static str> {
        let id = format!("{}-{unix_millis}", self.name);
        let event = schedule::event(&self.name, &id, unix_millis);
        self.function.invoke(platform, &event).await.map(drop)
    }
}

/// Takes messages from a queue and hands them to its function.
struct Poller {
    client: Client,
    platform: Platform,
    name: String,
    url: String,
    batch: u8,
    function: Handler,
}

impl Poller {
    async fn run(self) {
        loop {
            let received = self
                .client
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(i32::from(self.batch))
                .wait_time_seconds(20)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .message_attribute_names("All")
                .send()
                .await;
            match received {
                Ok(received) => self.work(received.messages.unwrap_or_default()).await,
                Err(error) => {
                    tracing::debug!(queue = self.name, error = told(&error), "cannot receive");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn work(&self, messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        let records: Vec<_> = messages.iter().map(|message| record(message, &self.name)).collect();
        let event = json!({ "Records": records });
        let answer = match self.function.invoke(&self.platform, &event).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(queue = self.name, error, "a batch failed");
                return;
            }
        };
        let failed: BTreeSet<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        let done = messages
            .iter()
            .filter(|message| message.message_id().is_some_and(|id| !failed.contains(id)));
        let entries: Vec<_> = done
            .filter_map(|message| message.receipt_handle())
            .enumerate()
            .filter_map(|(index, handle)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(handle).build().ok()
            })
            .collect();
        if entries.is_empty() {
            return;
        }
        let delete = self.client.delete_message_batch().queue_url(&self.url);
        if let Err(error) = delete.set_entries(Some(entries)).send().await {
            tracing::warn!(
                queue = self.name,
                error = told(&error),
                "cannot delete; they come again"
            );
        }
    }
}

/// A message as it stands in the event.
fn record(message: &Message, queue: &str) -> Value {
    let attributes: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_str().into()))
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "awsRegion": aws::EMULATOR_REGION,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_those_of_the_template() {
        let template = include_str!("../../../template.yaml");
        let expressions = template
            .lines()
            .filter_map(|line| line.trim().strip_prefix("ScheduleExpression: ").map(str::to_owned));
        let of_template: Vec<Schedule> =
            expressions.map(|expression| expression.parse().unwrap()).collect();
        let all = all();
        let here: Vec<Schedule> = all.schedules.into_iter().map(|it| it.schedule).collect();
        assert_eq!(here, of_template, "one line in `all` for each function of a schedule");
    }
}
