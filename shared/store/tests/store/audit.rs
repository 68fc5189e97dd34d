use std::time::Duration;

use minigate_domain::Tier;
use minigate_testkit::faults::Fault;

use crate::bed::Bed;

#[tokio::test]
async fn the_newest_entries_come_first_and_are_bounded() {
    let bed = Bed::start().await;
    for number in 0..5 {
        bed.clock.advance(Duration::from_millis(1));
        bed.store.record(&bed.entry(&number.to_string())).await.unwrap();
    }
    let newest = bed.store.newest_audit_entries(3).await.unwrap();
    let actions: Vec<&str> = newest.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["4", "3", "2"]);
}

#[tokio::test]
async fn two_entries_of_one_millisecond_are_two() {
    let bed = Bed::start().await;
    for _ in 0..2 {
        bed.store.record(&bed.entry("same")).await.unwrap();
    }
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_is_recorded_once() {
    let bed = Bed::start().await;
    let lost = bed.faults.inject_times(1, "PutItem", Fault::SwallowAnswer);
    let entry = bed.entry("once").change(None, Some("{}".to_owned()));
    bed.store.record(&entry).await.unwrap();
    assert_eq!(lost.hits(), 1);
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap(), [entry]);
}

#[tokio::test]
async fn a_tier_is_recorded_with_who_gave_it() {
    let bed = Bed::start().await;
    bed.set_tier(1, Tier::Pro).await;
    let trail = bed.store.newest_audit_entries(9).await.unwrap();
    assert_eq!((trail.len(), trail[0].by.get()), (1, 99));
}
