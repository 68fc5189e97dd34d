//! The cache of a platform: how long accounts are believed, and what is told of it.

use std::time::Duration;

use axum::{body::Body, http::Request, routing::get};
use minigate_domain::{BotId, Origin, Profile, Session, SessionId, UserId};
use minigate_embedded_aws::protocol::Service;
use minigate_platform::{
    Clock, Code, Router, auth::tell_of_ended_sessions, caches::NAMESPACES, layers,
};
use minigate_store::{CountedCache, OpenSession};
use minigate_testkit::faults::{Fault, Target};
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
    let unavailable = Code::StoreUnavailable.as_str();
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
        tell_of_ended_sessions(&bed.platform, user(), last_used);
        assert!(bed.platform.background.settle(MINUTE).await);
        assert_eq!(bed.faults.count("UpdateItem"), told, "{passed:?} later");
    }
}
