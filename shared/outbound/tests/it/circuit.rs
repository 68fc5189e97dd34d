//! The circuit, over a real connection.

use std::time::Duration;

use minigate_outbound::{Cause, CircuitState, Ended, Outcome};
use minigate_testkit::provider::{Play, Response};

use crate::bed::{Bed, PROVIDER, once};

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_found_again() {
    let bed = Bed::start().await;
    bed.provider.script(vec![Response::new(503).into(); 4]);
    bed.provider.script([Play::ResetRead]);
    for _ in 0..5 {
        assert!(!matches!(bed.client.call(&once()).await, Outcome::NotSent(_)));
    }
    let CircuitState::Open { until_millis } = bed.client.circuit() else { panic!("not open") };
    let wait = Duration::from_millis(until_millis - bed.timer.unix_millis());

    let Outcome::NotSent(refused) = bed.client.call(&once()).await else { panic!("sent") };
    assert_eq!((refused.cause, refused.attempts), (Cause::CircuitOpen, 0));
    assert_eq!(refused.retry_after, Some(wait));
    assert_eq!(bed.provider.requests().len(), 5);

    bed.timer.advance(wait);
    assert!(matches!(bed.client.call(&once()).await, Outcome::Answered(_)));
    assert_eq!(bed.client.circuit(), CircuitState::Closed);
    assert_eq!(bed.told.changes(), [CircuitState::Open { until_millis }, CircuitState::Closed]);
    let ended: Vec<_> = bed.told.calls().iter().map(|call| call.ended).collect();
    assert_eq!(ended[..4], [Ended::Answered(503); 4]);
    assert_eq!(
        ended[4..],
        [Ended::Unknown(Cause::Closed), Ended::NotSent(Cause::CircuitOpen), Ended::Answered(200)]
    );
    let call = bed.told.calls()[0];
    assert_eq!((call.provider, call.operation, call.attempts), (PROVIDER, "send", 1));
    assert!(call.ended.is_failure());
}

/// What the provider refuses is our fault, and what it limits is not its failure.
#[tokio::test]
async fn refusals_open_no_circuit() {
    let bed = Bed::start().await;
    for status in [400, 401, 404, 409, 429] {
        bed.provider.script(vec![Response::new(status).into(); 10]);
        for _ in 0..10 {
            assert!(matches!(bed.client.call(&once()).await, Outcome::Answered(_)));
        }
    }
    assert_eq!(bed.told.changes(), []);
}

/// A probe that its caller drops is not waited for.
#[tokio::test]
async fn a_probe_that_is_dropped_does_not_keep_the_circuit_open() {
    let bed = Bed::start().await;
    bed.provider.script(vec![Response::new(500).into(); 5]);
    for _ in 0..5 {
        assert!(matches!(bed.client.call(&once()).await, Outcome::Answered(_)));
    }
    bed.timer.advance(Duration::from_secs(5));
    bed.provider.script([Play::Silence]);
    let request = once();
    tokio::select! {
        outcome = bed.client.call(&request) => panic!("{outcome:?}"),
        _ = bed.provider.request(6) => {}
    }
    assert!(matches!(bed.client.call(&once()).await, Outcome::Answered(_)));
    assert_eq!(bed.client.circuit(), CircuitState::Closed);
}
