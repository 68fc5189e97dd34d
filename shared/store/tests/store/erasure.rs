use std::time::Duration;

use minigate_domain::{ERASURE_GRACE, Grant, Role, RoleChange, RoleRefusal};
use minigate_store::{
    DueErasure, OpenOutcome, RequestErasureOutcome, RoleOutcome, TakeBackOutcome,
    personal::{Erased, NOUNS},
};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, user_id};

async fn request(bed: &Bed, user: u64) -> RequestErasureOutcome {
    bed.accounts.request_erasure(user_id(user), bed.now()).await.unwrap()
}

async fn due(bed: &Bed) -> Vec<DueErasure> {
    bed.accounts.due_erasures(bed.now(), None, 25).await.unwrap()
}

fn grant(bed: &Bed, role: Role) -> RoleChange {
    let by = user_id(9);
    RoleChange::Grant(role, Grant { granted_by: by, granted_at: bed.now(), expires_at: None })
}

async fn change_role(bed: &Bed, change: &RoleChange) -> RoleOutcome {
    let entry = bed.entry("role.changed");
    bed.accounts.change_role(user_id(1), change, true, &entry, bed.now()).await.unwrap()
}

#[tokio::test]
async fn a_request_ends_the_sessions_and_is_found_when_its_grace_is_over() {
    let bed = Bed::start().await;
    assert_eq!(request(&bed, 1).await, RequestErasureOutcome::NoProfile);
    bed.open(1).await;
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    let outcome = request(&bed, 1).await;
    let RequestErasureOutcome::Requested(erasure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(lost.hits(), 1);
    assert!(bed.accounts.sessions(user_id(1)).await.unwrap().by_id.is_empty());
    bed.clock.advance(Duration::from_millis(1));
    assert_eq!(request(&bed, 1).await, RequestErasureOutcome::AlreadyRequested(erasure.clone()));
    let opened = bed.open(1).await;
    assert_eq!(opened.erases_at, Some(erasure.due_at), "an opening says when the erasure is due");
    assert_eq!(due(&bed).await, []);
    bed.clock.advance(ERASURE_GRACE);
    let expected = DueErasure { user_id: user_id(1), due_at: erasure.due_at };
    assert_eq!(due(&bed).await, std::slice::from_ref(&expected));
    assert_eq!(bed.accounts.due_erasures(bed.now(), Some(&expected), 25).await.unwrap(), []);
    let refused = bed.try_open(&bed.request(1)).await.unwrap();
    assert_eq!(refused, OpenOutcome::BeingErased);
}

#[tokio::test]
async fn an_erasure_is_taken_back_until_its_grace_is_over() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let take_back = async || bed.accounts.take_back_erasure(user_id(1), bed.now()).await.unwrap();
    assert_eq!(take_back().await, TakeBackOutcome::NotRequested);
    request(&bed, 1).await;
    assert_eq!(take_back().await, TakeBackOutcome::TakenBack);
    assert_eq!(take_back().await, TakeBackOutcome::NotRequested);
    bed.clock.advance(ERASURE_GRACE + Duration::from_secs(1));
    assert_eq!(due(&bed).await, []);
    request(&bed, 1).await;
    bed.clock.advance(ERASURE_GRACE);
    assert_eq!(take_back().await, TakeBackOutcome::TooLate);
}

#[tokio::test]
async fn what_a_slow_clock_would_take_back_is_not_taken_back_once_it_has_begun() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let asked_at = bed.now();
    request(&bed, 1).await;
    bed.clock.advance(ERASURE_GRACE + Duration::from_secs(1));
    let due = due(&bed).await.remove(0);
    assert!(bed.accounts.begin_erasure(&due).await.unwrap());
    let taken_back = bed.accounts.take_back_erasure(user_id(1), asked_at).await.unwrap();
    assert_eq!(taken_back, TakeBackOutcome::TooLate);
    bed.accounts.finish_erasure(&due).await.unwrap();
    assert!(!bed.accounts.begin_erasure(&due).await.unwrap());
}

#[tokio::test]
async fn whoever_administers_is_not_erased_and_whoever_is_erased_does_not_administer() {
    let bed = Bed::start().await;
    bed.open(1).await;
    change_role(&bed, &grant(&bed, Role::Admin)).await;
    assert_eq!(request(&bed, 1).await, RequestErasureOutcome::IsAdministrator);
    change_role(&bed, &RoleChange::Withdraw(Role::Admin)).await;
    assert!(matches!(request(&bed, 1).await, RequestErasureOutcome::Requested(_)));
    let refused = RoleOutcome::Refused(RoleRefusal::BeingErased);
    assert_eq!(change_role(&bed, &grant(&bed, Role::Author)).await, refused);
}

#[tokio::test]
async fn a_grant_and_a_request_at_the_same_moment_do_not_both_succeed() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let admin = grant(&bed, Role::Admin);
    let (granted, requested) = tokio::join!(change_role(&bed, &admin), request(&bed, 1));
    let is_granted = matches!(granted, RoleOutcome::Changed(_));
    let is_requested = matches!(requested, RequestErasureOutcome::Requested(_));
    assert!(is_granted != is_requested, "{granted:?} {requested:?}");
}

#[tokio::test]
async fn each_noun_erases_what_it_has_page_by_page() {
    let bed = Bed::start().await;
    bed.open(1).await;
    bed.open(2).await;
    change_role(&bed, &grant(&bed, Role::Admin)).await;
    for number in 0..60 {
        let put = bed.client.put_item().table_name("main");
        let text = aws_sdk_dynamodb::types::AttributeValue::S;
        let put = put.item("PK", text("USER#1".to_owned()));
        put.item("SK", text(format!("ATTEMPT#{number:03}"))).send().await.unwrap();
    }
    let exported = bed.store.export_items(user_id(1), "ATTEMPT#", 30).await.unwrap();
    assert_eq!(exported.as_array().unwrap().len(), 30);
    let mut pages = 1;
    while bed.store.erase_items(user_id(1), "ATTEMPT#").await.unwrap() == Erased::Some {
        pages += 1;
    }
    assert_eq!(pages, 3);
    for noun in NOUNS {
        assert_eq!(noun.erase(&bed.store, user_id(1)).await.unwrap(), Erased::All);
        assert_eq!(noun.erase(&bed.store, user_id(1)).await.unwrap(), Erased::All);
    }
    let account = bed.accounts.account(user_id(1)).await.unwrap();
    assert_eq!(account, Default::default());
    assert_eq!(bed.store.documents().await.unwrap().admins.unwrap().admins, []);
    let other = bed.accounts.account(user_id(2)).await.unwrap();
    assert!(other.profile.is_some() && other.sessions.by_id.len() == 1);
}
