//! Attempts whose time is over, and races.

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_testkit::faults::Fault;
use minigate_tests::{Cloud, Deployment};
use serde_json::{Value, json};

use crate::attempts::{Taker, all_kinds};

async fn deployment(cloud: &Cloud) -> Deployment {
    cloud.serve(&[]).await
}

/// Has the deadline of an attempt pass, as if its time had gone by.
async fn end(cloud: &Cloud, taker: &Taker<'_>, attempt: &Value) {
    let text = |text: String| AttributeValue::S(text);
    let over = AttributeValue::N((minigate_tests::now() * 1_000 - 1_000).to_string());
    let dynamodb = cloud.dynamodb().await;
    let user = text(format!("USER#{}", taker.user));
    for (sort, attribute) in [
        (format!("ATTEMPT#{}", attempt["id"].as_str().unwrap()), "deadline"),
        (format!("STATE#{}", taker.quiz), "open_until"),
    ] {
        let update = dynamodb.update_item().table_name("minigate-Main");
        update
            .key("PK", user.clone())
            .key("SK", text(sort))
            .update_expression("SET #end = :over")
            .condition_expression("attribute_exists(#end)")
            .expression_attribute_names("#end", attribute)
            .expression_attribute_values(":over", over.clone())
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_attempt_whose_time_is_over_takes_no_answer_and_is_scored_by_whoever_looks() {
    let cloud = Cloud::start().await;
    let api = deployment(&cloud).await;
    let taker = Taker::new(&api, &all_kinds()).await;
    let number = json!({ "number": "9.81" });

    let attempt = taker.start().await;
    taker.answer(&attempt["id"], "gravity", &number).await.assert_success(200, &[]);
    end(&cloud, &taker, &attempt).await;
    let late = taker.answer(&attempt["id"], "gravity", &json!({ "number": "1" })).await;
    late.assert_problem(409, "attempt_over", &[]);
    let read = taker.read(&attempt["id"]).await.assert_success(200, &[]);
    assert_eq!((&read["state"], &read["result"]["earned"]), (&json!("scored"), &json!(20_000)));

    let attempt = taker.start().await;
    end(&cloud, &taker, &attempt).await;
    let submitted = taker.submit(&attempt["id"]).await;
    assert_eq!(submitted["state"], "scored");

    // The next start scores it first.
    let attempt = taker.start().await;
    end(&cloud, &taker, &attempt).await;
    taker.start().await;
    let read = taker.read(&attempt["id"]).await.assert_success(200, &[]);
    assert_eq!(read["state"], "scored");
}

#[tokio::test]
async fn a_start_that_conflicts_is_told_to_come_again_and_has_started_nothing() {
    let cloud = Cloud::start().await;
    let api = deployment(&cloud).await;
    let taker = Taker::new(&api, &all_kinds()).await;
    {
        let _conflict = cloud.inject("TransactWriteItems", Fault::Conflict);
        let refused = taker.starting("k").send().await;
        refused.assert_problem(409, "request_under_way", &[]);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    taker.starting("k").send().await.assert_success(201, &["location"]);
}

#[tokio::test]
async fn submissions_at_one_moment_have_one_result() {
    let cloud = Cloud::start().await;
    let api = deployment(&cloud).await;
    let taker = Taker::new(&api, &all_kinds()).await;
    let attempt = taker.start().await;
    let id = &attempt["id"];
    let (one, two, three) = tokio::join!(taker.submit(id), taker.submit(id), taker.submit(id));
    assert_eq!((&one, &one), (&two, &three));
}
