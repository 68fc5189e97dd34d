use std::{sync::Arc, time::Duration};

use minigate_platform::{Code, Needs, Problem, secrets::SecretError};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, NEW_TOKEN, OLD_TOKEN, bot, signing_key};

/// Both versions of a secret are fetched together.
const FETCH: usize = 2;
const SIX_MINUTES: Duration = Duration::from_secs(6 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn many_who_ask_at_once_cause_one_fetch() {
    let bed = Arc::new(Bed::start().await);
    let asking = (0..20).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move { bed.verify(OLD_TOKEN).await })
    });
    for task in asking.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(bed.fetches(), FETCH);
}

#[tokio::test]
async fn a_value_is_refreshed_beside_the_request_and_not_before_it() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.clock.advance(SIX_MINUTES);
    let slow = bed.faults.inject("GetSecretValue", Fault::DelayRequest(Duration::from_millis(300)));
    let verified = tokio::time::timeout(Duration::from_millis(200), bed.verify(OLD_TOKEN)).await;
    assert_eq!(verified, Ok("ok"), "the request waited for the refresh");
    bed.settle().await;
    assert_eq!(slow.hits(), FETCH, "no refresh was started");
}

#[tokio::test]
async fn a_value_that_has_aged_out_is_fetched_first() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", &bot("7:another")).await;
    bed.rotate("bot", &bot(NEW_TOKEN)).await;
    bed.clock.advance(HOUR);
    assert_eq!(bed.verify(NEW_TOKEN).await, "ok");
    assert_eq!(bed.fetches(), 2 * FETCH);
}

#[tokio::test]
async fn the_last_good_value_is_served_while_secrets_manager_is_down() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    for fault in [Fault::ServerError, Fault::Throttle, Fault::Refuse] {
        let _down = bed.faults.inject("GetSecretValue", fault);
        for age in [SIX_MINUTES, HOUR] {
            bed.clock.advance(age);
            assert_eq!(bed.verify(OLD_TOKEN).await, "ok", "{fault:?}");
            bed.settle().await;
        }
    }
}

#[tokio::test]
async fn the_last_good_value_is_served_while_the_secret_is_broken() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", "{}").await;
    bed.clock.advance(HOUR);
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", &bot(NEW_TOKEN)).await;
    bed.clock.advance(HOUR);
    assert_eq!(bed.verify(NEW_TOKEN).await, "ok", "a broken previous version is passed over");
}

#[tokio::test]
async fn both_versions_verify_and_a_third_does_not() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", &bot(NEW_TOKEN)).await;
    assert_eq!(bed.verify(NEW_TOKEN).await, "ok", "a moment after the rotation");
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", &bot("7:third")).await;
    assert_eq!(bed.verify("7:third").await, "ok");
    assert_eq!(bed.verify(OLD_TOKEN).await, "hash_mismatch");
}

#[tokio::test]
async fn forged_requests_cannot_make_it_fetch_without_end() {
    let bed = Bed::start().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    let before = bed.fetches();
    for _ in 0..50 {
        assert_eq!(bed.verify("7:forged").await, "hash_mismatch");
    }
    assert_eq!(bed.fetches() - before, 5 * FETCH);
    bed.clock.advance(Duration::from_secs(6));
    for _ in 0..50 {
        assert_eq!(bed.verify("7:forged").await, "hash_mismatch");
    }
    assert_eq!(bed.fetches() - before, 6 * FETCH, "one more look every six seconds");
}

#[tokio::test]
async fn many_mismatches_at_once_cause_one_fetch() {
    let bed = Arc::new(Bed::start().await);
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
    bed.rotate("bot", &bot(NEW_TOKEN)).await;
    let before = bed.fetches();
    let asking = (0..20).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move { bed.verify(NEW_TOKEN).await })
    });
    for task in asking.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), "ok");
    }
    assert_eq!(bed.fetches() - before, FETCH);
}

#[tokio::test]
async fn without_a_value_it_fails_fast_and_comes_back_by_itself() {
    let bed = Bed::without_secrets().await;
    assert_eq!(bed.verify(OLD_TOKEN).await, "secrets_unavailable");
    bed.create("bot", &bot(OLD_TOKEN)).await;
    let before = bed.fetches();
    assert_eq!(bed.verify(OLD_TOKEN).await, "secrets_unavailable", "it is not asked at once");
    assert_eq!(bed.fetches(), before);
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(bed.verify(OLD_TOKEN).await, "ok");
}

#[tokio::test]
async fn a_broken_secret_is_named_and_not_shown() {
    let bed = Bed::without_secrets().await;
    for broken in [
        "not json",
        "{}",
        r#"{"key_id":"a","seed":"TOP-SECRET"}"#,
        r#"{"key_id":"a b","seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    ] {
        if bed.platform.signing.check().await.unwrap().fetched_in.is_err() {
            bed.clock.advance(Duration::from_secs(2));
        }
        let _ = bed.secrets.create_secret().name("signing").secret_string("{}").send().await;
        bed.rotate("signing", broken).await;
        let error = bed.platform.signing.keys().await.unwrap_err();
        assert!(matches!(&error, SecretError::Malformed { id, .. } if id == "signing"), "{error}");
        assert!(!error.to_string().contains("TOP-SECRET"), "{error}");
        bed.clock.advance(Duration::from_secs(2));
    }
}

#[tokio::test]
async fn only_what_a_function_needs_is_fetched() {
    let verifies = Bed::of(Needs::BOTS).await;
    verifies.platform.warm().await;
    assert_eq!((verifies.fetches(), verifies.verify(OLD_TOKEN).await), (FETCH, "ok"));
    let undeclared = verifies.platform.signing.keys().await.unwrap_err();
    assert!(undeclared.to_string().contains("Needs::SIGNING_KEY"), "{undeclared}");
    assert_eq!(Problem::from(undeclared).code(), Code::INTERNAL_ERROR, "it is our mistake");
    assert!(verifies.platform.signing.check().await.is_none());

    let publishes = Bed::of(Needs::SIGNING_KEY).await;
    publishes.platform.warm().await;
    assert_eq!(publishes.fetches(), FETCH);
    assert!(publishes.platform.signing.keys().await.is_ok());
    assert_eq!(publishes.verify(OLD_TOKEN).await, "internal_error");
    assert_eq!((publishes.fetches(), publishes.platform.bots.check().await.len()), (FETCH, 0));
}

#[tokio::test]
async fn a_token_signed_with_a_newer_key_causes_a_look() {
    let bed = Bed::start().await;
    let keys = bed.platform.signing.keys().await.unwrap();
    bed.rotate("signing", &signing_key("second", 2)).await;
    let newer = bed.platform.signing.newer_than(&keys).await.unwrap();
    assert!(bed.platform.signing.newer_than(&keys).await.is_some(), "it is in the cache by now");
    let _ = newer;
    assert_eq!(bed.fetches(), 2 * FETCH);
}
