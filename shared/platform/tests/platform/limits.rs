//! The limits follow what administrators change, by the cache.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request, routing::post};
use minigate_domain::{AuditEntry, LimitChange, LimitChanges, Tier, UserId};
use minigate_embedded_aws::protocol::Service;
use minigate_platform::{
    Clock, Needs, Router,
    caches::OF_PLATFORM,
    layers,
    limits::{API, Charge, Limit, LimitSet, RateLimits},
    settings::Adopted,
};
use minigate_store::ChangeDocument;
use minigate_testkit::faults::{Fault, Target};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::bed::Bed;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Of the limit, as no deployment of this test has changed it.
const DEPLOYED: u32 = 100;
const LIMIT: Limit = API;

fn user() -> UserId {
    UserId::new(42).unwrap()
}

/// A request that is limited.
async fn request(bed: &Bed) {
    let limited =
        async |limits: RateLimits| limits.admit(&[Charge::user(&LIMIT, user(), Tier::Free)]).await;
    let router = Router::new().route("/limited", post(limited));
    let request = Request::post("/limited").body(Body::empty()).unwrap();
    let answer = layers::around(router, &bed.platform).oneshot(request).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// An administrator's change, by another instance.
async fn change(bed: &Bed, limit: u32) -> LimitChanges {
    let change = LimitChange { limit: Some(limit), ..Default::default() };
    let by_name = [(LIMIT.name.to_owned(), change)].into();
    let platform = &bed.platform;
    let entry = AuditEntry::new(&*platform.entropy, bed.clock.now(), user(), "test", String::new());
    match platform.store.replace_limits(by_name, None, &entry).await.unwrap() {
        ChangeDocument::Changed(overrides) => overrides,
        ChangeDocument::Stale => panic!("nobody else changes it"),
    }
}

async fn adopt(bed: &Bed, changed: LimitChanges) {
    let limits = Some(changed);
    bed.platform.adopt(Adopted { limits, ..Adopted::default() }).await;
}

fn documents() -> Target {
    Target::from("Query").within("LIMITS")
}

fn reads(bed: &Bed) -> usize {
    bed.faults.count(documents())
}

fn limit_of(limits: &LimitSet) -> u32 {
    limits.policy(&LIMIT, Tier::Free).unwrap().limit()
}

fn limit(bed: &Bed) -> u32 {
    limit_of(&bed.platform.limits.in_force())
}

/// The limit once everything that a request has started is done, and another one has come.
async fn settled_limit(bed: &Bed) -> u32 {
    request(bed).await;
    bed.settle().await;
    request(bed).await;
    limit(bed)
}

#[tokio::test]
async fn they_are_read_every_ten_seconds_and_nothing_else_is_asked() {
    let bed = Bed::start().await;
    let ages = [0, 5_000, 4_999, 1, 9_999, 1, 1_800_000, 3_540_000, 60_000, 36_000_000];
    for (age, expected) in ages.into_iter().zip([1, 1, 1, 2, 2, 3, 4, 5, 6, 7]) {
        bed.clock.advance(Duration::from_millis(age));
        for _ in 0..3 {
            request(&bed).await;
            bed.settle().await;
        }
        assert_eq!(reads(&bed), expected, "{age}");
    }
    let of_cache = bed.faults.calls_of(Target::Any.within("CACHE#"));
    assert!(of_cache.is_empty(), "{of_cache:?}");
}

#[tokio::test]
async fn the_start_of_a_function_that_needs_the_store_reads_them() {
    for (needs, expected) in [(Needs::ALL, 1), (Needs::BOTS.and(Needs::SIGNING_KEY), 0)] {
        let bed = Bed::of(needs).await;
        change(&bed, 7).await;
        bed.faults.reset_counts();
        bed.platform.warm().await;
        assert_eq!(bed.faults.count(Service::DynamoDb), expected);
        request(&bed).await;
        assert_eq!((reads(&bed), limit(&bed)), (1, 7));
    }
}

#[tokio::test]
async fn a_start_does_not_fail_without_them() {
    let bed = Bed::start().await;
    for fault in [Fault::Refuse, Fault::DelayRequest(MINUTE)] {
        let _down = bed.faults.inject(Service::DynamoDb, fault);
        timeout(10 * SECOND, bed.platform.warm()).await.expect("it waits for 500 ms at most");
        assert_eq!(limit(&bed), DEPLOYED);
    }
}

#[tokio::test]
async fn many_requests_at_once_read_them_once() {
    let bed = Bed::start().await;
    for expected in [1, 2] {
        futures_util::future::join_all((0..20).map(|_| request(&bed))).await;
        bed.settle().await;
        assert_eq!(reads(&bed), expected);
        bed.clock.advance(10 * SECOND);
    }
}

#[tokio::test]
async fn the_first_request_goes_by_them() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    let _slow = bed.faults.inject(documents(), Fault::DelayRequest(Duration::from_millis(100)));
    request(&bed).await;
    assert_eq!((limit(&bed), reads(&bed)), (7, 1));
}

