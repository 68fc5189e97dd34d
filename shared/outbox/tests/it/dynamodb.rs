//! The outbox on an embedded DynamoDB, behind a proxy that injects faults and counts calls.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{AttributeValue, Put, TransactWriteItem},
};
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_outbox::{
    Change, Clock, Committed, DynamoTable, Effect, Ending, Limits, Once, OnceError, Outbox,
    Performed, Policy, Receiver, Repeat,
};
use minigate_testkit::faults::{Fault, FaultProxy};
use tokio::sync::Notify;

const TABLE: &str = "main";
const NOW: u64 = 1_760_000_000;

struct Bed {
    client: Client,
    table: DynamoTable,
    now: Arc<AtomicU64>,
    faults: FaultProxy,
    _aws: EmbeddedAws,
}

impl Bed {
    async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let template = include_str!("../../../../template.yaml");
        let names = [("Main", TABLE), ("Volatile", "volatile"), ("Audit", "audit")];
        aws.create_tables(template, &names).unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(faults.endpoint_url())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        let client = Client::from_conf(config);
        Self {
            table: DynamoTable::new(client.clone(), TABLE),
            client,
            now: Arc::new(AtomicU64::new(NOW * 1_000)),
            faults,
            _aws: aws,
        }
    }

    /// A worker of its own.
    fn outbox(&self, seed: u64) -> Outbox<DynamoTable, impl Clock + use<>> {
        let now = Arc::clone(&self.now);
        let clock = move || -> SystemTime {
            UNIX_EPOCH + Duration::from_millis(now.load(Ordering::Relaxed))
        };
        Outbox::new(self.table.clone(), clock, Policy { attempts: 2, ..Policy::default() }, seed)
    }

    fn advance(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// Writes an effect in the transaction of its cause.
    async fn cause(&self, key: &str, repeat: Repeat) -> Result<Committed, OnceError> {
        let effect = Effect::new("mail", key, format!("body of {key}"), repeat).unwrap();
        let pending = self.outbox(1).pending(&effect, Duration::ZERO);
        let put = self.table.put(&pending).unwrap();
        Once::new(TABLE).commit(&self.client, key, NOW, vec![put]).await
    }
}

/// Remembers what it performed, and can be made to stop answering.
#[derive(Default)]
struct Mailbox {
    bodies: Mutex<Vec<String>>,
}

impl Receiver for Mailbox {
    async fn perform(&self, effect: &Effect) -> Performed {
        self.bodies.lock().unwrap().push(effect.body.clone());
        Performed::Done
    }
}

#[tokio::test]
async fn an_effect_goes_from_its_cause_to_the_receiver_once() {
    let bed = Bed::start().await;
    assert_eq!(bed.cause("certificate-1", Repeat::Never).await.unwrap(), Committed::Now);
    for _ in 0..100 {
        assert_eq!(bed.cause("certificate-1", Repeat::Never).await.unwrap(), Committed::Before);
    }
    bed.faults.reset_counts();
    let (outbox, mailbox) = (bed.outbox(2), Mailbox::default());
    let report = outbox.drain("mail", &mailbox, &Limits::default()).await;
    assert_eq!((report.performed, report.attempts), (1, 1));
    assert_eq!(bed.faults.count("PutItem") + bed.faults.count("DeleteItem"), 2, "claim and delete");
    assert_eq!(outbox.drain("mail", &mailbox, &Limits::default()).await.attempts, 0);
    assert_eq!(bed.cause("certificate-1", Repeat::Never).await.unwrap(), Committed::Before);
    assert_eq!(*mailbox.bodies.lock().unwrap(), ["body of certificate-1"]);
}

#[tokio::test]
async fn a_cause_that_is_refused_has_no_effect() {
    let bed = Bed::start().await;
    let effect = Effect::new("mail", "a", "", Repeat::Never).unwrap();
    let put = bed.table.put(&bed.outbox(1).pending(&effect, Duration::ZERO)).unwrap();
    let impossible = Put::builder()
        .table_name(TABLE)
        .item("PK", AttributeValue::S("X".to_owned()))
        .item("SK", AttributeValue::S("X".to_owned()))
        .condition_expression("attribute_exists(PK)")
        .build()
        .unwrap();
    let impossible = TransactWriteItem::builder().put(impossible).build();
    let refused = Once::new(TABLE).commit(&bed.client, "a", NOW, vec![put, impossible]).await;
    assert!(matches!(refused, Err(OnceError::Refused(1))), "{refused:?}");
    let report = bed.outbox(1).drain("mail", &Mailbox::default(), &Limits::default()).await;
    assert_eq!(report.attempts, 0);
    assert_eq!(bed.cause("a", Repeat::Never).await.unwrap(), Committed::Now, "nothing was marked");
}

