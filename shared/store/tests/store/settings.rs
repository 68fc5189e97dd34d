use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{LimitChanges, SETTINGS_FORMAT, SettingsOverride, SettingsOverrides};
use minigate_store::{ChangeDocument, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::Bed;

fn sessions(count: u32) -> SettingsOverride {
    SettingsOverride {
        allowed_origins: Some(vec!["https://a.example".to_owned()]),
        admins: Some(vec![7]),
        sessions_per_user: Some(count),
        ..Default::default()
    }
}

async fn replace(bed: &Bed, count: u32, known: Option<u64>) -> ChangeDocument<SettingsOverrides> {
    let entry = bed.entry("settings.changed");
    bed.store.replace_settings(sessions(count), known, &entry).await.unwrap()
}

async fn stored(bed: &Bed) -> SettingsOverrides {
    bed.store.documents().await.unwrap().settings.unwrap()
}

#[tokio::test]
async fn a_change_is_read_again_by_the_call_that_reads_the_policies_and_is_recorded() {
    let bed = Bed::start().await;
    assert_eq!(stored(&bed).await, SettingsOverrides::default());
    let ChangeDocument::Changed(changed) = replace(&bed, 7, Some(0)).await else { panic!("stale") };
    assert_eq!((&changed.change, changed.format), (&sessions(7), SETTINGS_FORMAT));
    let entry = bed.entry("limit.changed");
    bed.store.replace_limits(Default::default(), Some(0), &entry).await.unwrap();
    bed.faults.reset_counts();
    let documents = bed.store.documents().await.unwrap();
    assert_eq!(bed.faults.count("Query"), 1);
    assert_eq!(documents.settings.unwrap(), changed);
    assert!(documents.limits.unwrap().version > 0);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_stale_and_leaves_no_trace() {
    let bed = Bed::start().await;
    replace(&bed, 7, Some(0)).await;
    assert_eq!(replace(&bed, 8, Some(0)).await, ChangeDocument::Stale);
    let read = stored(&bed).await;
    assert_eq!(read.change, sessions(7));
    assert!(matches!(replace(&bed, 9, Some(read.version)).await, ChangeDocument::Changed(_)));
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
async fn a_document_that_does_not_decode_hides_no_other_and_can_be_replaced() {
    let bed = Bed::start().await;
    let item = [("PK", "LIMITS"), ("SK", "SETTINGS"), ("version", "one"), ("settings", "none")];
    let item = item.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())));
    let put = bed.client.put_item().table_name("main").set_item(Some(item.into()));
    put.send().await.unwrap();
    let documents = bed.store.documents().await.unwrap();
    assert!(matches!(documents.settings, Err(StoreError::Corrupt { .. })));
    assert_eq!(documents.limits.unwrap(), LimitChanges::default());
    assert!(matches!(replace(&bed, 7, None).await, ChangeDocument::Changed(_)));
    assert_eq!(stored(&bed).await.change, sessions(7));
}
