//! The operations: what they take, what they refuse, what they answer.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    QueueFaults, State,
    attributes::Attributes,
    failure::Failure,
    queue::{NewMessage, Queue, Sent},
};

/// The most entries of a batch.
const BATCH: usize = 10;
/// The most bytes of all bodies of a batch.
const BATCH_BYTES: usize = 1_048_576;

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::malformed(&error.to_string()))
}

/// Applies one operation other than `ReceiveMessage`.
pub(super) fn call(
    state: &mut State,
    operation: &str,
    host: &str,
    body: &[u8],
    now: u64,
    faults: &QueueFaults,
) -> Result<Value, Failure> {
    match operation {
        "CreateQueue" => create_queue(state, parse(body)?, host, now),
        "DeleteQueue" => {
            let name = state.queue(&parse::<OfQueue>(body)?.queue_url)?.name.clone();
            state.queues.remove(&name);
            Ok(json!({}))
        }
        "ListQueues" => list_queues(state, &parse(body)?, host),
        "GetQueueUrl" => {
            let request: GetQueueUrl = parse(body)?;
            let queue = state.queue(&request.queue_name)?;
            Ok(json!({ "QueueUrl": url(host, &queue.name) }))
        }
        "GetQueueAttributes" => get_attributes(state, &parse(body)?, now),
        "SetQueueAttributes" => {
            let request: SetAttributes = parse(body)?;
            let queue = state.queue(&request.queue_url)?;
            queue.attributes.set(&request.attributes)?;
            queue.modified = now;
            Ok(json!({}))
        }
        "PurgeQueue" => {
            state.queue(&parse::<OfQueue>(body)?.queue_url)?.purge();
            Ok(json!({}))
        }
        "SendMessage" => {
            let request: SendMessage = parse(body)?;
            send(state, &request.queue_url, request.entry, now, faults)
        }
        "SendMessageBatch" => {
            let batch: Batch<Outgoing> = parse(body)?;
            let bytes: usize =
                batch.entries.iter().map(|named| named.entry.message_body.len()).sum();
            if bytes > BATCH_BYTES {
                return Err(batch_failure(
                    "BatchRequestTooLong",
                    "Batch requests cannot be longer than 1048576 bytes.",
                ));
            }
            in_batch(state, batch, |state, url, entry| send(state, url, entry, now, faults))
        }
        "DeleteMessage" => {
            let request: OfMessage = parse(body)?;
            state.queue(&request.queue_url)?.delete(&request.receipt_handle, now)?;
            Ok(json!({}))
        }
        "DeleteMessageBatch" => in_batch(state, parse(body)?, |state, url, entry: OfEntry| {
            state.queue(url)?.delete(&entry.receipt_handle, now)?;
            Ok(json!({}))
        }),
        "ChangeMessageVisibility" => {
            let request: OfMessage = parse(body)?;
            let seconds = request.visibility_timeout.ok_or_else(|| missing("VisibilityTimeout"))?;
            let queue = state.queue(&request.queue_url)?;
            queue.change_visibility(&request.receipt_handle, seconds, now)?;
            Ok(json!({}))
        }
        "ChangeMessageVisibilityBatch" => {
            in_batch(state, parse(body)?, |state, url, entry: OfEntry| {
                let seconds =
                    entry.visibility_timeout.ok_or_else(|| missing("VisibilityTimeout"))?;
                state.queue(url)?.change_visibility(&entry.receipt_handle, seconds, now)?;
                Ok(json!({}))
            })
        }
        "StartMessageMoveTask" => start_move(state, &parse(body)?, now),
        "ListMessageMoveTasks" => {
            let request: ListMoves = parse(body)?;
            let of_source = |task: &&Value| task["SourceArn"] == request.source_arn.as_str();
            let newest: Vec<_> =
                state.moves.iter().rev().filter(of_source).take(10).cloned().collect();
            Ok(json!({ "Results": newest }))
        }
        _ => Err(Failure::plain(
            "InvalidAction",
            format!("{operation} is not embedded; see sqs/mod.rs for what is"),
        )),
    }
}

fn url(host: &str, name: &str) -> String {
    format!("http://{host}/000000000000/{name}")
}

fn missing(name: &str) -> Failure {
    Failure::plain("MissingParameter", format!("The request must contain the parameter {name}."))
}

