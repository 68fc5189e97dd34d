use std::{collections::BTreeSet, sync::Arc, time::Duration};

use minigate_domain::{
    IdempotencyKey, Origin, ProfileChange, RefreshOutcome, Rotated, Rotation, Session, SessionId,
    Tier,
};
use minigate_store::{OneTimeUse, OpenOutcome, OpenSession, RevokeOutcome, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, LIFETIME, LIMIT, opened, refreshed, user_id};

async fn ids(bed: &Bed, user: u64) -> BTreeSet<SessionId> {
    bed.accounts.sessions(user_id(user)).await.unwrap().by_id.into_keys().collect()
}

#[tokio::test]
async fn the_first_session_creates_the_user_in_two_calls() {
    let bed = Bed::start().await;
    let opened = bed.open(1).await;
    assert_eq!(opened.profile.version, 1);
    assert_eq!(bed.faults.calls().values().sum::<usize>(), 2, "{:?}", bed.faults.calls());

    let account = bed.accounts.account(user_id(1)).await.unwrap();
    assert_eq!(account.profile, Some(opened.profile));
    assert_eq!(account.sessions.by_id.get(&opened.id), Some(&opened.session));
}

#[tokio::test]
async fn later_sessions_take_two_calls_and_no_transaction() {
    let bed = Bed::start().await;
    bed.open(1).await;
    bed.faults.reset_counts();
    bed.open(1).await;
    assert_eq!(bed.faults.count("Query"), 1);
    assert_eq!(bed.faults.count("UpdateItem"), 1);
    assert_eq!(bed.faults.calls().values().sum::<usize>(), 2);
}

#[tokio::test]
async fn the_sixth_session_ends_the_oldest() {
    let bed = Bed::start().await;
    let mut opened = Vec::new();
    for _ in 0..LIMIT {
        let session = bed.open(1).await;
        assert_eq!(session.ended_last_used, None);
        opened.push(session.id);
    }
    bed.clock.advance(Duration::from_secs(60));
    refreshed(rotate(&bed, opened[0], &rotation(&bed, 0, None)).await);
    let refreshed_at = bed.now().to_whole_second();

    let sixth = bed.open(1).await;
    assert_eq!(sixth.ended_last_used, Some(refreshed_at));
    opened.push(sixth.id);
    assert_eq!(ids(&bed, 1).await, opened[1..].iter().copied().collect());
}

#[tokio::test]
async fn concurrent_first_sessions_create_one_user_and_keep_the_limit() {
    let bed = Arc::new(Bed::start().await);
    let opening = (0..12).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move {
            let request = bed.request(1);
            opened(bed.try_open(&request).await.unwrap()).profile
        })
    });
    let mut profiles = Vec::new();
    for task in opening.collect::<Vec<_>>() {
        profiles.push(task.await.unwrap());
    }
    assert!(profiles.iter().all(|profile| profile.version == 1));
    assert_eq!(ids(&bed, 1).await.len(), LIMIT);
}

#[tokio::test]
async fn a_lost_answer_does_not_open_a_second_session() {
    for (sessions_before, operation) in [(0, "TransactWriteItems"), (1, "UpdateItem")] {
        let bed = Bed::start().await;
        for _ in 0..sessions_before {
            bed.open(1).await;
        }
        let swallowed = bed.faults.inject_times(1, operation, Fault::SwallowAnswer);
        let opened = bed.open(1).await;
        assert_eq!(swallowed.hits(), 1);
        let open = ids(&bed, 1).await;
        assert_eq!(open.len(), sessions_before + 1);
        assert!(open.contains(&opened.id));
    }
}

#[tokio::test]
async fn a_failed_opening_leaves_nothing() {
    let bed = Bed::start().await;
    for fault in [Fault::Refuse, Fault::Throttle, Fault::ServerError] {
        let _fault = bed.faults.inject("TransactWriteItems", fault);
        let failed = bed.try_open(&bed.request(1)).await;
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{fault:?}: {failed:?}");
        assert_eq!(bed.accounts.account(user_id(1)).await.unwrap().profile, None);
    }
    assert_eq!(bed.accounts.account(user_id(1)).await.unwrap(), Default::default());
}

