//! An erasure that is stopped between any two of its calls, and begun anew.

use std::{future::poll_fn, pin::pin, task::Poll};

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::ERASURE_GRACE;
use minigate_store::RequestErasureOutcome;

use super::*;
use crate::accounts::{DueErasure, EraseOutcome};

/// The sort keys in the user's partition, and in that of the erasures.
async fn left(bed: &Bed) -> Vec<String> {
    let mut keys = Vec::new();
    for partition in ["USER#42", "ERASURES"] {
        let query = bed.client.query().table_name("main").key_condition_expression("PK = :pk");
        let value = AttributeValue::S(partition.to_owned());
        let query = query.expression_attribute_values(":pk", value).consistent_read(true);
        let items = query.send().await.unwrap().items.unwrap();
        keys.extend(items.iter().map(|item| item["SK"].as_s().unwrap().clone()));
    }
    keys
}

async fn put_item_of_a_noun(bed: &Bed, number: u32) {
    let text = AttributeValue::S;
    let put = bed.client.put_item().table_name("main").item("PK", text("USER#42".to_owned()));
    put.item("SK", text(format!("ATTEMPT#{number:03}"))).send().await.unwrap();
}

/// Has the user ask for their erasure and waits until it is due.
async fn due(bed: &Bed) -> DueErasure {
    let requested = bed.accounts.request_erasure(user(), bed.clock.now()).await.unwrap();
    assert!(matches!(requested, RequestErasureOutcome::Requested(_)));
    bed.clock.advance(ERASURE_GRACE);
    assert_eq!(bed.accounts.due_erasures(None).await.unwrap(), [], "within the margin");
    bed.clock.advance(ERASURE_MARGIN + MINUTE);
    bed.accounts.due_erasures(None).await.unwrap().remove(0)
}

fn calls(bed: &Bed) -> usize {
    bed.faults.calls().values().sum()
}

/// Whether the erasure came to its end before its process had made so many calls.
async fn erase_within(bed: &Bed, due: &DueErasure, most: usize) -> bool {
    bed.faults.reset_counts();
    let until = bed.clock.now().after(MINUTE);
    let mut erasing = pin!(bed.accounts.erase(due, until));
    let outcome = poll_fn(|context| {
        if calls(bed) >= most {
            return Poll::Ready(None);
        }
        erasing.as_mut().poll(context).map(Some)
    });
    match outcome.await {
        Some(outcome) => {
            assert_eq!(outcome.unwrap(), EraseOutcome::Erased);
            true
        }
        None => false,
    }
}

#[tokio::test]
async fn an_erasure_that_is_stopped_anywhere_is_finished_by_the_next_run() {
    let bed = Bed::start().await;
    let mut most = 1;
    loop {
        open(&bed.accounts, bed.clock.now()).await;
        for number in 0..3 {
            put_item_of_a_noun(&bed, number).await;
        }
        let due = due(&bed).await;
        let was_enough = erase_within(&bed, &due, most).await;
        bed.settle().await;
        if !was_enough && bed.accounts.due_erasures(None).await.unwrap() == [due.clone()] {
            let until = bed.clock.now().after(MINUTE);
            let outcome = bed.accounts.erase(&due, until).await.unwrap();
            assert_eq!(outcome, EraseOutcome::Erased, "after {most} calls");
        }
        assert_eq!(left(&bed).await, Vec::<String>::new(), "after {most} calls");
        assert_eq!(read(&bed, true).await, "none", "after {most} calls");
        if was_enough {
            break;
        }
        most += 1;
    }
    assert!(most > 10, "{most} calls are too few for an erasure");
}

#[tokio::test]
async fn an_erasure_without_time_goes_on_with_the_next_run() {
    let bed = bed().await;
    for number in 0..30 {
        put_item_of_a_noun(&bed, number).await;
    }
    let due = due(&bed).await;
    let now = bed.clock.now();
    let first = bed.accounts.erase(&due, now).await.unwrap();
    assert_eq!(first, EraseOutcome::Unfinished);
    assert!(left(&bed).await.len() > 2);
    assert_eq!(bed.accounts.erase(&due, now.after(MINUTE)).await.unwrap(), EraseOutcome::Erased);
    assert_eq!(left(&bed).await, Vec::<String>::new());
    assert!(matches!(try_open(&bed.accounts, now).await, Ok(OpenOutcome::Opened(_))));
}

#[tokio::test]
async fn sessions_end_on_every_instance_at_once_and_what_was_taken_back_stays() {
    let bed = bed().await;
    let other = bed.instance();
    assert!(!other.get(user(), false).await.unwrap().unwrap().sessions.is_empty());
    let due = due(&bed).await;
    let account = other.get(user(), false).await.unwrap().unwrap();
    assert!(account.sessions.is_empty() && account.erasure.is_some());
    // The job found it before the user took it back.
    let requested_at = account.erasure.as_ref().unwrap().requested_at;
    bed.accounts.take_back_erasure(user(), requested_at).await.unwrap();
    let until = bed.clock.now().after(MINUTE);
    assert_eq!(bed.accounts.erase(&due, until).await.unwrap(), EraseOutcome::TakenBack);
    assert_eq!(left(&bed).await, ["ACCOUNT#PROFILE", "ACCOUNT#SESSIONS"]);
}