fn batch_failure(kind: &'static str, message: &str) -> Failure {
    let code = match kind {
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        _ => "AWS.SimpleQueueService.BatchRequestTooLong",
    };
    Failure::new(kind, code, message)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

fn create_queue(
    state: &mut State,
    request: CreateQueue,
    host: &str,
    now: u64,
) -> Result<Value, Failure> {
    let name = request.queue_name;
    let attributes = Attributes::new(&request.attributes)?;
    let base = name.strip_suffix(".fifo").unwrap_or(&name);
    let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=80).contains(&name.len()) || base.is_empty() || !base.chars().all(is_legal) {
        return Err(Failure::invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    if name.ends_with(".fifo") != attributes.is_fifo() {
        return Err(Failure::invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
        ));
    }
    if let Some(existing) = state.queues.get(&name) {
        if let Some(differing) = existing.attributes.differs(&attributes) {
            return Err(Failure::new(
                "QueueNameExists",
                "QueueAlreadyExists",
                format!(
                    "A queue already exists with the same name and a different value for attribute {differing}"
                ),
            ));
        }
    } else {
        if let Some(redrive) = attributes.redrive() {
            let Some(target) = state.queue_of_arn(&redrive.arn) else {
                return Err(Failure::invalid(
                    "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
                ));
            };
            if target.attributes.is_fifo() != attributes.is_fifo() {
                return Err(Failure::invalid(
                    "Value for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source.",
                ));
            }
        }
        state.queues.insert(name.clone(), Queue::new(&name, attributes, now));
    }
    Ok(json!({ "QueueUrl": url(host, &name) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
}

fn list_queues(state: &State, request: &ListQueues, host: &str) -> Result<Value, Failure> {
    let names = state.queues.keys().filter(|name| name.starts_with(&request.queue_name_prefix));
    Ok(json!({ "QueueUrls": names.map(|name| url(host, name)).collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

fn get_attributes(state: &mut State, request: &GetAttributes, now: u64) -> Result<Value, Failure> {
    let queue = state.queue(&request.queue_url)?;
    let depth = queue.depth(now);
    let mut all = queue.attributes.all();
    all.extend(
        [
            ("QueueArn", queue.arn()),
            ("CreatedTimestamp", (queue.created / 1_000).to_string()),
            ("LastModifiedTimestamp", (queue.modified / 1_000).to_string()),
            ("ApproximateNumberOfMessages", depth.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let names = &request.attribute_names;
    all.retain(|name, _| names.iter().any(|wanted| wanted == "All" || wanted == name));
    Ok(json!({ "Attributes": all }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    #[serde(flatten)]
    entry: Outgoing,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outgoing {
    message_body: String,
    delay_seconds: Option<u64>,
    message_attributes: Option<Value>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

fn send(
    state: &mut State,
    url: &str,
    message: Outgoing,
    now: u64,
    faults: &QueueFaults,
) -> Result<Value, Failure> {
    let attributes = state.queue(url)?.attributes.clone();
    let body = message.message_body;
    let is_text = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if body.is_empty() {
        return Err(missing("MessageBody"));
    }
    if body.len() > attributes.max_bytes() {
        return Err(Failure::invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {} bytes.",
            attributes.max_bytes()
        )));
    }
    if !body.chars().all(is_text) {
        return Err(Failure::plain("InvalidMessageContents", "Invalid characters found."));
    }
    if message.delay_seconds.is_some_and(|seconds| seconds > 900) {
        return Err(Failure::invalid(
            "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ));
    }
    let digest = hex(&body);
    let deduplication = if attributes.is_fifo() {
        if message.message_group_id.is_none() {
            return Err(missing("MessageGroupId"));
        }
        if message.delay_seconds.is_some_and(|seconds| seconds > 0) {
            return Err(Failure::invalid(
                "Value for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.",
            ));
        }
        let by_content = attributes.is_deduplicated_by_content().then(|| digest.clone());
        let id = message.message_deduplication_id.or(by_content);
        Some(id.ok_or_else(|| Failure::invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"))?)
    } else {
        if message.message_deduplication_id.is_some() {
            return Err(Failure::invalid(
                "Value for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.",
            ));
        }
        None
    };
    let is_copied = !attributes.is_fifo()
        && faults.duplicates_one_in > 0
        && state.random().is_multiple_of(u64::from(faults.duplicates_one_in));
    let new = NewMessage {
        id: Uuid::new_v4().to_string(),
        body,
        attributes: message.message_attributes.unwrap_or_default(),
        delay_millis: message
            .delay_seconds
            .map_or(attributes.delay_millis(), |seconds| seconds * 1_000),
        group: message.message_group_id,
        deduplication,
    };
    let sent = state.queue(url)?.send(new, if is_copied { faults.copies } else { 0 }, now);
    let Sent { message_id, sequence, is_repeated } = sent;
    if is_repeated {
        tracing::debug!(message_id, "a message was sent twice; its deduplication id is known");
    }
    let mut answer = json!({ "MessageId": message_id, "MD5OfMessageBody": digest });
    if let Some(sequence) = sequence {
        answer["SequenceNumber"] = sequence.into();
    }
    Ok(answer)
}

pub(super) fn hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    entries: Vec<Named<T>>,
}

#[derive(Deserialize)]
struct Named<T> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(flatten)]
    entry: T,
}

/// Applies an operation to each entry. One that fails does not keep the others from succeeding.
fn in_batch<T>(
    state: &mut State,
    batch: Batch<T>,
    mut apply: impl FnMut(&mut State, &str, T) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    state.queue(&batch.queue_url)?;
    let ids: BTreeSet<_> = batch.entries.iter().map(|entry| entry.id.clone()).collect();
    let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if batch.entries.is_empty() {
        return Err(batch_failure(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        ));
    }
    if batch.entries.len() > BATCH {
        return Err(batch_failure(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        ));
    }
    if ids.len() < batch.entries.len() {
        return Err(batch_failure(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        ));
    }
    if !ids.iter().all(|id| (1..=80).contains(&id.len()) && id.chars().all(is_legal)) {
        return Err(batch_failure(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        ));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Named { id, entry } in batch.entries {
        match apply(state, &batch.queue_url, entry) {
            Ok(mut answer) => {
                answer["Id"] = id.into();
                successful.push(answer);
            }
            Err(Failure { code, message, .. }) => failed
                .push(json!({ "Id": id, "Code": code, "Message": message, "SenderFault": true })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfMessage {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfEntry {
    receipt_handle: String,
    visibility_timeout: Option<u64>,
}

pub(super) fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartMove {
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMoves {
    source_arn: String,
}

/// Moves everything that nobody has out of a dead-letter queue: to the destination, or each message to
/// the queue that gave it up.
fn start_move(state: &mut State, request: &StartMove, now: u64) -> Result<Value, Failure> {
    let not_found = |what: &str| {
        Failure::plain(
            "ResourceNotFoundException",
            format!("The resource that you specified for the {what} parameter doesn't exist."),
        )
    };
    let is_target = |queue: &Queue| {
        queue.attributes.redrive().is_some_and(|redrive| redrive.arn == request.source_arn)
    };
    let sources: Vec<String> = state
        .queues
        .values()
        .filter(|queue| is_target(queue))
        .map(|queue| queue.name.clone())
        .collect();
    if state.queue_of_arn(&request.source_arn).is_none() {
        return Err(not_found("SourceArn"));
    }
    if sources.is_empty() {
        return Err(Failure::invalid("Source queue must be configured as a Dead Letter Queue."));
    }
    let mut moved = 0;
    let mut shift = |state: &mut State, source: Option<&str>, target: &str| {
        let messages =
            state.queue_of_arn(&request.source_arn).map(|queue| queue.take_out(source, now));
        let messages = messages.unwrap_or_default();
        moved += messages.len();
        if let Some(target) = state.queue_of_arn(target) {
            target.accept(messages, None, now);
        }
    };
    match &request.destination_arn {
        Some(destination) if state.queue_of_arn(destination).is_none() => {
            return Err(not_found("DestinationArn"));
        }
        Some(destination) => shift(state, None, destination),
        None => {
            for source in &sources {
                shift(state, Some(source), &queue_arn(source));
            }
        }
    }
    let handle = Uuid::new_v4().to_string();
    state.moves.push(json!({
        "Status": "COMPLETED",
        "SourceArn": request.source_arn,
        "DestinationArn": request.destination_arn,
        "ApproximateNumberOfMessagesMoved": moved,
        "StartedTimestamp": now,
    }));
    Ok(json!({ "TaskHandle": handle }))
}
