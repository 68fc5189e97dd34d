use std::time::Duration;

use minigate_domain::{Origin, Rotated, Rotation, SessionId, Tier};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, LIFETIME, opened, refreshed, user_id};

async fn refresh(bed: &Bed, id: SessionId, generation: u32) -> Rotated {
    let key = Some("same".parse().unwrap());
    let rotation = Rotation::new(generation, Origin::default(), key, bed.now(), LIFETIME);
    refreshed(bed.accounts.rotate_session(user_id(1), id, &rotation, bed.now()).await.unwrap())
}

#[tokio::test]
async fn a_tier_reaches_the_next_refresh_and_the_next_session() {
    let bed = Bed::start().await;
    let opened = bed.open(1).await;
    assert_eq!(opened.tier, Tier::Free);
    bed.set_tier(1, Tier::Pro).await;
    assert_eq!(refresh(&bed, opened.id, 0).await.tier, Tier::Pro);
    assert_eq!(refresh(&bed, opened.id, 0).await.tier, Tier::Pro, "a lost answer");
    assert_eq!(bed.open(1).await.tier, Tier::Pro);
    assert_eq!(bed.open(2).await.tier, Tier::Free);
    bed.set_tier(1, Tier::Free).await;
    assert_eq!(refresh(&bed, opened.id, 1).await.tier, Tier::Free);
}

#[tokio::test]
async fn a_tier_may_come_before_the_first_session() {
    let bed = Bed::start().await;
    bed.set_tier(1, Tier::Internal).await;
    let opened = bed.open(1).await;
    assert_eq!(opened.tier, Tier::Internal);
    assert_eq!(bed.accounts.sessions(user_id(1)).await.unwrap().by_id.len(), 1);
    assert_eq!(refresh(&bed, opened.id, 0).await.tier, Tier::Internal);
}

#[tokio::test]
async fn a_tier_outlives_the_sessions_item() {
    let bed = Bed::start().await;
    bed.open(1).await;
    bed.set_tier(1, Tier::Pro).await;
    // What DynamoDB does some time after the last session has expired.
    bed.forget_sessions(1).await;
    let opened = bed.open(1).await;
    assert_eq!(opened.tier, Tier::Pro);
    assert_eq!(refresh(&bed, opened.id, 0).await.tier, Tier::Pro);
}

/// The account was read before the change, and the session written after it.
#[tokio::test]
async fn a_session_opened_during_the_change_does_not_keep_the_former_tier() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let slow =
        bed.faults.inject_times(1, "UpdateItem", Fault::DelayRequest(Duration::from_millis(300)));
    let request = bed.request(1);
    let opening = bed.try_open(&request);
    let change = async {
        while slow.hits() == 0 {
            tokio::task::yield_now().await;
        }
        bed.set_tier(1, Tier::Pro).await;
    };
    let (outcome, ()) = tokio::join!(opening, change);
    let opened = opened(outcome.unwrap());
    assert_eq!(refresh(&bed, opened.id, 0).await.tier, Tier::Pro);
}
