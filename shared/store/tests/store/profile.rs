use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{Notifications, ProfileChange};
use minigate_store::{ChangeOutcome, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, user_id};

fn language(tag: &str) -> ProfileChange {
    ProfileChange { language: Some(tag.parse().unwrap()), ..ProfileChange::default() }
}

#[tokio::test]
async fn changes_touch_the_named_fields_and_count_up() {
    let bed = Bed::start().await;
    let before = bed.open(1).await.profile;
    bed.clock.advance(Duration::from_secs(1));
    let change = ProfileChange {
        notifications: Some(Notifications::None),
        display_name: Some("Countess".parse().unwrap()),
        language: None,
        leaderboard_name: None,
    };
    let changed = bed.accounts.change_profile(user_id(1), &change, None, bed.now()).await.unwrap();
    let ChangeOutcome::Changed(after) = changed else { panic!("{changed:?}") };
    assert_eq!(after.display_name.as_str(), "Countess");
    assert_eq!(after.notifications, Notifications::None);
    assert_eq!(after.language, before.language);
    assert_eq!((after.created_at, after.updated_at), (before.created_at, bed.now()));
    assert_eq!(after.version, 2);
    assert_eq!(bed.accounts.account(user_id(1)).await.unwrap().profile, Some(after));
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_stale() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let change = |tag| {
        let (change, now) = (language(tag), bed.now());
        let accounts = bed.accounts.clone();
        async move { accounts.change_profile(user_id(1), &change, Some(1), now).await.unwrap() }
    };
    assert!(matches!(change("fr").await, ChangeOutcome::Changed(_)));
    let ChangeOutcome::Stale(current) = change("de").await else { panic!("not stale") };
    assert_eq!(current.language.as_str(), "fr");
    assert!(
        matches!(change("fr").await, ChangeOutcome::Changed(profile) if profile.version == 2),
        "a repetition finds its own change"
    );
}

#[tokio::test]
async fn a_lost_answer_is_not_a_stale_version() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let swallowed = bed.faults.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
    let changed =
        bed.accounts.change_profile(user_id(1), &language("fr"), Some(1), bed.now()).await;
    assert!(matches!(changed, Ok(ChangeOutcome::Changed(profile)) if profile.version == 2));
    assert_eq!(swallowed.hits(), 1);
}

#[tokio::test]
async fn nobody_is_created_by_a_change() {
    let bed = Bed::start().await;
    for version in [None, Some(1)] {
        let change = language("fr");
        let changed = bed.accounts.change_profile(user_id(9), &change, version, bed.now()).await;
        assert_eq!(changed.unwrap(), ChangeOutcome::NoProfile);
    }
    assert_eq!(bed.accounts.account(user_id(9)).await.unwrap().profile, None);
}

#[tokio::test]
async fn an_item_of_another_shape_is_corrupt_not_absent() {
    let bed = Bed::start().await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    bed.client
        .put_item()
        .table_name("main")
        .item("PK", text("USER#1"))
        .item("SK", text("ACCOUNT#PROFILE"))
        .item("version", text("one"))
        .send()
        .await
        .unwrap();
    let read = bed.accounts.account(user_id(1)).await;
    assert!(matches!(read, Err(StoreError::Corrupt { entity: "profile", .. })), "{read:?}");
}

#[tokio::test]
async fn a_missing_table_is_our_fault_and_not_a_passing_one() {
    let bed = Bed::start().await;
    bed.store.providers().await.unwrap();
    bed.client.delete_table().table_name("main").send().await.unwrap();
    let probed = bed.store.providers().await;
    assert!(matches!(probed, Err(StoreError::Refused { .. })), "{probed:?}");
}
