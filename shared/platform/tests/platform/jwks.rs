//! The keys that are published: how old they may be, and what they need.

use std::time::Duration;

use axum::{body::Body, extract::State, http::Request, routing::get};
use minigate_embedded_aws::protocol::Service;
use minigate_platform::{Needs, Platform, Router, layers};
use minigate_testkit::faults::Fault;
use serde_json::Value;
use tower::ServiceExt;

use crate::bed::{Bed, signing_key};

/// Both versions of a secret are fetched together.
const FETCH: usize = 2;
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const AT_MOST: Duration = Duration::from_secs(15);

/// The names of the published keys, or the code of the problem.
async fn published(bed: &Bed) -> String {
    match bed.platform.caches.jwks.get().await {
        Ok(document) => {
            let set: Value = serde_json::from_str(document.text()).unwrap();
            let keys = set["keys"].as_array().unwrap().iter();
            keys.map(|key| key["kid"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        }
        Err(problem) => problem.code().as_str().to_owned(),
    }
}

#[tokio::test]
async fn a_new_key_is_published_within_fifteen_seconds() {
    let bed = Bed::start().await;
    assert_eq!(published(&bed).await, "first");
    bed.rotate("signing", &signing_key("second", 2)).await;
    bed.clock.advance(AT_MOST - MILLISECOND);
    assert_eq!((published(&bed).await, bed.fetches()), ("first".to_owned(), FETCH));
    bed.clock.advance(MILLISECOND);
    // Whoever asks now waits for it.
    let _slow = bed.faults.inject("GetSecretValue", Fault::DelayRequest(SECOND / 2));
    assert_eq!((published(&bed).await, bed.fetches()), ("second first".to_owned(), 2 * FETCH));
}

#[tokio::test]
async fn the_time_counts_for_which_they_were_there_unpublished() {
    let bed = Bed::start().await;
    bed.platform.warm().await;
    let fetched_at_the_start = bed.fetches();
    bed.clock.advance(AT_MOST - 5 * SECOND);
    assert_eq!(published(&bed).await, "first");
    assert_eq!(bed.fetches(), fetched_at_the_start);
    bed.rotate("signing", &signing_key("second", 2)).await;
    bed.clock.advance(5 * SECOND - MILLISECOND);
    assert_eq!(published(&bed).await, "first");
    bed.clock.advance(MILLISECOND);
    assert_eq!(published(&bed).await, "second first");
}

#[tokio::test]
async fn the_last_good_ones_are_published_while_they_cannot_be_fetched() {
    let bed = Bed::start().await;
    assert_eq!(published(&bed).await, "first");
    for fault in [Fault::Throttle, Fault::Refuse] {
        let _down = bed.faults.inject("GetSecretValue", fault);
        for age in [AT_MOST, SECOND, HOUR, 24 * HOUR] {
            bed.clock.advance(age);
            assert_eq!(published(&bed).await, "first", "{age:?}");
            let fetches = bed.fetches();
            assert_eq!(published(&bed).await, "first", "{age:?}");
            assert_eq!(bed.fetches(), fetches, "it is not asked at once again");
        }
    }
    bed.rotate("signing", &signing_key("second", 2)).await;
    bed.clock.advance(SECOND);
    assert_eq!(published(&bed).await, "second first", "as soon as it can be");
}

#[tokio::test]
async fn where_there_were_never_any_there_are_none_and_then_some() {
    let bed = Bed::without_secrets().await;
    assert_eq!(published(&bed).await, "secrets_unavailable");
    bed.create("signing", &signing_key("first", 1)).await;
    bed.clock.advance(SECOND);
    assert_eq!(published(&bed).await, "first");
    let undeclared = Bed::of(Needs::BOTS).await;
    assert_eq!(published(&undeclared).await, "internal_error", "it is our mistake");
}

/// So the function needs no permission for it, and answers while it is down.
#[tokio::test]
async fn nobody_asks_dynamodb_about_them() {
    let bed = Bed::of(Needs::SIGNING_KEY).await;
    let keys = async |State(platform): State<Platform>| {
        platform.caches.jwks.get().await.map(|keys| keys.text().to_owned())
    };
    let router = || Router::new().route("/keys", get::<_, _, Platform>(keys));
    bed.platform.warm().await;
    for age in [Duration::ZERO, AT_MOST, HOUR, HOUR] {
        bed.clock.advance(age);
        let request = Request::get("/keys").body(Body::empty()).unwrap();
        let answer = layers::around(router(), &bed.platform).oneshot(request).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        bed.settle().await;
    }
    bed.platform.stop(SECOND).await;
    assert_eq!(bed.faults.count(Service::DynamoDb), 0, "{:?}", bed.faults.calls());
}
