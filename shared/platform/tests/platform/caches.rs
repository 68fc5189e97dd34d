//! The counters of a platform's caches.

use std::time::Duration;

use axum::{body::Body, http::Request, routing::get};
use minigate_domain::{BotId, Origin, Profile, Session, UserId};
use minigate_platform::{Clock, Router, caches::OF_PLATFORM, layers};
use minigate_service::accounts::{NewSession, OpenOutcome};
use minigate_store::CountedCache;
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
    let new = NewSession {
        session: Session::open(BotId::new(7).unwrap(), Origin::default(), None, now, MINUTE),
        first_profile: Profile::first(user(), "Ada", None, None, now),
        limit: 5,
        one_time_use: None,
    };
    let opening = bed.platform.accounts.prepare_opening(user()).await.unwrap();
    assert!(matches!(opening.open(new, now).await, Ok(OpenOutcome::Opened(_))));
    bed.faults.reset_counts();
    bed
}

async fn read(bed: &Bed) {
    bed.platform.accounts.get(user(), false).await.unwrap().unwrap();
}

/// A request that makes nothing but what follows each.
async fn request(bed: &Bed) {
    let router = Router::new().route("/ok", get(async || "ok"));
    let request = Request::get("/ok").body(Body::empty()).unwrap();
    layers::around(router, &bed.platform).oneshot(request).await.unwrap();
    bed.settle().await;
}

async fn counted(bed: &Bed) -> CountedCache {
    bed.platform.store.cache_counts(OF_PLATFORM).await.unwrap()["account"]
}

#[tokio::test]
async fn what_is_new_is_counted_once_a_minute_and_at_the_end() {
    let bed = bed().await;
    let writes = || bed.faults.count(Target::from("UpdateItem").within("COUNTS#account"));
    let numbers = |counted: CountedCache| (counted.counts.hits, counted.counts.misses);
    for _ in 0..3 {
        read(&bed).await;
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
    read(&bed).await;
    bed.platform.stop(MINUTE).await;
    let told = counted(&bed).await;
    assert_eq!((numbers(told), told.since.unwrap()), ((3, 1), first));
}

#[tokio::test]
async fn counts_that_cannot_be_written_are_lost_and_nothing_else() {
    let bed = bed().await;
    read(&bed).await;
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