#[tokio::test]
async fn the_first_request_does_not_wait_for_long() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    let slow = bed.faults.inject(documents(), Fault::DelayRequest(SECOND));
    let started = Instant::now();
    request(&bed).await;
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    assert_eq!(limit(&bed), DEPLOYED);
    drop(slow);
    // What it did not wait for is not lost.
    bed.settle().await;
    request(&bed).await;
    assert_eq!((limit(&bed), reads(&bed)), (7, 1));
}

#[tokio::test]
async fn later_requests_do_not_wait_at_all() {
    let bed = Bed::start().await;
    request(&bed).await;
    // Read again, past its time, and past all time.
    for (turn, age) in [10 * SECOND, 30 * MINUTE, 2 * HOUR].into_iter().enumerate() {
        let (before, changed) = (limit(&bed), [7, 8, 9][turn]);
        change(&bed, changed).await;
        bed.clock.advance(age);
        let slow = bed.faults.inject(documents(), Fault::DelayRequest(SECOND));
        for _ in 0..2 {
            let served = timeout(SECOND * 3 / 4, request(&bed)).await;
            assert!(served.is_ok(), "{age:?}");
        }
        assert_eq!((slow.hits(), limit(&bed)), (1, before), "{age:?}");
        drop(slow);
        bed.settle().await;
        request(&bed).await;
        assert_eq!((limit(&bed), reads(&bed)), (changed, 2 + turn), "{age:?}");
    }
}

#[tokio::test]
async fn what_makes_no_good_limit_is_not_taken() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
    let good = bed.platform.limits.in_force();
    change(&bed, 0).await;
    // Also after the time for which the cache has them.
    for (age, expected) in [
        (10 * SECOND, 2),
        (9 * SECOND, 2),
        (SECOND, 3),
        (10 * SECOND, 4),
        (2 * HOUR, 5),
        (9 * SECOND, 5),
        (SECOND, 6),
    ] {
        bed.clock.advance(age);
        assert_eq!(settled_limit(&bed).await, 7, "{age:?}");
        assert_eq!(reads(&bed), expected, "{age:?}");
        assert!(Arc::ptr_eq(&good, &bed.platform.limits.in_force()), "{age:?}");
    }
    bed.clock.advance(10 * SECOND);
    change(&bed, 8).await;
    assert_eq!(settled_limit(&bed).await, 8);
}

#[tokio::test]
async fn where_there_were_never_good_ones_the_deployment_s_hold() {
    let bed = Bed::start().await;
    change(&bed, 0).await;
    for (age, expected) in [(Duration::ZERO, 1), (9 * SECOND, 1), (SECOND, 2), (10 * SECOND, 3)] {
        bed.clock.advance(age);
        assert_eq!(settled_limit(&bed).await, DEPLOYED);
        assert_eq!(reads(&bed), expected, "{age:?}");
    }
    bed.clock.advance(10 * SECOND);
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
}

