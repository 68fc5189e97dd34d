//! The job that scores attempts whose time is over, as `cargo dev` starts it.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use minigate_local::{DevServer, Options, development};
use minigate_platform::{Clock, SystemClock, aws};
use serde_json::Value;

const TABLE: &str = "minigate-Main";

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn start(server: &DevServer) -> String {
    let now = SystemClock.now().unix_seconds();
    let init_data = development::init_data(development::USER_ID, now).unwrap();
    let request = reqwest::Client::new()
        .post(format!("{}/v1/quizzes/welcome/attempts", server.base_url()))
        .header("authorization", format!("tma {init_data}"))
        .header("idempotency-key", "one");
    let attempt: Value = request.send().await.unwrap().json().await.unwrap();
    attempt["id"].as_str().unwrap_or_else(|| panic!("{attempt}")).to_owned()
}

/// The entries among the deadlines, in all shards.
async fn due(dynamodb: &Client) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let mut found = Vec::new();
    for shard in 0..16 {
        let query = dynamodb.query().table_name(TABLE).key_condition_expression("PK = :pk");
        let query = query.expression_attribute_values(":pk", text(&format!("DUE#{shard:x}")));
        found.extend(query.send().await.unwrap().items.unwrap());
    }
    found
}

/// Has the time of the one open attempt end long ago.
async fn end(dynamodb: &Client, attempt: &str) {
    let [entry] = <[_; 1]>::try_from(due(dynamodb).await).unwrap();
    let keys = [("PK", entry["PK"].clone()), ("SK", entry["SK"].clone())];
    let mut delete = dynamodb.delete_item().table_name(TABLE);
    for (name, value) in keys {
        delete = delete.key(name, value);
    }
    delete.send().await.unwrap();
    let (user, ended) = (development::USER_ID, "0000000001000");
    let mut put = dynamodb.put_item().table_name(TABLE).set_item(Some(entry));
    put = put.item("SK", text(&format!("{ended}#{user}#{attempt}")));
    put.send().await.unwrap();
    let update =
        dynamodb.update_item().table_name(TABLE).update_expression("SET deadline = :ended");
    let update = update.expression_attribute_values(":ended", AttributeValue::N("1000".to_owned()));
    let update = update.key("PK", text(&format!("USER#{user}")));
    update.key("SK", text(&format!("ATTEMPT#{attempt}"))).send().await.unwrap();
}

async fn is_scored(dynamodb: &Client, attempt: &str) -> bool {
    let get = dynamodb.get_item().table_name(TABLE).consistent_read(true);
    let get = get.key("PK", text(&format!("USER#{}", development::USER_ID)));
    let item = get.key("SK", text(&format!("ATTEMPT#{attempt}"))).send().await.unwrap().item;
    item.unwrap().contains_key("score")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_nobody_looks_at_again_is_scored_by_the_next_sweep() {
    let server = DevServer::start(Options::default()).await.unwrap();
    let config = aws::configuration_of_emulator(&server.aws_endpoint_url()).await;
    let dynamodb = Client::new(&config);
    let attempt = start(&server).await;
    server.fire("deadlines", 1_760_000_400_000).await.unwrap();
    assert!(!is_scored(&dynamodb, &attempt).await, "its time is not over");
    end(&dynamodb, &attempt).await;
    // EventBridge may fire twice for one moment.
    for _ in 0..2 {
        server.fire("deadlines", 1_760_000_460_000).await.unwrap();
        assert!(is_scored(&dynamodb, &attempt).await);
        assert_eq!(due(&dynamodb).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_without_an_attempt_fails_the_run_and_keeps_no_other_waiting() {
    let server = DevServer::start(Options::default()).await.unwrap();
    let config = aws::configuration_of_emulator(&server.aws_endpoint_url()).await;
    let dynamodb = Client::new(&config);
    let attempt = start(&server).await;
    end(&dynamodb, &attempt).await;
    let [entry] = <[_; 1]>::try_from(due(&dynamodb).await).unwrap();
    let other = "0".repeat(32);
    let put = dynamodb.put_item().table_name(TABLE).set_item(Some(entry));
    let put = put.item("attempt", text(&other)).item("user", AttributeValue::N("8".to_owned()));
    put.item("SK", text(&format!("0000000000500#8#{other}"))).send().await.unwrap();
    assert!(server.fire("deadlines", 1_760_000_400_000).await.is_err());
    assert!(is_scored(&dynamodb, &attempt).await);
}
