//! The job that erases users, as `cargo dev` starts it.

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_local::{DevServer, Options};
use minigate_platform::aws;

const TABLE: &str = "minigate-Main";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_erasure_is_due_is_gone_after_the_next_run() {
    let server = DevServer::start(Options::default()).await.unwrap();
    let config = aws::configuration_of_emulator(&server.aws_endpoint_url()).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: u64| AttributeValue::N(number.to_string());
    for (partition, sort) in [
        ("USER#7", "ACCOUNT#PROFILE"),
        ("USER#7", "ACCOUNT#ERASURE"),
        ("USER#7", "ATTEMPT#1"),
        ("USER#8", "ACCOUNT#PROFILE"),
        ("ERASURES", "0000000002000#7"),
    ] {
        let put = dynamodb.put_item().table_name(TABLE);
        let put = put.item("PK", text(partition)).item("SK", text(sort));
        let put = put.item("user_id", number(7)).item("requested_at", number(1_000));
        put.item("due_at", number(2_000)).send().await.unwrap();
    }
    // EventBridge may fire twice for one moment.
    for _ in 0..2 {
        server.fire("erasure", 1_760_000_400_000).await.unwrap();
    }
    for (partition, left) in [("USER#7", 0), ("ERASURES", 0), ("USER#8", 1)] {
        let query = dynamodb.query().table_name(TABLE).key_condition_expression("PK = :pk");
        let query = query.expression_attribute_values(":pk", text(partition));
        assert_eq!(query.send().await.unwrap().count, left, "{partition}");
    }
}
