//! Clients of providers on the platform: their row in the detailed health, and what an outbox makes of
//! their outcomes.

use std::time::Duration;

use minigate_outbound::{CircuitState, Client, Origin, Outcome, Policy, Request, Trust};
use minigate_outbox::Performed;
use minigate_platform::{Clock, outbound};
use minigate_testkit::{
    FakeTimer,
    provider::{FakeProvider, Play, Response},
};

use crate::bed::Bed;

const PROVIDER: &str = "example";

async fn provider() -> FakeProvider {
    FakeProvider::start(&FakeTimer::default(), |_| Response::new(200).into()).await.unwrap()
}

fn client(bed: &Bed, provider: &FakeProvider) -> Client {
    let origin = Origin::parse(&provider.origin()).unwrap();
    let policy = Policy { attempts: 1, ..Policy::default() };
    outbound::builder(&bed.platform, PROVIDER).policy(policy).build(origin, Trust::System)
}

/// Makes a call, and waits for what it leaves running.
async fn call(bed: &Bed, client: &Client) -> Outcome {
    let outcome = client.call(&Request::post("send", "/send")).await;
    assert!(bed.platform.background.settle(Duration::from_secs(10)).await);
    outcome
}

/// Whether the provider is down by the latest report, and how old that is.
async fn reported(bed: &Bed) -> Option<(bool, Duration)> {
    let reports = bed.platform.store.providers().await.unwrap();
    let report = reports.get(PROVIDER)?;
    Some((report.is_down, bed.clock.now().since(report.at)))
}

#[tokio::test]
async fn what_calls_show_of_a_provider_is_reported_and_seldom() {
    let (bed, provider) = (Bed::start().await, provider().await);
    let client = client(&bed, &provider);
    assert_eq!(reported(&bed).await, None);
    for (pause, expected_age) in [(0, 0), (60, 60), (239, 299), (1, 0), (299, 299)] {
        bed.clock.advance(Duration::from_secs(pause));
        assert!(matches!(call(&bed, &client).await, Outcome::Answered(_)));
        assert_eq!(reported(&bed).await, Some((false, Duration::from_secs(expected_age))));
    }
}

#[tokio::test]
async fn a_circuit_that_opens_and_closes_is_reported_at_once() {
    let (bed, provider) = (Bed::start().await, provider().await);
    let client = client(&bed, &provider);
    provider.script(vec![Response::new(503).into(); 5]);
    for _ in 0..5 {
        assert!(matches!(call(&bed, &client).await, Outcome::Answered(_)));
    }
    assert_eq!(reported(&bed).await, Some((true, Duration::ZERO)));
    bed.clock.advance(Duration::from_secs(1));
    assert!(matches!(call(&bed, &client).await, Outcome::NotSent(_)));
    assert_eq!(reported(&bed).await, Some((true, Duration::from_secs(1))));
    bed.clock.advance(Duration::from_secs(4));
    assert!(matches!(call(&bed, &client).await, Outcome::Answered(_)));
    assert_eq!(client.circuit(), CircuitState::Closed);
    assert_eq!(reported(&bed).await, Some((false, Duration::ZERO)));
}

/// A table that does not answer fails no call.
#[tokio::test]
async fn a_report_that_is_lost_is_only_logged() {
    let bed = Bed::start().await;
    let provider = provider().await;
    let client = client(&bed, &provider);
    bed.dynamodb().await.delete_table().table_name("main").send().await.unwrap();
    assert!(matches!(call(&bed, &client).await, Outcome::Answered(_)));
}

#[tokio::test]
async fn an_outbox_repeats_only_what_certainly_was_not_done() {
    let (bed, provider) = (Bed::start().await, provider().await);
    let client = client(&bed, &provider);
    let busy = Response::new(429).header("retry-after", "7");
    for (play, expected) in [
        (Play::from(Response::new(200)), Performed::Done),
        (busy.into(), Performed::Busy { after: Duration::from_secs(7) }),
        (Response::new(403).into(), Performed::Refused { reason: "the provider refuses it" }),
        (Response::new(500).into(), Performed::Unanswered { reason: "the outcome is unknown" }),
        (Play::ResetRead, Performed::Unanswered { reason: "the outcome is unknown" }),
    ] {
        provider.script([play]);
        assert_eq!(outbound::performed(&call(&bed, &client).await), expected);
    }
    let invalid = client.call(&Request::post("send", "no path")).await;
    let reason = "the path is not valid";
    assert_eq!(outbound::performed(&invalid), Performed::Refused { reason });
    drop(provider);
    for _ in 0..3 {
        let reason = "the provider is not reached";
        let expected = Performed::Retry { after: Duration::ZERO, reason };
        assert_eq!(outbound::performed(&call(&bed, &client).await), expected);
    }
    let open = outbound::performed(&call(&bed, &client).await);
    assert!(matches!(open, Performed::Busy { after } if !after.is_zero()), "{open:?}");
}
