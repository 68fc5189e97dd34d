//! Functions of queues and schedules under a stub of Lambda, on an embedded DynamoDB. What is run are the
//! examples of this package.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use minigate_embedded_aws::{EmbeddedAws, Options, schedule};
use minigate_outbox::{DynamoTable, Effect, Ending, Outbox, Policy, Repeat};
use minigate_platform::{Clock, SystemClock, aws};
use minigate_testkit::lambda::{Function, example};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

struct Bed {
    aws: EmbeddedAws,
    client: Client,
}

impl Bed {
    async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let template = include_str!("../../../../template.yaml");
        let tables = [("Main", "main"), ("Volatile", "volatile"), ("Audit", "audit")];
        aws.create_tables(template, &tables).unwrap();
        let client = Client::new(&aws::configuration_of_emulator(&aws.endpoint_url()).await);
        Self { aws, client }
    }

    async fn function(&self, name: &str) -> Function {
        let endpoint_url = self.aws.endpoint_url();
        let variables = [
            ("MINIGATE_TABLE_MAIN", "main"),
            ("MINIGATE_TABLE_VOLATILE", "volatile"),
            ("MINIGATE_TABLE_AUDIT", "audit"),
            ("AWS_ENDPOINT_URL", &endpoint_url),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "development"),
            ("AWS_SECRET_ACCESS_KEY", "development"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let binary = example("minigate-platform", name).unwrap();
        Function::start(&binary, &variables).await.unwrap()
    }

    async fn count(&self, name: &str) -> u32 {
        let read = self.client.get_item().table_name("main");
        let read = read.key("PK", AttributeValue::S(format!("COUNT#{name}")));
        let item = read.key("SK", AttributeValue::S("COUNT".to_owned())).send().await.unwrap().item;
        item.map_or(0, |item| item["count"].as_n().unwrap().parse().unwrap())
    }
}

fn in_millis(millis: u64) -> u64 {
    SystemClock.now().unix_millis() + millis
}

fn record(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("handle of {id}"),
        "body": body,
        "attributes": { "ApproximateReceiveCount": "2", "SentTimestamp": "1760000000000" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    })
}

fn message(cause: &str, name: &str) -> String {
    json!({ "v": 1, "cause": cause, "data": { "name": name } }).to_string()
}

fn in_group(mut record: Value, group: &str) -> Value {
    record["attributes"]["MessageGroupId"] = group.into();
    record["attributes"]["SequenceNumber"] = "1".into();
    record
}

/// The ids that the function reports as failed, in any order.
async fn failures(function: &mut Function, records: &[Value], millis: u64) -> Vec<String> {
    let event = json!({ "Records": records });
    let answer = function.invoke(event, in_millis(millis)).await.unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap().iter();
    let mut failures: Vec<_> =
        failures.map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect();
    failures.sort_unstable();
    failures
}

fn of_messages(lines: &[String]) -> Vec<Value> {
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["message"] == "message").collect()
}