#[tokio::test]
async fn init_data_is_used_once_whoever_comes_first() {
    let bed = Arc::new(Bed::start().await);
    let opening = (0..8).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move {
            let until = bed.now().after(LIFETIME);
            let mut request = bed.request(1);
            request.one_time_use = Some(OneTimeUse { hash: "ab".repeat(32), until });
            bed.try_open(&request).await.unwrap()
        })
    });
    let (mut opened, mut refused) = (0, 0);
    for task in opening.collect::<Vec<_>>() {
        match task.await.unwrap() {
            OpenOutcome::Opened(_) => opened += 1,
            OpenOutcome::AlreadyUsed | OpenOutcome::BeingErased => refused += 1,
        }
    }
    assert_eq!((opened, refused), (1, 7));
    assert_eq!(ids(&bed, 1).await.len(), 1);
}

fn once(bed: &Bed, request: OpenSession, hash: &str, key: &str) -> OpenSession {
    let one_time_use = OneTimeUse { hash: hash.to_owned(), until: bed.now().after(LIFETIME) };
    let session = Session { made_by: Some(key.parse().unwrap()), ..request.session };
    OpenSession { session, one_time_use: Some(one_time_use), ..request }
}

/// All of them find that nobody has been there, and one of them is the first.
#[tokio::test]
async fn concurrent_repetitions_use_init_data_up_together() {
    let bed = Arc::new(Bed::start().await);
    for user in 1..=50 {
        let opening = (0..3).map(|_| {
            let bed = Arc::clone(&bed);
            tokio::spawn(async move {
                let request = once(&bed, bed.request(user), &format!("hash {user}"), "same");
                opened(bed.try_open(&request).await.unwrap()).id
            })
        });
        let mut answers = BTreeSet::new();
        for task in opening.collect::<Vec<_>>() {
            answers.insert(task.await.unwrap());
        }
        assert_eq!(answers, ids(&bed, user).await);
        assert_eq!(answers.len(), 1);
    }
}

#[tokio::test]
async fn a_repetition_uses_up_the_init_data_that_it_brings() {
    let bed = Bed::start().await;
    let open = async |hash: &str, key: &str| {
        let request = once(&bed, bed.request(1), hash, key);
        match bed.try_open(&request).await.unwrap() {
            OpenOutcome::Opened(session) => Some(session.id),
            OpenOutcome::AlreadyUsed | OpenOutcome::BeingErased => None,
        }
    };
    let first = open("a", "k").await.unwrap();
    let other = open("b", "l").await.unwrap();
    let conflict = bed.faults.inject_times(2, "PutItem", Fault::Conflict);
    assert_eq!(open("a", "k").await, Some(first), "the same request");
    assert_eq!(conflict.hits(), 2);
    assert_eq!(open("c", "k").await, Some(first), "fresh init data with a known key");
    assert_eq!(open("c", "k").await, Some(first), "and that again");
    for (hash, key) in [("c", "m"), ("c", "l"), ("b", "k"), ("a", "l")] {
        assert_eq!(open(hash, key).await, None, "{hash} {key}");
    }
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([first, other]));
}

#[tokio::test]
async fn an_expired_session_answers_no_repetition() {
    let bed = Bed::start().await;
    let named = || {
        let request = bed.request(1);
        let session = Session { made_by: Some("k".parse().unwrap()), ..request.session };
        OpenSession { session, ..request }
    };
    let first = opened(bed.try_open(&named()).await.unwrap());
    bed.clock.advance(LIFETIME - Duration::from_secs(1));
    let repeated = opened(bed.try_open(&named()).await.unwrap());
    assert_eq!((repeated.id, repeated.session), (first.id, first.session));
    bed.clock.advance(Duration::from_secs(1));
    let second = opened(bed.try_open(&named()).await.unwrap());
    assert_ne!(second.id, first.id);
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([second.id]));
}

