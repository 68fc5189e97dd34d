//! Functions of queues and schedules under `cargo dev`: from the message to its effect.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_embedded_aws::QueueFaults;
use minigate_local::{
    DevServer, Options,
    workers::{QueueShape, Workers},
};
use minigate_outbox::{DynamoTable, Effect, Performed, Receiver, Repeat};
use minigate_platform::{
    Platform, Problem, aws,
    workers::{Delivery, Handler, Job, Message, Receipt, Tick, Worker, drain, written},
};
use serde::{Deserialize, Serialize};

const LANE: &str = "mail";

#[derive(Serialize, Deserialize)]
struct Certificate {
    number: u32,
}

impl Message for Certificate {
    const VERSION: u32 = 1;
}

/// The cause: writes an effect, once for each cause, and nudges.
#[derive(Default)]
struct Issuing {
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Worker for Issuing {
    type Message = Certificate;

    const NAME: &'static str = "issuing";

    async fn handle(
        &self,
        platform: &Platform,
        message: Certificate,
        delivery: &Delivery,
    ) -> Result<Receipt, Problem> {
        let id = format!("certificate-{}", message.number);
        let effect = Effect::new(LANE, &id, "Congratulations", Repeat::Never);
        let effect = effect.map_err(Problem::internal)?;
        let pending = platform.outbox.pending(&effect, Duration::ZERO);
        let client = aws_sdk_dynamodb::Client::new(&platform.aws);
        let table = DynamoTable::new(client, &platform.config.tables.main);
        let put = table.put(&pending).map_err(Problem::internal)?;
        let receipt = platform.commit_once(&delivery.cause, vec![put]).await?;
        let nudge = written(&id, &Nudge {}).map_err(Problem::internal)?;
        let sqs = self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&platform.aws));
        let queue = &platform.config.queues["mail"];
        // A lost nudge is made up for by the schedule.
        let _ = sqs.send_message().queue_url(queue).message_body(nudge).send().await;
        Ok(receipt)
    }
}

#[derive(Serialize, Deserialize)]
struct Nudge {}

impl Message for Nudge {
    const VERSION: u32 = 1;
}

/// The outside: what was sent, by id.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<BTreeMap<String, u32>>>);

impl Mailbox {
    fn sent(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().clone()
    }
}

impl Receiver for Mailbox {
    async fn perform(&self, effect: &Effect) -> Performed {
        *self.0.lock().unwrap().entry(effect.id.clone()).or_default() += 1;
        Performed::Done
    }
}

impl Worker for Mailbox {
    type Message = Nudge;

    const NAME: &'static str = "mail";

    async fn handle(
        &self,
        platform: &Platform,
        _: Nudge,
        _: &Delivery,
    ) -> Result<Receipt, Problem> {
        drain(platform, LANE, self, Duration::from_secs(10)).await
    }
}

/// Finds what no nudge did.
struct Sweep(Mailbox);

impl Job for Sweep {
    const NAME: &'static str = "sweep";

    async fn run(&self, platform: &Platform, _: &Tick) -> Result<Receipt, Problem> {
        drain(platform, LANE, &self.0, Duration::from_secs(10)).await
    }
}

