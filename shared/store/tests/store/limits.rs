use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{LimitChange, LimitChanges, LimitMode};
use minigate_store::{ChangeDocument, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::Bed;

fn login(limit: u32) -> BTreeMap<String, LimitChange> {
    let mode = Some(LimitMode::Shadow);
    [("login".to_owned(), LimitChange { limit: Some(limit), mode, ..Default::default() })].into()
}

async fn replace(bed: &Bed, limit: u32, known: Option<u64>) -> ChangeDocument<LimitChanges> {
    let entry = bed.entry("limit.changed");
    bed.store.replace_limits(login(limit), known, &entry).await.unwrap()
}

#[tokio::test]
async fn a_change_is_read_again_and_recorded() {
    let bed = Bed::start().await;
    assert_eq!(bed.store.limits().await.unwrap(), LimitChanges::default());
    let ChangeDocument::Changed(changed) = replace(&bed, 7, Some(0)).await else { panic!("stale") };
    assert_eq!(changed.by_name, login(7));
    assert!(changed.version > 0);
    assert_eq!(bed.store.limits().await.unwrap(), changed);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_stale_and_leaves_no_trace() {
    let bed = Bed::start().await;
    replace(&bed, 7, Some(0)).await;
    assert_eq!(replace(&bed, 8, Some(0)).await, ChangeDocument::Stale);
    let read = bed.store.limits().await.unwrap();
    assert_eq!(read.by_name, login(7));
    let ChangeDocument::Changed(next) = replace(&bed, 9, Some(read.version)).await else {
        panic!("stale")
    };
    assert!(next.version > read.version, "in the same millisecond too");
    assert_eq!(replace(&bed, 8, Some(read.version)).await, ChangeDocument::Stale);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_made_once() {
    let bed = Bed::start().await;
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    assert!(matches!(replace(&bed, 7, Some(0)).await, ChangeDocument::Changed(_)));
    assert_eq!(lost.hits(), 1);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_item_that_does_not_decode_is_said_so_and_can_be_replaced() {
    let bed = Bed::start().await;
    let item = [("PK", "LIMITS"), ("SK", "POLICIES"), ("version", "one"), ("policies", "none")];
    let item = item.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())));
    let put = bed.client.put_item().table_name("main").set_item(Some(item.into()));
    put.send().await.unwrap();
    assert!(matches!(bed.store.limits().await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(replace(&bed, 7, None).await, ChangeDocument::Changed(_)));
    assert_eq!(bed.store.limits().await.unwrap().by_name, login(7));
}