/// A deployment may shorten the life of refresh tokens; those that are out keep theirs.
#[tokio::test]
async fn the_item_outlives_each_of_its_sessions() {
    let bed = Bed::start().await;
    let request = bed.request(1);
    let expires_at = request.session.expires_at.after(LIFETIME * 9);
    let session = Session { expires_at, ..request.session };
    let old = opened(bed.try_open(&OpenSession { session, ..request }).await.unwrap());
    let end = expires_at.unix_seconds();
    let new = bed.open(1).await.id;
    assert!(bed.time_to_live(1).await > end);
    for (generation, updates) in [(0, 2), (1, 2)] {
        bed.faults.reset_counts();
        refreshed(rotate(&bed, new, &rotation(&bed, generation, None)).await);
        assert_eq!(bed.faults.count("UpdateItem"), updates);
        assert!(bed.time_to_live(1).await > end);
    }
    // Once the old one is gone, the item follows the others again.
    bed.accounts.revoke_session(user_id(1), old.id, None).await.unwrap();
    let newest = bed.open(1).await;
    let end = newest.session.expires_at.unix_seconds();
    let time_to_live = bed.time_to_live(1).await;
    assert!((end..end + 3_601).contains(&time_to_live), "{time_to_live} after {end}");
    bed.faults.reset_counts();
    refreshed(rotate(&bed, new, &rotation(&bed, 2, None)).await);
    assert_eq!(bed.faults.count("UpdateItem"), 1);
}

/// A transaction on the item is under way: the call is refused, and is good a moment later.
#[tokio::test]
async fn a_conflict_passes() {
    let bed = Bed::start().await;
    let [first, second] = [bed.open(1).await.id, bed.open(1).await.id];
    let change = ProfileChange { language: Some("fr".parse().unwrap()), ..Default::default() };
    let lasting = bed.faults.inject("UpdateItem", Fault::Conflict);
    let next = rotation(&bed, 0, None);
    let rotated = bed.accounts.rotate_session(user_id(1), first, &next, bed.now()).await;
    assert!(matches!(rotated, Err(StoreError::Unavailable { .. })), "{rotated:?}");
    let revoked = bed.accounts.revoke_session(user_id(1), second, None).await;
    assert!(matches!(revoked, Err(StoreError::Unavailable { .. })), "{revoked:?}");
    let all = bed.accounts.revoke_all_sessions(user_id(1), None).await;
    assert!(matches!(all, Err(StoreError::Unavailable { .. })), "{all:?}");
    let changed = bed.accounts.change_profile(user_id(1), &change, None, bed.now()).await;
    assert!(matches!(changed, Err(StoreError::Unavailable { .. })), "{changed:?}");
    let opening = bed.try_open(&bed.request(1)).await;
    assert!(matches!(opening, Err(StoreError::Contended { .. })), "{opening:?}");
    drop(lasting);

    let passing = |operation| bed.faults.inject_times(2, operation, Fault::Conflict);
    let _conflict = passing("UpdateItem");
    refreshed(rotate(&bed, first, &rotation(&bed, 0, None)).await);
    let _conflict = passing("UpdateItem");
    bed.accounts.change_profile(user_id(1), &change, None, bed.now()).await.unwrap();
    let _conflict = passing("UpdateItem");
    bed.open(1).await;
    let _conflict = passing("TransactWriteItems");
    bed.open(2).await;
    let _conflict = passing("TransactWriteItems");
    bed.set_tier(1, Tier::Pro).await;
    let _conflict = passing("UpdateItem");
    let revoked = bed.accounts.revoke_session(user_id(1), second, None).await;
    assert_eq!(revoked.unwrap(), RevokeOutcome::Revoked);
    let _conflict = passing("UpdateItem");
    bed.accounts.revoke_all_sessions(user_id(1), Some(first)).await.unwrap();
    assert!(ids(&bed, 1).await.is_empty());
}

fn rotation(bed: &Bed, presented: u32, made_by: Option<IdempotencyKey>) -> Rotation {
    Rotation::new(presented, Origin::new("phone", "::1".to_owned()), made_by, bed.now(), LIFETIME)
}

async fn rotate(bed: &Bed, id: SessionId, rotation: &Rotation) -> RefreshOutcome {
    bed.accounts.rotate_session(user_id(1), id, rotation, bed.now()).await.unwrap()
}

#[tokio::test]
async fn a_refresh_is_one_write() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    bed.clock.advance(Duration::from_secs(60));
    bed.faults.reset_counts();
    let rotated = refreshed(rotate(&bed, id, &rotation(&bed, 0, bed.random_key())).await);
    assert_eq!(bed.faults.calls().values().sum::<usize>(), 1);
    assert_eq!(rotated.generation, 1);

    let session = bed.accounts.sessions(user_id(1)).await.unwrap().by_id[&id].clone();
    assert_eq!(Rotated::of(&session, Tier::Free), rotated);
    assert_eq!(session.origin, Origin::new("phone", "::1".to_owned()));
}