#[tokio::test]
async fn those_that_cannot_be_read_stay() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
    let good = bed.platform.limits.in_force();
    let outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    for age in [10 * SECOND, HOUR, HOUR] {
        bed.clock.advance(age);
        assert_eq!(settled_limit(&bed).await, 7, "{age:?}");
    }
    drop(outage);
    bed.clock.advance(10 * SECOND);
    assert_eq!(settled_limit(&bed).await, 7);
    assert!(Arc::ptr_eq(&good, &bed.platform.limits.in_force()));
}

#[tokio::test]
async fn they_are_the_same_ones_while_nothing_has_changed() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
    let before = bed.platform.limits.in_force();
    bed.clock.advance(10 * SECOND);
    // Another version, and the same limits.
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
    assert!(Arc::ptr_eq(&before, &bed.platform.limits.in_force()));
}

/// The read began before the change and its answer comes after it.
#[tokio::test]
async fn a_change_holds_at_once_also_over_a_read_that_is_under_way() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    assert_eq!(settled_limit(&bed).await, 7);
    bed.clock.advance(10 * SECOND);
    let slow = bed.faults.inject(documents(), Fault::DelayAnswer(SECOND));
    request(&bed).await;
    while slow.hits() == 0 {
        tokio::task::yield_now().await;
    }
    bed.clock.advance(SECOND);
    let changed = change(&bed, 9).await;
    adopt(&bed, changed).await;
    let adopted = bed.platform.limits.in_force();
    assert_eq!(limit_of(&adopted), 9);
    assert_eq!(settled_limit(&bed).await, 9);
    assert!(Arc::ptr_eq(&adopted, &bed.platform.limits.in_force()));
    assert_eq!(slow.hits(), 1, "what was just written need not be read");
}

#[tokio::test]
async fn a_change_is_adopted_without_a_call() {
    let bed = Bed::start().await;
    request(&bed).await;
    let changed = change(&bed, 9).await;
    bed.faults.reset_counts();
    adopt(&bed, changed).await;
    assert_eq!((limit(&bed), bed.faults.count(Service::DynamoDb)), (9, 0));
}

#[tokio::test]
async fn who_clears_the_namespace_reads_them_again() {
    let bed = Bed::start().await;
    assert_eq!(settled_limit(&bed).await, DEPLOYED);
    change(&bed, 7).await;
    bed.clock.advance(2 * SECOND);
    assert_eq!(settled_limit(&bed).await, DEPLOYED, "they are remembered");
    bed.platform.caches.clear("policies").await.unwrap();
    // By another instance's clock, this may be the moment before.
    bed.clock.advance(2 * SECOND);
    assert_eq!(settled_limit(&bed).await, 7);
}

#[tokio::test]
async fn a_start_can_read_them_in_advance() {
    let bed = Bed::start().await;
    change(&bed, 7).await;
    bed.platform.prepare().await;
    assert_eq!(reads(&bed), 1);
    request(&bed).await;
    assert_eq!((limit(&bed), reads(&bed)), (7, 1));

    let platform = Bed::without_server().await;
    timeout(2 * SECOND, platform.prepare()).await.unwrap();
    assert_eq!(limit_of(&platform.limits.in_force()), DEPLOYED);
}

#[tokio::test]
async fn what_the_cache_did_for_them_is_told() {
    let bed = Bed::start().await;
    for _ in 0..3 {
        request(&bed).await;
        bed.settle().await;
        request(&bed).await;
        bed.clock.advance(10 * SECOND);
    }
    change(&bed, 0).await;
    request(&bed).await;
    bed.settle().await;
    bed.platform.stop(MINUTE).await;
    let told = bed.platform.store.cache_counts(OF_PLATFORM).await.unwrap()["policies"].counts;
    // In the place of what is not valid, the last good ones are loaded.
    assert_eq!((told.loads, told.misses, told.load_errors), (4, 2, 0), "{told:?}");
    assert_eq!((told.calls, told.level_errors), (0, 0), "{told:?}");
    assert!(told.hits >= 1 && told.stale_served >= 1, "{told:?}");
}
