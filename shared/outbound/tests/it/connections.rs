//! Connections: kept, closed by the other side, frozen, and dropped.

use std::time::Duration;

use minigate_outbound::{Effect, Outcome, Policy};
use minigate_testkit::provider::{Play, Response};

use crate::bed::{Bed, once, policy};

#[tokio::test]
async fn a_connection_is_used_again() {
    let bed = Bed::start().await;
    for _ in 0..5 {
        assert_eq!(bed.client.call(&once()).await.effect(), Effect::Done);
    }
    assert_eq!(bed.provider.connections(), 1);

    bed.provider.script([Response::new(200).header("connection", "close").into()]);
    for _ in 0..2 {
        assert_eq!(bed.client.call(&once()).await.effect(), Effect::Done);
    }
    assert_eq!(bed.provider.connections(), 2);
}

/// Not even a request that must not be repeated fails: nothing was sent on the dead connection.
#[tokio::test]
async fn a_connection_that_died_while_idle_fails_no_request() {
    let bed = Bed::start().await;
    for round in 1..=5 {
        let outcome = bed.client.call(&once()).await;
        assert_eq!(outcome.answer().unwrap().attempts(), 1);
        assert_eq!(bed.provider.connections(), round);
        bed.provider.close_connections().await;
    }
    assert_eq!(bed.provider.requests().len(), 5);
}

/// The process was frozen: its monotonic clock and its runtime have not seen the time pass.
#[tokio::test]
async fn a_connection_that_idled_for_too_long_is_not_used_though_it_seems_open() {
    let bed = Bed::start().await;
    let max_idle = Policy::default().max_idle;
    for (pause, connections) in [
        (Duration::ZERO, 1),
        (max_idle, 1),
        (max_idle + Duration::from_millis(1), 2),
        (Duration::from_secs(3_600), 3),
    ] {
        bed.timer.advance(pause);
        assert_eq!(bed.client.call(&once()).await.effect(), Effect::Done);
        assert_eq!(bed.provider.connections(), connections, "{pause:?}");
    }
}

/// Once a byte has left, it is not a dead idle connection any more, but an answer that was lost.
#[tokio::test]
async fn a_connection_that_dies_under_a_request_is_no_idle_one() {
    let bed = Bed::start().await;
    assert_eq!(bed.client.call(&once()).await.effect(), Effect::Done);
    bed.provider.script([Play::ResetUnread]);
    assert!(matches!(bed.client.call(&once()).await, Outcome::Unknown(_)));
    assert_eq!(bed.provider.connections(), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let bed = Bed::start().await;
    bed.provider.script([Play::Silence]);
    let request = once();
    tokio::select! {
        outcome = bed.client.call(&request) => panic!("{outcome:?}"),
        _ = bed.provider.request(1) => {}
    }
    // It waits until there is none open.
    bed.provider.close_connections().await;
    assert_eq!(bed.client.call(&once()).await.effect(), Effect::Done);
}

#[tokio::test]
async fn calls_at_once_have_connections_of_their_own_and_few_are_kept() {
    let bed = Bed::with(Policy { idle_connections: 2, ..policy() }).await;
    let late = Response::new(200).after(Duration::from_secs(1));
    bed.provider.script(vec![late.into(); 4]);
    let request = once();
    let call = || bed.client.call(&request);
    let (a, b, c, d, ()) = tokio::join!(call(), call(), call(), call(), async {
        bed.provider.request(4).await;
        // The attempts' timeouts and the provider's delays.
        bed.timer.until_waiting(8).await;
        bed.timer.advance(Duration::from_secs(1));
    });
    assert!([a, b, c, d].iter().all(|outcome| outcome.effect() == Effect::Done));
    assert_eq!(bed.provider.connections(), 4);
    bed.provider.script(vec![Response::new(200).after(Duration::from_secs(1)).into(); 4]);
    let (.., ()) = tokio::join!(call(), call(), call(), call(), async {
        bed.provider.request(8).await;
        bed.timer.until_waiting(8).await;
        bed.timer.advance(Duration::from_secs(1));
    });
    assert_eq!(bed.provider.connections(), 6);
}
