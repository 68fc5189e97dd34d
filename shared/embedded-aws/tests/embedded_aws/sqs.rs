//! What the workspace relies on of SQS, with a clock that the tests move.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::ProvideErrorMetadata,
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use minigate_embedded_aws::{EmbeddedAws, Options, QueueFaults, TimeSource};

struct Bed {
    client: Client,
    now: Arc<AtomicU64>,
    _aws: EmbeddedAws,
}

impl Bed {
    async fn start() -> Self {
        Self::with(QueueFaults::default()).await
    }

    async fn with(queue_faults: QueueFaults) -> Self {
        let now = Arc::new(AtomicU64::new(1_760_000_000_000));
        let shown = Arc::clone(&now);
        let clock = TimeSource::new(move || shown.load(Ordering::Relaxed));
        let options = Options { clock, queue_faults, ..Options::default() };
        let aws = EmbeddedAws::start(options).await.unwrap();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(aws.endpoint_url())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new("eu-central-1"))
            .build();
        Self { client: Client::from_conf(config), now, _aws: aws }
    }

    fn advance(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    async fn create(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let mut create = self.client.create_queue().queue_name(name);
        for (attribute, value) in attributes {
            create = create.attributes(attribute.clone(), *value);
        }
        create.send().await.unwrap().queue_url.unwrap()
    }

    /// A queue that gives messages up after so many receives, and its dead-letter queue.
    async fn with_dead_letters(&self, max_receives: u32) -> (String, String) {
        let dead = self.create("dead", &[]).await;
        let redrive = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receives}}}"#,
            self.arn(&dead).await
        );
        let queue = self.create("queue", &[(QueueAttributeName::RedrivePolicy, &redrive)]).await;
        (queue, dead)
    }

    async fn attribute(&self, queue: &str, name: QueueAttributeName) -> String {
        let attributes = self
            .client
            .get_queue_attributes()
            .queue_url(queue)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap();
        attributes.attributes.unwrap().remove(&name).unwrap()
    }

    async fn arn(&self, queue: &str) -> String {
        self.attribute(queue, QueueAttributeName::QueueArn).await
    }

    async fn depth(&self, queue: &str) -> [usize; 3] {
        let mut depth = [0; 3];
        for (place, name) in [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ]
        .into_iter()
        .enumerate()
        {
            depth[place] = self.attribute(queue, name).await.parse().unwrap();
        }
        depth
    }

    async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.client.send_message().queue_url(queue).message_body(body).send().await;
        sent.unwrap().message_id.unwrap()
    }

    async fn send_in_group(&self, queue: &str, group: &str, body: &str) {
        let send = self.client.send_message().queue_url(queue).message_body(body);
        send.message_group_id(group).send().await.unwrap();
    }

    async fn receive(&self, queue: &str) -> Vec<Message> {
        self.client
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .unwrap()
            .messages
            .unwrap_or_default()
    }

    async fn delete(&self, queue: &str, message: &Message) {
        let handle = message.receipt_handle.clone().unwrap();
        self.client.delete_message().queue_url(queue).receipt_handle(handle).send().await.unwrap();
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

fn receives(message: &Message) -> &str {
    &message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount]
}

#[tokio::test]
async fn a_message_is_invisible_until_its_timeout_and_gone_when_deleted() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[]).await;
    let id = bed.send(&queue, "one").await;
    let first = bed.receive(&queue).await;
    assert_eq!((bodies(&first), first[0].message_id()), (vec!["one"], Some(id.as_str())));
    assert_eq!(bed.depth(&queue).await, [0, 1, 0]);
    bed.advance(29);
    assert!(bed.receive(&queue).await.is_empty());
    bed.advance(1);
    let second = bed.receive(&queue).await;
    assert_eq!(receives(&second[0]), "2");
    bed.delete(&queue, &first[0]).await;
    assert_eq!(bed.depth(&queue).await, [0, 1, 0], "an old handle deletes nothing");
    bed.delete(&queue, &second[0]).await;
    bed.advance(3_600);
    assert!(bed.receive(&queue).await.is_empty());
    assert_eq!(bed.depth(&queue).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_changed_visibility_ends_or_prolongs_what_somebody_has() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[]).await;
    bed.send(&queue, "one").await;
    let change = async |message: &Message, seconds: i32| {
        let handle = message.receipt_handle.clone().unwrap();
        let change = bed.client.change_message_visibility().queue_url(&queue);
        change.receipt_handle(handle).visibility_timeout(seconds).send().await
    };
    let first = bed.receive(&queue).await;
    change(&first[0], 100).await.unwrap();
    bed.advance(99);
    assert!(bed.receive(&queue).await.is_empty());
    change(&first[0], 0).await.unwrap();
    let second = bed.receive(&queue).await;
    assert_eq!(second.len(), 1);
    let error = change(&first[0], 10).await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_message_not_inflight(), "{error:?}");
}

