use std::{collections::BTreeSet, sync::Arc, time::Duration};

use minigate_domain::{IdempotencyKey, Origin, RefreshRefusal, Rotation, SessionId, Tier};
use minigate_store::{AlreadyUsed, OneTimeUse, Revocation, Rotated, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::{Bed, LIFETIME, LIMIT, user_id};

async fn ids(bed: &Bed, user: u64) -> BTreeSet<SessionId> {
    bed.store.sessions(user_id(user)).await.unwrap().by_id.into_keys().collect()
}

#[tokio::test]
async fn the_first_session_creates_the_user_in_two_calls() {
    let bed = Bed::start().await;
    let opened = bed.open(1).await;
    assert_eq!(opened.profile.version, 1);
    assert_eq!(bed.faults.calls().values().sum::<usize>(), 2, "{:?}", bed.faults.calls());

    let account = bed.store.account(user_id(1)).await.unwrap();
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
    rotate(&bed, opened[0], &rotation(&bed, 0, None)).await.unwrap();
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
            bed.try_open(&request).await.unwrap().unwrap().profile
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
        assert_eq!(bed.store.account(user_id(1)).await.unwrap().profile, None);
    }
    assert_eq!(bed.store.account(user_id(1)).await.unwrap(), Default::default());
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
            Ok(_) => opened += 1,
            Err(AlreadyUsed) => refused += 1,
        }
    }
    assert_eq!((opened, refused), (1, 7));
    assert_eq!(ids(&bed, 1).await.len(), 1);
}

fn rotation(bed: &Bed, presented: u32, made_by: Option<IdempotencyKey>) -> Rotation {
    Rotation::new(presented, Origin::new("phone", "::1".to_owned()), made_by, bed.now(), LIFETIME)
}

async fn rotate(bed: &Bed, id: SessionId, rotation: &Rotation) -> Result<Rotated, RefreshRefusal> {
    bed.store.rotate_session(user_id(1), id, rotation, bed.now()).await.unwrap()
}

#[tokio::test]
async fn a_refresh_is_one_write() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    bed.clock.advance(Duration::from_secs(60));
    bed.faults.reset_counts();
    let rotated = rotate(&bed, id, &rotation(&bed, 0, bed.random_key())).await.unwrap();
    assert_eq!(bed.faults.calls().values().sum::<usize>(), 1);
    assert_eq!(rotated.generation, 1);

    let session = bed.store.sessions(user_id(1)).await.unwrap().by_id[&id].clone();
    assert_eq!(Rotated::of(&session, Tier::Free), rotated);
    assert_eq!(session.origin, Origin::new("phone", "::1".to_owned()));
}

#[tokio::test]
async fn a_replayed_generation_ends_its_session_and_no_other() {
    let bed = Bed::start().await;
    let (stolen, other) = (bed.open(1).await.id, bed.open(1).await.id);
    rotate(&bed, stolen, &rotation(&bed, 0, bed.random_key())).await.unwrap();
    assert_eq!(
        rotate(&bed, stolen, &rotation(&bed, 0, bed.random_key())).await,
        Err(RefreshRefusal::Reused)
    );
    assert_eq!(
        rotate(&bed, stolen, &rotation(&bed, 1, bed.random_key())).await,
        Err(RefreshRefusal::Ended),
        "the newest token went down with its family"
    );
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([other]));
}

#[tokio::test]
async fn a_replayed_token_is_not_refused_before_its_session_has_ended() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    rotate(&bed, id, &rotation(&bed, 0, bed.random_key())).await.unwrap();
    // The first UpdateItem is refused with the truth; the second, which ends the session, fails.
    let down = bed.faults.inject("UpdateItem", Fault::ServerError);
    let replay = rotation(&bed, 0, bed.random_key());
    let answer = bed.store.rotate_session(user_id(1), id, &replay, bed.now()).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
    drop(down);
    assert_eq!(rotate(&bed, id, &replay).await, Err(RefreshRefusal::Reused));
    assert!(ids(&bed, 1).await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_is_not_a_replay() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    let rotation = rotation(&bed, 0, bed.random_key());
    let swallowed = bed.faults.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
    let by_the_sdk = rotate(&bed, id, &rotation).await.unwrap();
    assert_eq!(swallowed.hits(), 1);
    bed.clock.advance(Duration::from_secs(5));
    let by_the_client = rotate(&bed, id, &rotation).await.unwrap();
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
        won += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!(won, 1);
    assert!(ids(&bed, 1).await.is_empty(), "the token was in two hands, so its session ended");
}

#[tokio::test]
async fn an_expired_session_is_not_refreshed() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    bed.clock.advance(LIFETIME);
    assert_eq!(rotate(&bed, id, &rotation(&bed, 0, None)).await, Err(RefreshRefusal::Expired));
}

#[tokio::test]
async fn sessions_end_one_by_one_and_all_at_once() {
    let bed = Bed::start().await;
    let (first, second, third) = (bed.open(1).await.id, bed.open(1).await.id, bed.open(1).await.id);
    let revoke = |id, caller| bed.store.revoke_session(user_id(1), id, caller);
    assert_eq!(revoke(first, Some(second)).await.unwrap(), Revocation::Revoked);
    assert_eq!(revoke(first, Some(second)).await.unwrap(), Revocation::NotFound);
    assert_eq!(revoke(second, Some(first)).await.unwrap(), Revocation::CallerEnded);
    assert_eq!(ids(&bed, 1).await, BTreeSet::from([second, third]));

    let revoke_all = |caller| bed.store.revoke_all_sessions(user_id(1), caller);
    assert_eq!(revoke_all(Some(first)).await.unwrap(), Revocation::CallerEnded);
    assert_eq!(revoke_all(Some(second)).await.unwrap(), Revocation::Revoked);
    assert!(ids(&bed, 1).await.is_empty());
    assert_eq!(revoke_all(None).await.unwrap(), Revocation::Revoked);
    bed.open(1).await;
    assert_eq!(ids(&bed, 1).await.len(), 1, "a user comes back after ending everything");
}

#[tokio::test]
async fn a_user_without_sessions_has_nothing_to_end() {
    let bed = Bed::start().await;
    let id = bed.request(1).id;
    assert_eq!(bed.store.revoke_session(user_id(1), id, None).await.unwrap(), Revocation::NotFound);
    assert_eq!(bed.store.revoke_all_sessions(user_id(1), None).await.unwrap(), Revocation::Revoked);
    assert_eq!(rotate(&bed, id, &rotation(&bed, 0, None)).await, Err(RefreshRefusal::Ended));
}

#[tokio::test]
async fn revoking_is_not_repeated_by_itself() {
    let bed = Bed::start().await;
    let id = bed.open(1).await.id;
    let swallowed = bed.faults.inject("UpdateItem", Fault::SwallowAnswer);
    let answer = bed.store.revoke_session(user_id(1), id, None).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
    assert_eq!(swallowed.hits(), 1);
    drop(swallowed);
    assert!(ids(&bed, 1).await.is_empty());
}
