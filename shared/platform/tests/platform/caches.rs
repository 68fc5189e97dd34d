//! The cache of a platform: how long accounts are believed, and what is told of it.

use std::{future::pending, time::Duration};

use axum::{body::Body, http::Request, routing::get};
use minigate_domain::{BotId, Origin, Profile, ProfileChange, Session, SessionId, UserId};
use minigate_embedded_aws::protocol::Service;
use minigate_platform::{
    Clock, Code, Platform, Router,
    auth::notify_of_ended_sessions,
    caches::{HOLD, NAMESPACES},
    layers,
};
use minigate_store::{ChangeProfile, CountedCache, OpenSession, StoreError};
use minigate_testkit::faults::{Fault, Target};
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::bed::Bed;

const MINUTE: Duration = Duration::from_secs(60);

fn user() -> UserId {
    UserId::new(42).unwrap()
}

/// A bed with a user who has a session.
async fn bed() -> Bed {
    let bed = Bed::start().await;
    let now = bed.clock.now();
    let opening = OpenSession {
        id: SessionId::random(&*bed.platform.entropy),
        session: Session::open(BotId::new(7).unwrap(), Origin::default(), None, now, MINUTE),
        first_profile: Profile::first(user(), "Ada", None, None, now),
        limit: 5,
        one_time_use: None,
    };
    bed.platform.store.open_session(&opening, Default::default(), now).await.unwrap().unwrap();
    bed.faults.reset_counts();
    bed
}

/// The code of the problem, or `ok`.
async fn read(bed: &Bed, is_tolerant: bool) -> &'static str {
    let account = bed.platform.caches.accounts.get(user(), is_tolerant).await;
    account
        .map_or_else(|problem| problem.code().as_str(), |account| account.map_or("none", |_| "ok"))
}

fn queries(bed: &Bed) -> usize {
    bed.faults.count("Query")
}