#[tokio::test]
async fn delays_are_those_of_the_message_or_of_the_queue() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[(QueueAttributeName::DelaySeconds, "10")]).await;
    bed.send(&queue, "of the queue").await;
    let later = bed.client.send_message().queue_url(&queue).message_body("of its own");
    later.delay_seconds(20).send().await.unwrap();
    assert_eq!(bed.depth(&queue).await, [0, 0, 2]);
    bed.advance(10);
    assert_eq!(bodies(&bed.receive(&queue).await), ["of the queue"]);
    bed.advance(10);
    assert_eq!(bodies(&bed.receive(&queue).await), ["of its own"]);
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letters_and_back() {
    let bed = Bed::start().await;
    let (queue, dead) = bed.with_dead_letters(3).await;
    let id = bed.send(&queue, "poison").await;
    for _ in 0..3 {
        assert_eq!(bed.receive(&queue).await.len(), 1);
        bed.advance(30);
    }
    assert!(bed.receive(&queue).await.is_empty(), "received for the fourth time");
    assert_eq!((bed.depth(&queue).await, bed.depth(&dead).await), ([0, 0, 0], [1, 0, 0]));
    let buried = bed.receive(&dead).await;
    assert_eq!(buried[0].message_id(), Some(id.as_str()));
    let source =
        &buried[0].attributes().unwrap()[&MessageSystemAttributeName::DeadLetterQueueSourceArn];
    assert_eq!(*source, bed.arn(&queue).await);
    bed.advance(30);

    let dead_arn = bed.arn(&dead).await;
    bed.client.start_message_move_task().source_arn(&dead_arn).send().await.unwrap();
    let tasks = bed.client.list_message_move_tasks().source_arn(&dead_arn).send().await.unwrap();
    assert_eq!(tasks.results()[0].approximate_number_of_messages_moved(), 1);
    let again = bed.receive(&queue).await;
    assert_eq!((bodies(&again), receives(&again[0])), (vec!["poison"], "1"));
    let live = bed.client.start_message_move_task().source_arn(bed.arn(&queue).await).send().await;
    assert_eq!(live.unwrap_err().code(), Some("InvalidParameterValue"), "nobody's dead letters");
}

#[tokio::test]
async fn a_long_poll_ends_with_a_message_that_comes_or_that_is_visible_again() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[]).await;
    let poll = || bed.client.receive_message().queue_url(&queue).wait_time_seconds(20).send();
    let (sent, polled) = tokio::join!(bed.send(&queue, "one"), poll());
    let messages = polled.unwrap().messages.unwrap();
    assert_eq!(messages[0].message_id(), Some(sent.as_str()));
    let passes = async {
        tokio::task::yield_now().await;
        bed.advance(30);
    };
    let ((), polled) = tokio::join!(passes, poll());
    assert_eq!(polled.unwrap().messages.unwrap().len(), 1);
    let started = std::time::Instant::now();
    let none = bed.client.receive_message().queue_url(&queue).wait_time_seconds(1).send().await;
    assert!(none.unwrap().messages.is_none());
    assert!(started.elapsed() >= Duration::from_millis(900), "it did not wait");
}

const FIFO: [(QueueAttributeName, &str); 2] = [
    (QueueAttributeName::FifoQueue, "true"),
    (QueueAttributeName::ContentBasedDeduplication, "true"),
];

#[tokio::test]
async fn a_fifo_queue_keeps_the_order_of_a_group_and_drops_repetitions() {
    let bed = Bed::start().await;
    let queue = bed.create("queue.fifo", &FIFO).await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a1")] {
        bed.send_in_group(&queue, group, body).await;
    }
    let one = bed.client.receive_message().queue_url(&queue).send().await.unwrap();
    let a1 = one.messages.unwrap();
    assert_eq!(bodies(&a1), ["a1"]);
    assert_eq!(bodies(&bed.receive(&queue).await), ["b1"], "a2 waits for a1");
    bed.delete(&queue, &a1[0]).await;
    assert_eq!(bodies(&bed.receive(&queue).await), ["a2"], "a1 was sent twice and is one message");
    bed.advance(300);
    bed.send_in_group(&queue, "c", "a1").await;
    assert_eq!(bodies(&bed.receive(&queue).await).len(), 3, "b1, a2 and a new a1");
}