struct Bed {
    server: DevServer,
    mailbox: Mailbox,
    sqs: aws_sdk_sqs::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Bed {
    /// With a queue whose failed messages come again at once, up to three times.
    async fn start(queue_faults: QueueFaults) -> Self {
        let mailbox = Mailbox::default();
        let shape = QueueShape {
            visibility_timeout: Duration::ZERO,
            max_receive_count: 3,
            ..QueueShape::default()
        };
        let hourly = "rate(1 day)".parse().unwrap();
        let workers = Workers::default()
            .queue("issuing", shape, Handler::queue(Issuing::default()))
            .queue("mail", QueueShape::default(), Handler::queue(mailbox.clone()))
            .schedule("sweep", hourly, Handler::schedule(Sweep(mailbox.clone())));
        let options = Options { queue_faults, ..Options::default() };
        let server = DevServer::start_with(options, workers).await.unwrap();
        let shared = aws::configuration_of_emulator(&server.aws_endpoint_url()).await;
        Self {
            server,
            mailbox,
            sqs: aws_sdk_sqs::Client::new(&shared),
            dynamodb: aws_sdk_dynamodb::Client::new(&shared),
        }
    }

    fn url(&self, queue: &str) -> String {
        format!("{}/000000000000/{queue}", self.server.aws_endpoint_url())
    }

    async fn send(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(self.url("issuing")).message_body(body);
        send.send().await.unwrap();
    }

    /// Waits until a queue holds so many messages, whoever has them.
    async fn holds(&self, queue: &str, expected: usize) {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names =
            [Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible];
        let count = async || {
            let read = self.sqs.get_queue_attributes().queue_url(self.url(queue));
            let read = read.attribute_names(Name::All).send().await.unwrap();
            let all = read.attributes.unwrap();
            names.iter().map(|name| all[name].parse::<usize>().unwrap()).sum::<usize>()
        };
        until(queue, async || count().await == expected).await;
    }

    /// How many items of the table have this partition key.
    async fn items(&self, partition: &str) -> usize {
        let query = self.dynamodb.query().table_name("minigate-Main");
        let query = query.key_condition_expression("PK = :partition");
        let partition = AttributeValue::S(partition.to_owned());
        let found = query.expression_attribute_values(":partition", partition).send().await;
        found.unwrap().count as usize
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let patience = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), patience).await.unwrap_or_else(|_| {
        panic!("{what}: not within 20 seconds");
    });
}

fn certificate(number: u32) -> String {
    written(&format!("certificate-{number}"), &Certificate { number }).unwrap()
}

#[tokio::test]
async fn a_message_sent_is_handled_and_its_effect_happens_once_however_often_it_comes() {
    let faults = QueueFaults { seed: 1, duplicates_one_in: 3, copies: 2, is_disordered: true };
    let bed = Bed::start(faults).await;
    for number in 0..100 {
        bed.send(&certificate(number % 5)).await;
    }
    bed.holds("issuing", 0).await;
    until("all sent", async || bed.mailbox.sent().len() == 5).await;
    bed.holds("mail", 0).await;
    let sent = bed.mailbox.sent();
    assert!(sent.values().all(|count| *count == 1), "{sent:?}");
    assert_eq!(bed.items("ONCE#issuing#certificate-4").await, 1);
    bed.holds("issuing-dead", 0).await;
    bed.server.shutdown().await;
}

#[tokio::test]
async fn poison_is_parked_and_comes_back_by_a_redrive() {
    let bed = Bed::start(QueueFaults::default()).await;
    for poison in ["{", r#"{"v":9,"cause":"c","data":{}}"#, r#"{"v":1,"cause":"c","data":7}"#] {
        bed.send(poison).await;
    }
    bed.send(&certificate(1)).await;
    bed.holds("issuing-dead", 3).await;
    bed.holds("issuing", 0).await;
    until("sent", async || bed.mailbox.sent().len() == 1).await;

    let dead_arn = "arn:aws:sqs:us-east-1:000000000000:issuing-dead";
    bed.sqs.start_message_move_task().source_arn(dead_arn).send().await.unwrap();
    // Still poison: it comes back to where it was.
    bed.holds("issuing-dead", 3).await;
    bed.server.shutdown().await;
}

#[tokio::test]
async fn a_schedule_finds_what_no_nudge_did() {
    let bed = Bed::start(QueueFaults::default()).await;
    bed.sqs.delete_queue().queue_url(bed.url("mail")).send().await.unwrap();
    bed.send(&certificate(7)).await;
    bed.holds("issuing", 0).await;
    assert!(bed.mailbox.sent().is_empty());
    for _ in 0..2 {
        bed.server.fire("sweep", 1_760_000_040_000).await.unwrap();
        assert_eq!(bed.mailbox.sent(), [("certificate-7".to_owned(), 1)].into());
    }
    assert_eq!(bed.server.fire("nothing", 0).await, Err("there is no job nothing".to_owned()));
    bed.server.shutdown().await;
}