#[tokio::test]
async fn what_fails_in_a_batch_fails_alone() {
    let bed = Bed::start().await;
    let mut function = bed.function("queue").await;
    let records = [
        record("good", &message("1", "a")),
        record("same", &message("1", "a")),
        record("other", &message("2", "a")),
        record("fails", &message("3", "fail")),
        record("panics", &message("4", "panic")),
        record("hangs", &message("5", "hang")),
        record("not-json", "{"),
        record("version", r#"{"v":2,"cause":"6","data":{"name":"a"}}"#),
        record("shape", r#"{"v":1,"cause":"7","data":{}}"#),
        record("no-envelope", "[]"),
    ];
    let failed = failures(&mut function, &records, 1_000).await;
    let expected = ["fails", "hangs", "no-envelope", "not-json", "panics", "shape", "version"];
    // The two of one cause are handled at the same time, and one of them may lose to the other.
    assert_eq!(
        failed.iter().filter(|id| *id != "good" && *id != "same").collect::<Vec<_>>(),
        expected
    );
    for _ in 0..100 {
        assert!(failures(&mut function, &records[..3], 60_000).await.is_empty());
    }
    assert_eq!(bed.count("a").await, 2, "once for each cause");

    let (status, lines) = function.stop().await.unwrap();
    assert!(status.success(), "{status}: {lines:?}");
    let all = lines.join("\n");
    for secret in ["1234", "counter#", "COUNT"] {
        assert!(!all.contains(secret), "{secret} is in the log: {all}");
    }
    let messages = of_messages(&lines);
    assert_eq!(messages.len(), 310, "one line each");
    let outcome = |id: &str| {
        let line = messages.iter().find(|line| line["message_id"] == id).unwrap();
        (line["outcome"].as_str().unwrap(), line["code"].as_str())
    };
    assert_eq!(outcome("other"), ("handled", None));
    assert_eq!(outcome("fails"), ("failed", Some("store_unavailable")));
    assert_eq!(outcome("panics"), ("failed", Some("internal_error")));
    assert_eq!(outcome("hangs"), ("failed", Some("deadline_exceeded")));
    assert_eq!(outcome("not-json"), ("poison", Some("not_json")));
    assert_eq!(outcome("version"), ("poison", Some("unknown_version")));
    assert_eq!(outcome("shape"), ("poison", Some("wrong_shape")));
    assert_eq!(outcome("no-envelope"), ("poison", Some("no_envelope")));
    assert_eq!(messages[0]["receive_count"], 2);
    assert_eq!(messages[0]["worker"], "counter");
    assert!(all.contains(r#""MessagesPoison":4"#) && all.contains(r#""Panic":1"#), "{all}");
    assert!(all.contains(r#""MessagesRepeated":3"#), "{all}");
}

#[tokio::test]
async fn in_a_group_nothing_overtakes_what_failed() {
    let bed = Bed::start().await;
    let mut function = bed.function("queue").await;
    let records = [
        in_group(record("a1", &message("1", "a")), "a"),
        in_group(record("b1", &message("2", "b")), "b"),
        in_group(record("a2", &message("3", "fail")), "a"),
        in_group(record("a3", &message("4", "a")), "a"),
        in_group(record("b2", &message("5", "b")), "b"),
    ];
    assert_eq!(failures(&mut function, &records, 60_000).await, ["a2", "a3"]);
    assert_eq!((bed.count("a").await, bed.count("b").await), (1, 2));
}

#[tokio::test]
async fn an_event_that_is_none_of_the_queue_is_an_error_and_not_an_empty_batch() {
    let bed = Bed::start().await;
    let mut function = bed.function("queue").await;
    for event in [json!({}), json!({ "Records": [{}] }), json!(null), json!({ "Records": "x" })] {
        let error = function.invoke(event, in_millis(60_000)).await.unwrap_err();
        assert!(error.contains("body_invalid"), "{error}");
    }
    assert!(failures(&mut function, &[], 60_000).await.is_empty());
}

#[tokio::test]
async fn a_schedule_is_known_by_the_moment_for_which_it_fired() {
    let bed = Bed::start().await;
    let mut function = bed.function("schedule").await;
    let minute = 60_000;
    for moment in [0, 0, minute, 0, minute] {
        let event = schedule::event("ticker", "id", 1_760_000_040_000 + moment);
        assert_eq!(function.invoke(event, in_millis(60_000)).await, Ok(Value::Null));
    }
    assert_eq!(bed.count("ticks").await, 2);
    let error = function.invoke(json!({ "time": "soon" }), in_millis(60_000)).await.unwrap_err();
    assert!(error.contains("body_invalid"), "{error}");
    let (_, lines) = function.stop().await.unwrap();
    let outcomes = lines.iter().filter(|line| line.contains(r#""message":"schedule""#));
    let outcomes: Vec<Value> = outcomes.map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "repeated", "done", "repeated", "repeated", "failed"]);
}

/// Takes what the outbox's receiver sends: the effect's id, and the connection to answer on.
async fn arrives(gate: &TcpListener) -> (String, TcpStream) {
    let (connection, _) = gate.accept().await.unwrap();
    let mut connection = BufReader::new(connection);
    let mut id = String::new();
    connection.read_line(&mut id).await.unwrap();
    (id.trim_end().to_owned(), connection.into_inner())
}

#[tokio::test]
async fn an_effect_survives_the_process_that_performs_it() {
    for repeat in [Repeat::ByKey(Duration::from_secs(3_600)), Repeat::Never] {
        let bed = Bed::start().await;
        let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = gate.local_addr().unwrap().to_string();
        let now = || std::time::UNIX_EPOCH + Duration::from_millis(in_millis(0));
        let table = DynamoTable::new(bed.client.clone(), "main");
        let outbox = Outbox::new(table.clone(), now, Policy::default(), 1);
        let effect = Effect::new("example", "effect-1", address, repeat).unwrap();
        let pending = outbox.pending(&effect, Duration::ZERO);
        let put = table.put(&pending).unwrap();
        bed.client.transact_write_items().transact_items(put).send().await.unwrap();

        let nudge = || {
            let body = json!({ "v": 1, "cause": "nudge", "data": {} }).to_string();
            json!({ "Records": [record("nudge", &body)] })
        };
        let mut killed = bed.function("outbox").await;
        let (id, _connection) = tokio::select! {
            answer = killed.invoke(nudge(), in_millis(60_000)) => panic!("{answer:?}"),
            arrived = arrives(&gate) => arrived,
        };
        assert_eq!(id, "effect-1");
        // Kills the process, which has asked the receiver and has no answer.
        drop(killed);
        // The lease ends.
        let (key, _) = &pending;
        bed.client
            .update_item()
            .table_name("main")
            .key("PK", AttributeValue::S(key.partition.clone()))
            .key("SK", AttributeValue::S(key.sort.clone()))
            .update_expression("SET lease = :none")
            .condition_expression("begun = :yes")
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .send()
            .await
            .unwrap();

        let mut next = bed.function("outbox").await;
        let again = async {
            let (id, mut connection) = arrives(&gate).await;
            connection.write_all(b"!").await.unwrap();
            id
        };
        let invoked = next.invoke(nudge(), in_millis(60_000));
        let unknown = async || outbox.ended("example", Ending::Unknown, None, 10).await.unwrap();
        if repeat == Repeat::Never {
            tokio::select! {
                answer = invoked => assert_eq!(answer.unwrap(), json!({ "batchItemFailures": [] })),
                id = again => panic!("{id} was sent twice"),
            }
            assert_eq!(unknown().await.records.len(), 1);
        } else {
            let (answer, id) = tokio::join!(invoked, again);
            assert_eq!(answer.unwrap(), json!({ "batchItemFailures": [] }));
            assert_eq!(id, "effect-1", "the same key");
            assert_eq!(unknown().await.records.len(), 0);
        }
        let (_, lines) = next.stop().await.unwrap();
        let metric = if repeat == Repeat::Never { "EffectsUnknown" } else { "EffectsPerformed" };
        assert!(lines.iter().any(|line| line.contains(&format!(r#""{metric}":1"#))), "{lines:?}");
    }
}