#[tokio::test]
async fn batches_succeed_and_fail_by_the_entry() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let long = "x".repeat(1_025);
    let sent = bed
        .client
        .send_message_batch()
        .queue_url(&queue)
        .entries(entry("good", "one"))
        .entries(entry("long", &long))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("long", true));

    let messages = bed.receive(&queue).await;
    let handle = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let deleted = bed
        .client
        .delete_message_batch()
        .queue_url(&queue)
        .entries(handle("0", messages[0].receipt_handle().unwrap()))
        .entries(handle("1", "nonsense"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (deleted.successful()[0].id(), deleted.failed()[0].code()),
        ("0", "ReceiptHandleIsInvalid")
    );
    let twice = bed
        .client
        .send_message_batch()
        .queue_url(&queue)
        .entries(entry("a", "1"))
        .entries(entry("a", "2"))
        .send()
        .await;
    assert!(twice.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());
}

#[tokio::test]
async fn with_faults_messages_come_again_and_in_any_order() {
    let faults = QueueFaults { seed: 7, duplicates_one_in: 2, copies: 2, is_disordered: true };
    let mut orders = BTreeSet::new();
    for _ in 0..2 {
        let bed = Bed::with(faults).await;
        let queue = bed.create("queue", &[]).await;
        for number in 0..20 {
            bed.send(&queue, &number.to_string()).await;
        }
        let mut received = Vec::new();
        loop {
            let messages = bed.receive(&queue).await;
            if messages.is_empty() {
                break;
            }
            for message in messages {
                bed.delete(&queue, &message).await;
                received.push(message.body().unwrap().parse::<u32>().unwrap());
            }
        }
        let mut counts = BTreeMap::new();
        received.iter().for_each(|number| *counts.entry(*number).or_insert(0) += 1);
        assert_eq!(counts.len(), 20, "none is lost");
        assert!(counts.values().all(|count| matches!(count, 1 | 3)), "{counts:?}");
        assert!(counts.values().any(|count| *count == 3), "{counts:?}");
        assert!(!received.is_sorted(), "{received:?}");
        orders.insert(received);
    }
    assert_eq!(orders.len(), 1, "the same seed gives the same faults");
}

#[tokio::test]
async fn refusals_are_those_that_the_sdk_knows() {
    let bed = Bed::start().await;
    let queue = bed.create("queue", &[]).await;
    let nowhere = bed.client.get_queue_url().queue_name("nowhere").send().await.unwrap_err();
    assert!(nowhere.into_service_error().is_queue_does_not_exist());
    let nowhere = bed.client.send_message().queue_url("http://x/0/nowhere").message_body("1");
    assert!(nowhere.send().await.unwrap_err().into_service_error().is_queue_does_not_exist());
    let other = bed.client.create_queue().queue_name("queue");
    let other = other.attributes(QueueAttributeName::DelaySeconds, "1").send().await;
    assert!(other.unwrap_err().into_service_error().is_queue_name_exists());
    assert_eq!(bed.create("queue", &[]).await, queue, "the same again is no refusal");
    for (attribute, value) in [
        (QueueAttributeName::VisibilityTimeout, "43201"),
        (QueueAttributeName::RedrivePolicy, "{}"),
        (
            QueueAttributeName::RedrivePolicy,
            r#"{"deadLetterTargetArn":"arn:a:b:c","maxReceiveCount":3}"#,
        ),
        (QueueAttributeName::FifoQueue, "true"),
    ] {
        let create = bed.client.create_queue().queue_name("other").attributes(attribute, value);
        assert!(create.send().await.is_err(), "{value}");
    }
    let fifo = bed.create("queue.fifo", &FIFO).await;
    for send in [
        bed.client.send_message().queue_url(&queue).message_body(""),
        bed.client.send_message().queue_url(&queue).message_body("\u{1}"),
        bed.client.send_message().queue_url(&queue).message_body("1").delay_seconds(901),
        bed.client.send_message().queue_url(&queue).message_body("1").message_deduplication_id("x"),
        bed.client.send_message().queue_url(&fifo).message_body("without a group"),
    ] {
        let error = send.send().await.unwrap_err();
        assert!(error.code().is_some(), "{error:?}");
    }
    bed.send(&queue, "one").await;
    bed.client.purge_queue().queue_url(&queue).send().await.unwrap();
    assert_eq!(bed.depth(&queue).await, [0, 0, 0]);
    bed.client.delete_queue().queue_url(&queue).send().await.unwrap();
    assert_eq!(bed.client.list_queues().send().await.unwrap().queue_urls().len(), 1);
}