#[tokio::test]
async fn lost_answers_of_the_table_lose_nothing_and_double_nothing() {
    let bed = Bed::start().await;
    // The SDK repeats the call, which recognises its own first attempt.
    let faults = ["TransactWriteItems", "PutItem", "DeleteItem", "Query"]
        .map(|operation| bed.faults.inject_times(1, operation, Fault::SwallowAnswer));
    let first = bed.cause("a", Repeat::Never).await.unwrap();
    assert_eq!(first, Committed::Now, "the token of the transaction is known");
    let mailbox = Mailbox::default();
    let report = bed.outbox(1).drain("mail", &mailbox, &Limits::default()).await;
    assert_eq!((report.performed, report.unknown, report.table_errors), (1, 0, 0));
    assert!(faults.iter().all(|fault| fault.hits() == 1), "each call was struck");
    bed.advance(3_600);
    let again = bed.outbox(2).drain("mail", &mailbox, &Limits::default()).await;
    assert_eq!((again.attempts, mailbox.bodies.lock().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn several_workers_share_what_is_due() {
    let bed = Bed::start().await;
    for number in 0..60 {
        bed.cause(&format!("cause-{number}"), Repeat::Never).await.unwrap();
    }
    let (first, second, third) = (bed.outbox(1), bed.outbox(2), bed.outbox(3));
    let (mailbox, limits) = (Mailbox::default(), Limits::default());
    let reports = tokio::join!(
        first.drain("mail", &mailbox, &limits),
        second.drain("mail", &mailbox, &limits),
        third.drain("mail", &mailbox, &limits),
    );
    let performed = reports.0.performed + reports.1.performed + reports.2.performed;
    let mut bodies = mailbox.bodies.lock().unwrap().clone();
    bodies.sort_unstable();
    bodies.dedup();
    assert_eq!((performed, bodies.len()), (60, 60));
}

/// A worker whose process ends while it waits for the receiver.
#[derive(Default)]
struct Dies(Notify);

impl Receiver for Dies {
    async fn perform(&self, _: &Effect) -> Performed {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_a_dead_worker_had_is_repeated_by_key_or_listed_as_unknown() {
    for (repeat, happens) in [(Repeat::ByKey(Duration::from_secs(3_600)), 1), (Repeat::Never, 0)] {
        let bed = Bed::start().await;
        bed.cause("a", repeat).await.unwrap();
        let outbox = bed.outbox(1);
        let limits = Limits::default();
        let dies = Dies::default();
        // Dropped as soon as the receiver is asked, as a killed process would be.
        tokio::select! {
            _ = outbox.drain("mail", &dies, &limits) => panic!("it ended"),
            () = dies.0.notified() => {}
        }
        let (other, mailbox) = (bed.outbox(2), Mailbox::default());
        assert_eq!(other.drain("mail", &mailbox, &limits).await.contended, 1, "still leased");
        bed.advance(60);
        let report = other.drain("mail", &mailbox, &limits).await;
        assert_eq!((report.performed, report.unknown), (happens, 1 - happens));
        let unknown = other.ended("mail", Ending::Unknown, None, 10).await.unwrap().records;
        assert_eq!(unknown.len(), 1 - happens);
        for (key, record) in &unknown {
            assert_eq!(other.requeue(key, record).await, Ok(Change::Made));
            assert_eq!(other.drain("mail", &mailbox, &limits).await.performed, 1);
        }
        assert_eq!(mailbox.bodies.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_item_that_is_none_stays_and_is_counted() {
    let bed = Bed::start().await;
    for shard in 0..4 {
        bed.client
            .put_item()
            .table_name(TABLE)
            .item("PK", AttributeValue::S(format!("OUTBOX#mail#{shard}")))
            .item("SK", AttributeValue::S("0000000000000#x".to_owned()))
            .send()
            .await
            .unwrap();
    }
    bed.cause("a", Repeat::Never).await.unwrap();
    let report = bed.outbox(1).drain("mail", &Mailbox::default(), &Limits::default()).await;
    assert_eq!((report.performed, report.malformed), (1, 4));
}