#[tokio::test]
async fn a_replayed_generation_is_told_apart_from_a_session_that_has_ended() {
    let bed = Bed::start().await;
    let (stolen, other) = (bed.open(1).await.id, bed.open(1).await.id);
    refreshed(rotate(&bed, stolen, &rotation(&bed, 0, bed.random_key())).await);
    for _ in 0..2 {
        let replayed = rotate(&bed, stolen, &rotation(&bed, 0, bed.random_key())).await;
        assert_eq!(replayed, RefreshOutcome::Reused);
    }
    bed.accounts.revoke_session(user_id(1), stolen, None).await.unwrap();
    for generation in [0, 1] {
        let ended = rotate(&bed, stolen, &rotation(&bed, generation, bed.random_key())).await;
        assert_eq!(ended, RefreshOutcome::Ended);
    }
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([other]));
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_is_not_a_replay() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    let rotation = rotation(&bed, 0, bed.random_key());
    let swallowed = bed.faults.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
    let by_the_sdk = refreshed(rotate(&bed, id, &rotation).await);
    assert_eq!(swallowed.hits(), 1);
    bed.clock.advance(Duration::from_secs(5));
    let by_the_client = refreshed(rotate(&bed, id, &rotation).await);
    assert_eq!(by_the_sdk, by_the_client, "a repetition gets the same generation and times");
}

#[tokio::test]
async fn of_two_devices_with_one_token_one_is_refused() {
    let bed = Arc::new(Bed::start().await);
    let id = bed.open(1).await.id;
    let racing = (0..6).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move {
            let rotation = rotation(&bed, 0, bed.random_key());
            rotate(&bed, id, &rotation).await
        })
    });
    let mut won = 0;
    for task in racing.collect::<Vec<_>>() {
        match task.await.unwrap() {
            RefreshOutcome::Refreshed(_) => won += 1,
            outcome => assert_eq!(outcome, RefreshOutcome::Reused),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn an_expired_session_is_not_refreshed() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    bed.clock.advance(LIFETIME);
    assert_eq!(rotate(&bed, id, &rotation(&bed, 0, None)).await, RefreshOutcome::Expired);
}

#[tokio::test]
async fn sessions_end_one_by_one_and_all_at_once() {
    let bed = Bed::start().await;
    let (first, second, third) = (bed.open(1).await.id, bed.open(1).await.id, bed.open(1).await.id);
    let revoke = |id, caller| bed.accounts.revoke_session(user_id(1), id, caller);
    assert_eq!(revoke(first, Some(second)).await.unwrap(), RevokeOutcome::Revoked);
    assert_eq!(revoke(first, Some(second)).await.unwrap(), RevokeOutcome::NotFound);
    assert_eq!(revoke(second, Some(first)).await.unwrap(), RevokeOutcome::CallerEnded);
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([second, third]));

    let revoke_all = |caller| bed.accounts.revoke_all_sessions(user_id(1), caller);
    assert_eq!(revoke_all(Some(first)).await.unwrap(), RevokeOutcome::CallerEnded);
    assert_eq!(revoke_all(Some(second)).await.unwrap(), RevokeOutcome::Revoked);
    assert!(ids(&bed, 1).await.is_empty());
    assert_eq!(revoke_all(None).await.unwrap(), RevokeOutcome::Revoked);
    bed.open(1).await;
    assert_eq!(ids(&bed, 1).await.len(), 1, "a user comes back after ending everything");
}

#[tokio::test]
async fn a_user_without_sessions_has_nothing_to_end() {
    let bed = Bed::start().await;
    let id = bed.request(1).id;
    assert_eq!(
        bed.accounts.revoke_session(user_id(1), id, None).await.unwrap(),
        RevokeOutcome::NotFound
    );
    assert_eq!(
        bed.accounts.revoke_all_sessions(user_id(1), None).await.unwrap(),
        RevokeOutcome::Revoked
    );
    assert_eq!(rotate(&bed, id, &rotation(&bed, 0, None)).await, RefreshOutcome::Ended);
}

#[tokio::test]
async fn revoking_is_not_repeated_by_itself() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    let swallowed = bed.faults.inject("UpdateItem", Fault::SwallowAnswer);
    let answer = bed.accounts.revoke_session(user_id(1), id, None).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
    assert_eq!(swallowed.hits(), 1);
    drop(swallowed);
    assert!(ids(&bed, 1).await.is_empty());
}
