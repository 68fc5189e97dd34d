//! Retries: their waits, and that no outcome claims more than is known.

use std::{sync::Arc, time::Duration};

use minigate_outbound::{Builder, Client, Effect, Outcome, Policy, Request};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::{
    bed::{PROVIDER, keyed, once},
    scripted::{Fate, Script, Shared, virtual_time},
};

fn client(
    policy: Policy,
    seed: u64,
    fates: Vec<(Duration, Fate)>,
) -> (Client<Shared>, Arc<Script>) {
    let script = Arc::new(Script::new(fates));
    let builder = Builder::new(PROVIDER, virtual_time()).policy(policy).seed(seed);
    (builder.build_on(Shared(Arc::clone(&script))), script)
}

fn at_once(fates: &[Fate]) -> Vec<(Duration, Fate)> {
    fates.iter().map(|fate| (Duration::ZERO, *fate)).collect()
}

const fn answer(status: u16) -> Fate {
    Fate::Answer { status, did: status < 300, retry_after: None }
}

#[tokio::test(start_paused = true)]
async fn waits_are_random_within_bounds_that_double() {
    let mut longest = [Duration::ZERO; 2];
    for seed in 0..200 {
        let policy = Policy::default();
        let (client, script) = client(policy, seed, at_once(&[answer(503), answer(503)]));
        let (started, mut last) = (Instant::now(), Duration::ZERO);
        assert_eq!(client.call(&keyed()).await.effect(), Effect::Done);
        assert_eq!(Script::count(&script.attempts), 3);
        last += started.elapsed();
        assert!(last <= Duration::from_millis(601), "{last:?}");
        longest = [longest[0].max(last), if seed == 0 { last } else { longest[1].min(last) }];
    }
    assert!(longest[0] > Duration::from_millis(450), "{longest:?}");
    assert!(longest[1] < Duration::from_millis(150), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_is_asked_for_is_kept_up_to_a_maximum() {
    for (seconds, attempts) in [(0, 2), (2, 2), (3, 2), (4, 1), (86_400, 1)] {
        let busy = Fate::Answer { status: 429, did: false, retry_after: Some(seconds) };
        let (client, script) = client(Policy::default(), 1, at_once(&[busy]));
        let started = Instant::now();
        let outcome = client.call(&keyed()).await;
        assert_eq!(Script::count(&script.attempts), attempts, "{seconds}");
        if attempts == 2 {
            let waited = started.elapsed();
            let asked = Duration::from_secs(seconds);
            assert!(waited >= asked && waited < asked + Duration::from_millis(210), "{waited:?}");
        } else {
            assert_eq!(started.elapsed(), Duration::ZERO);
            assert_eq!(outcome.retry_after(), Some(Duration::from_secs(seconds)));
            assert_eq!(outcome.effect(), Effect::NotDone);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_counts_what_earlier_attempts_may_have_done() {
    let lost = Fate::Lost { did: true };
    for (fates, expected) in [
        // The answer to a retried refund whose first answer was lost.
        (vec![lost, answer(400)], Effect::Unknown),
        (vec![lost, Fate::Refused, Fate::Refused], Effect::Unknown),
        (vec![lost, answer(429), answer(429)], Effect::Unknown),
        (vec![answer(500), Fate::Refused, Fate::Refused], Effect::Unknown),
        (vec![answer(500), answer(404)], Effect::Unknown),
        (vec![Fate::Refused, answer(404)], Effect::NotDone),
        (vec![answer(429), Fate::Refused, answer(429)], Effect::NotDone),
        (vec![lost, Fate::Refused, answer(200)], Effect::Done),
    ] {
        let (client, script) = client(Policy::default(), 1, at_once(&fates));
        let outcome = client.call(&keyed()).await;
        assert_eq!(outcome.effect(), expected, "{fates:?} {outcome:?}");
        assert_eq!(Script::count(&script.attempts), fates.len());
    }
}

#[tokio::test(start_paused = true)]
async fn retries_end_when_the_budget_is_used_up() {
    let policy = Policy { breaker: never_opens(), ..Policy::default() };
    let down = vec![Fate::Refused; 1_000];
    let (client, script) = client(policy, 1, at_once(&down));
    for _ in 0..20 {
        assert!(matches!(client.call(&once()).await, Outcome::NotSent(_)));
    }
    // 20 calls earn 2 retries, besides the 10 of the reserve.
    assert_eq!(Script::count(&script.attempts), 32);
}

pub(crate) fn never_opens() -> minigate_outbound::BreakerPolicy {
    minigate_outbound::BreakerPolicy { min_faults: u32::MAX, ..Default::default() }
}

fn fate() -> impl Strategy<Value = (Duration, Fate)> {
    let fates = prop_oneof![
        Just(Fate::Refused),
        any::<bool>().prop_map(|did| Fate::Lost { did }),
        (any::<bool>(), any::<bool>())
            .prop_map(|(is_sent, did)| Fate::Silence { is_sent, did: did && is_sent }),
        (500_u16..506, any::<bool>()).prop_map(|(status, did)| Fate::Answer {
            status,
            did,
            retry_after: None
        }),
        Just(Fate::Answer { status: 408, did: true, retry_after: None }),
        (prop_oneof![Just(400), Just(404), Just(429)], prop::option::of(0_u64..6))
            .prop_map(|(status, retry_after)| Fate::Answer { status, did: false, retry_after }),
        Just(answer(200)),
    ];
    ((0_u64..6_000).prop_map(Duration::from_millis), fates)
}

proptest! {
    /// Against what the provider really did, whatever it did.
    #[test]
    fn no_outcome_claims_more_than_is_known(
        fates in prop::collection::vec(fate(), 1..5),
        is_keyed in any::<bool>(),
        timeout in prop::option::of(0_u64..12_000),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let policy = Policy::default();
            let (client, script) = client(policy, seed, fates.clone());
            let mut request: Request = if is_keyed { keyed() } else { once() };
            if let Some(timeout) = timeout {
                request = request.timeout(Duration::from_millis(timeout));
            }
            let started = Instant::now();
            let outcome = client.call(&request).await;
            let limit = timeout.map_or(policy.call_timeout, Duration::from_millis);
            let limit = limit.min(policy.call_timeout) + Duration::from_millis(2);
            assert!(started.elapsed() <= limit, "{:?}", started.elapsed());
            let (sent, done) = (Script::count(&script.sent), Script::count(&script.done));
            assert!(Script::count(&script.attempts) <= 3);
            assert!(is_keyed || sent <= 1, "sent {sent} times");
            match outcome.effect() {
                Effect::Done => assert!(done > 0, "{outcome:?}"),
                Effect::NotDone => assert_eq!(done, 0, "{outcome:?}"),
                Effect::Unknown => assert!(sent > 0, "{outcome:?}"),
            }
        });
    }
}