#[tokio::test]
async fn an_account_is_loaded_every_half_hour() {
    let bed = bed().await;
    for (minutes, loads) in [(0, 1), (1, 1), (27, 1), (3, 2), (28, 2), (2, 3)] {
        bed.clock.advance(MINUTE * minutes);
        assert_eq!((read(&bed, false).await, queries(&bed)), ("ok", loads), "{minutes}");
        bed.settle().await;
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_checked_is_believed_for_an_hour_by_who_is_tolerant() {
    let bed = bed().await;
    let unavailable = Code::STORE_UNAVAILABLE.as_str();
    assert_eq!(read(&bed, false).await, "ok");
    let _outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    for (minutes, tolerant) in [(0, "ok"), (20, "ok"), (39, "ok"), (2, unavailable)] {
        bed.clock.advance(MINUTE * minutes);
        assert_eq!(read(&bed, true).await, tolerant, "{minutes}");
        assert_eq!(read(&bed, false).await, unavailable, "{minutes}");
    }
}

#[tokio::test]
async fn who_has_no_account_is_asked_for_each_time() {
    let bed = Bed::start().await;
    assert_eq!([read(&bed, true).await, read(&bed, true).await], ["none", "none"]);
    assert_eq!(queries(&bed), 2);
}

/// A request that makes nothing but what follows each.
async fn request(bed: &Bed) {
    let router = Router::new().route("/ok", get(async || "ok"));
    let request = Request::get("/ok").body(Body::empty()).unwrap();
    layers::around(router, &bed.platform).oneshot(request).await.unwrap();
    bed.settle().await;
}

async fn counted(bed: &Bed) -> CountedCache {
    bed.platform.store.cache_counts(&NAMESPACES).await.unwrap()["account"]
}

#[tokio::test]
async fn what_is_new_is_counted_once_a_minute_and_at_the_end() {
    let bed = bed().await;
    let writes = || bed.faults.count(Target::from("UpdateItem").within("COUNTS#account"));
    let numbers = |counted: CountedCache| (counted.counts.hits, counted.counts.misses);
    for _ in 0..3 {
        read(&bed, false).await;
        bed.clock.advance(Duration::from_secs(5));
        request(&bed).await;
    }
    assert_eq!((writes(), counted(&bed).await), (0, CountedCache::default()));
    bed.clock.advance(MINUTE);
    let first = bed.clock.now();
    request(&bed).await;
    let told = counted(&bed).await;
    assert_eq!((numbers(told), told.since.unwrap()), ((2, 1), first));
    bed.clock.advance(MINUTE);
    request(&bed).await;
    assert_eq!(writes(), 1, "nothing is new");
    read(&bed, false).await;
    bed.platform.stop(MINUTE).await;
    let told = counted(&bed).await;
    assert_eq!((numbers(told), told.since.unwrap()), ((3, 1), first));
}

#[tokio::test]
async fn counts_that_cannot_be_written_are_lost_and_nothing_else() {
    let bed = bed().await;
    read(&bed, false).await;
    bed.clock.advance(MINUTE);
    let lost =
        bed.faults.inject(Target::from("UpdateItem").within("COUNTS#account"), Fault::ServerError);
    request(&bed).await;
    assert_eq!(lost.hits(), 1, "a second attempt could count twice");
    drop(lost);
    bed.clock.advance(MINUTE);
    request(&bed).await;
    assert_eq!(counted(&bed).await, CountedCache::default());
}

/// A session that gives way is told of while it may have an access token, and is otherwise none of
/// anybody's business.
#[tokio::test]
async fn ended_sessions_are_told_of_while_they_may_have_access() {
    let bed = bed().await;
    let lifetime = bed.platform.settings().access_token_lifetime;
    let last_used = bed.clock.now();
    for (passed, told) in
        [(lifetime, 1), (Duration::from_secs(2), 2), (Duration::from_millis(1), 2)]
    {
        bed.clock.advance(passed);
        notify_of_ended_sessions(&bed.platform, user(), last_used);
        assert!(bed.platform.background.settle(MINUTE).await);
        assert_eq!(bed.faults.count("UpdateItem"), told, "{passed:?} later");
    }
}

fn to_french() -> ProfileChange {
    ProfileChange { language: Some("fr".parse().unwrap()), ..ProfileChange::default() }
}

async fn language(platform: &Platform) -> String {
    let account = platform.caches.accounts.get(user(), false).await.unwrap().unwrap();
    account.profile.language.as_str().to_owned()
}

/// An instance, and another one that knows the user.
async fn two_instances() -> (Bed, Platform) {
    let bed = bed().await;
    let other = bed.instance().await;
    assert_eq!(language(&other).await, "en");
    bed.clock.advance(MINUTE);
    bed.faults.reset_counts();
    assert_eq!(language(&other).await, "en");
    assert_eq!(queries(&bed), 0, "it is remembered");
    (bed, other)
}

async fn remembers_french(bed: &Bed, other: &Platform) {
    assert_eq!(language(other).await, "fr");
    bed.clock.advance(HOLD + Duration::from_secs(2));
    assert_eq!(language(other).await, "fr");
    bed.faults.reset_counts();
    assert_eq!((language(other).await.as_str(), queries(bed)), ("fr", 0));
}

#[tokio::test]
async fn an_instance_that_dies_after_its_write_leaves_nobody_behind() {
    let (bed, other) = two_instances().await;
    let (store, now) = (bed.platform.store.clone(), bed.clock.now());
    let (written, is_written) = oneshot::channel();
    let write = async move {
        store.change_profile(user(), &to_french(), None, now).await?;
        written.send(()).unwrap();
        pending::<Result<(), StoreError>>().await
    };
    tokio::select! {
        _ = bed.platform.caches.accounts.change(user(), write) => panic!("it has died"),
        written = is_written => written.unwrap(),
    }
    remembers_french(&bed, &other).await;
}

/// Lambda has frozen it between the invalidation and the write, for longer than that holds.
#[tokio::test]
async fn a_write_that_comes_too_late_invalidates_again() {
    let (bed, other) = two_instances().await;
    let (store, clock, elsewhere) = (bed.platform.store.clone(), bed.clock.clone(), other.clone());
    let write = async move {
        clock.advance(HOLD + Duration::from_secs(2));
        assert_eq!(language(&elsewhere).await, "en", "it keeps this");
        store.change_profile(user(), &to_french(), None, clock.now()).await
    };
    bed.platform.caches.accounts.change(user(), write).await.unwrap();
    remembers_french(&bed, &other).await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_leaves_nobody_behind() {
    let (bed, other) = two_instances().await;
    let writes = || Target::from("UpdateItem").within("USER#");
    let lost = bed.faults.inject(writes(), Fault::SwallowAnswer);
    let accounts = &bed.platform.caches.accounts;
    let changed = accounts.change_profile(user(), to_french(), None, bed.clock.now()).await;
    assert_eq!(changed.unwrap_err().code(), Code::STORE_UNAVAILABLE);
    assert!(lost.hits() > 0);
    drop(lost);
    remembers_french(&bed, &other).await;
}

#[tokio::test]
async fn nothing_is_written_that_others_cannot_be_told_of() {
    let (bed, other) = two_instances().await;
    let writes = || Target::from("UpdateItem").within("USER#");
    let stamps = Target::from("UpdateItem").within("CACHE#");
    let failing = bed.faults.inject(stamps, Fault::ServerError);
    let accounts = &bed.platform.caches.accounts;
    let change =
        async || accounts.change_profile(user(), to_french(), Some(1), bed.clock.now()).await;
    assert_eq!(change().await.unwrap_err().code(), Code::STORE_UNAVAILABLE);
    assert_eq!((failing.hits(), bed.faults.count(writes())), (3, 0));
    assert_eq!(language(&other).await, "en");
    drop(failing);
    assert!(matches!(change().await, Ok(ChangeProfile::Changed(_))));
    remembers_french(&bed, &other).await;
}
