//! Reports on providers.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_store::ProviderReport;
use minigate_testkit::faults::Fault;

use crate::bed::Bed;

#[tokio::test]
async fn the_latest_report_on_each_provider_is_kept() {
    let bed = Bed::start().await;
    assert!(bed.store.providers().await.unwrap().is_empty());
    let report = |is_down, later| ProviderReport {
        is_down,
        latency_ms: 7,
        at: bed.now().after(Duration::from_secs(later)),
    };
    for (provider, reported) in [
        ("telegram", report(false, 10)),
        ("telegram", report(true, 20)),
        // Late, doubled, and of a clock that is behind.
        ("telegram", report(false, 20)),
        ("telegram", report(false, 15)),
        ("stripe", report(false, 5)),
    ] {
        bed.store.report_provider(provider, &reported).await.unwrap();
    }
    let found = bed.store.providers().await.unwrap();
    let expected = [("stripe", report(false, 5)), ("telegram", report(true, 20))];
    assert_eq!(found, expected.map(|(name, report)| (name.to_owned(), report)).into());
}

#[tokio::test]
async fn a_report_whose_answer_is_lost_is_written_once_and_an_unknown_one_is_left_out() {
    let bed = Bed::start().await;
    let lost = bed.faults.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
    let report = ProviderReport { is_down: true, latency_ms: 1, at: bed.now() };
    bed.store.report_provider("telegram", &report).await.unwrap();
    assert_eq!(lost.hits(), 1);
    bed.client
        .update_item()
        .table_name("main")
        .key("PK", AttributeValue::S("PROVIDERS".to_owned()))
        .key("SK", AttributeValue::S("PROVIDERS".to_owned()))
        .update_expression("SET later = :report")
        .expression_attribute_values(":report", AttributeValue::Bool(true))
        .send()
        .await
        .unwrap();
    assert_eq!(bed.store.providers().await.unwrap(), [("telegram".to_owned(), report)].into());
}
