//! Sessions: how many a user may have, who may refresh one, and what a replayed token means.
//!
//! A session is a family of refresh tokens. Each refresh makes the next *generation*, and only the newest is
//! valid. An older one that is presented again was copied, by a thief or from the rightful owner. The two
//! cannot be distinguished, so the session ends for both.
//!
//! One case looks the same and is harmless: the response to a refresh was lost, and the client retries. The
//! client's idempotency key identifies that retry, because a thief of the token does not have it. A grace
//! period would serve the thief too.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BotId, IdempotencyKey, SessionId, Tier, Timestamp};

/// The origin of a request, as the user sees it in their list of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What the client calls itself, at most [`Origin::MAX_DEVICE_CHARS`] characters.
    pub device: String,
    /// The client's network address.
    pub address: String,
}

impl Origin {
    /// The most characters that are kept of a device's name.
    pub const MAX_DEVICE_CHARS: usize = 128;

    /// Keeps the printable part of the client's name.
    pub fn new(device: &str, address: String) -> Self {
        let printable = device.chars().filter(|char| !char.is_control());
        Self { device: printable.take(Self::MAX_DEVICE_CHARS).collect(), address }
    }
}

/// One session of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Through which bot it was opened.
    pub bot_id: BotId,
    /// The generation of the valid refresh token: 0 at first, then one more with each refresh.
    pub generation: u32,
    /// When it was opened. A new session evicts the oldest one.
    pub opened_at: Timestamp,
    /// When it was refreshed last, in whole seconds: the refresh token's `iat`.
    pub refreshed_at: Timestamp,
    /// When its refresh token ends, in whole seconds: the refresh token's `exp`.
    pub expires_at: Timestamp,
    /// The origin of its last opening or refresh.
    pub origin: Origin,
    /// The idempotency key of the request that made the present generation.
    pub made_by: Option<IdempotencyKey>,
}

impl Session {
    /// A session that begins now and whose refresh token lasts for `lifetime`.
    pub fn open(
        bot_id: BotId,
        origin: Origin,
        made_by: Option<IdempotencyKey>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Self {
        let refreshed_at = now.to_whole_second();
        Self {
            bot_id,
            generation: 0,
            opened_at: now,
            refreshed_at,
            expires_at: refreshed_at.after(lifetime),
            origin,
            made_by,
        }
    }

    /// Whether it can still be refreshed.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// The changes that a refresh makes to a session. They apply only if the presented generation is current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The generation that the client presented.
    pub presented: u32,
    /// When the next generation begins, in whole seconds.
    pub refreshed_at: Timestamp,
    /// When the next generation ends, in whole seconds.
    pub expires_at: Timestamp,
    /// From where the refresh came.
    pub origin: Origin,
    /// The request's idempotency key.
    pub made_by: Option<IdempotencyKey>,
}

impl Rotation {
    /// The rotation that a client asks for by presenting `presented`.
    pub fn new(
        presented: u32,
        origin: Origin,
        made_by: Option<IdempotencyKey>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Self {
        let refreshed_at = now.to_whole_second();
        let expires_at = refreshed_at.after(lifetime);
        Self { presented, refreshed_at, expires_at, origin, made_by }
    }

    /// The generation that this rotation makes.
    pub const fn next(&self) -> u32 {
        self.presented.saturating_add(1)
    }
}

/// The generation of a session's refresh token that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its number.
    pub generation: u32,
    /// When it begins, in whole seconds.
    pub refreshed_at: Timestamp,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// What the user may use.
    pub tier: Tier,
}

impl Rotated {
    /// What the refresh token of a session says at the moment.
    pub fn of(session: &Session, tier: Tier) -> Self {
        let Session { generation, refreshed_at, expires_at, .. } = *session;
        Self { generation, refreshed_at, expires_at, tier }
    }

    /// What a rotation makes.
    pub fn by(rotation: &Rotation, tier: Tier) -> Self {
        let Rotation { refreshed_at, expires_at, .. } = *rotation;
        Self { generation: rotation.next(), refreshed_at, expires_at, tier }
    }
}

/// What became of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The next generation is good.
    Refreshed(Rotated),
    /// The session was revoked or evicted by a newer one, or its item has expired.
    Ended,
    /// The session's time is over.
    Expired,
    /// The token is of an older generation: it was used before. The session must end.
    Reused,
}

/// Tells why a [`Rotation`] was not applied, from the session as it was found. A repetition of the one
/// that made the present generation is answered by the session as it stands.
pub fn explain_failed_rotation(
    found: Option<&Session>,
    tier: Tier,
    rotation: &Rotation,
    now: Timestamp,
) -> RefreshOutcome {
    let Some(session) = found else { return RefreshOutcome::Ended };
    let repeats = session.generation == rotation.next()
        && rotation.made_by.is_some()
        && session.made_by == rotation.made_by;
    match session.generation.cmp(&rotation.presented) {
        _ if !session.is_alive(now) => RefreshOutcome::Expired,
        Ordering::Greater if repeats => RefreshOutcome::Refreshed(Rotated::of(session, tier)),
        Ordering::Greater => RefreshOutcome::Reused,
        // A token of ours from a generation that the store does not know: the store was set back.
        Ordering::Less => RefreshOutcome::Ended,
        Ordering::Equal => RefreshOutcome::Expired,
    }
}

/// The sessions of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// The sessions by their ids.
    pub by_id: BTreeMap<SessionId, Session>,
    /// Counts the sessions opened and revoked; 0 for a user who never had one. Refreshes do not
    /// count: they change nothing that opening depends on.
    pub version: u64,
    /// The user's tier.
    pub tier: Tier,
}

/// What opening a session does to a user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The session is added, and `ended` give way to it.
    Added {
        /// The sessions that end: expired ones, and the oldest where there would be too many.
        ended: Vec<SessionId>,
    },
    /// The request is a repetition: this session answers it, and nothing changes.
    Repeated {
        /// The session that the first request opened.
        id: SessionId,
    },
}

impl Sessions {
    /// Decides what opening `session` does when a user may have `limit` sessions.
    pub fn opening(&self, session: &Session, limit: usize, now: Timestamp) -> Opening {
        if let Some(id) = self.opened_by_the_same_request(session, now) {
            return Opening::Repeated { id };
        }
        let (mut alive, expired): (Vec<_>, Vec<_>) =
            self.by_id.iter().partition(|(_, session)| session.is_alive(now));
        alive.sort_by_key(|(id, session)| (session.opened_at, **id));
        let surplus = (alive.len() + 1).saturating_sub(limit.max(1));
        let ended = expired.into_iter().chain(alive.into_iter().take(surplus));
        Opening::Added { ended: ended.map(|(id, _)| *id).collect() }
    }

    /// Of those that are alive: a repetition must not revive a session that has expired.
    fn opened_by_the_same_request(&self, session: &Session, now: Timestamp) -> Option<SessionId> {
        let key = session.made_by.as_ref()?;
        let first = |(_, other): &(&SessionId, &Session)| {
            other.generation == 0
                && other.is_alive(now)
                && other.bot_id == session.bot_id
                && other.made_by.as_ref() == Some(key)
        };
        self.by_id.iter().find(first).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(100);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn id(number: u8) -> SessionId {
        format!("{number:032x}").parse().unwrap()
    }

    fn key(text: &str) -> Option<IdempotencyKey> {
        Some(text.parse().unwrap())
    }

    fn session(opened_at: u64, made_by: Option<IdempotencyKey>) -> Session {
        let bot = BotId::new(1).unwrap();
        Session::open(bot, Origin::default(), made_by, at(opened_at), LIFETIME)
    }

    fn sessions(opened_at: &[u64]) -> Sessions {
        let numbered = (1..).zip(opened_at);
        let by_id = numbered.map(|(number, at)| (id(number), session(*at, None))).collect();
        Sessions { by_id, version: 1, tier: Tier::default() }
    }

    #[test]
    fn the_oldest_gives_way() {
        let opening = sessions(&[30, 10, 20]).opening(&session(40, None), 3, at(40));
        assert_eq!(opening, Opening::Added { ended: vec![id(2)] });
    }

    #[test]
    fn expired_ones_go_first_and_make_room() {
        let opening = sessions(&[1, 90, 95]).opening(&session(110, None), 3, at(110));
        assert_eq!(opening, Opening::Added { ended: vec![id(1)] });
    }

    #[test]
    fn a_repeated_request_opens_nothing() {
        let mut sessions = sessions(&[10]);
        sessions.by_id.insert(id(9), session(20, key("k")));
        assert_eq!(
            sessions.opening(&session(21, key("k")), 1, at(21)),
            Opening::Repeated { id: id(9) }
        );
        assert_eq!(
            sessions.opening(&session(120, key("k")), 5, at(120)),
            Opening::Added { ended: vec![id(1), id(9)] },
            "an expired session answers nothing"
        );
        sessions.by_id.get_mut(&id(9)).unwrap().generation = 1;
        assert!(matches!(
            sessions.opening(&session(21, key("k")), 5, at(21)),
            Opening::Added { .. }
        ));
    }

    fn rotation(presented: u32, made_by: Option<IdempotencyKey>) -> Rotation {
        Rotation::new(presented, Origin::default(), made_by, at(50), LIFETIME)
    }

    fn explain(
        found: Option<&Session>,
        presented: u32,
        made_by: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> RefreshOutcome {
        explain_failed_rotation(found, Tier::Pro, &rotation(presented, made_by), now)
    }

    #[test]
    fn failed_rotations_are_told_apart() {
        let mut found = session(10, None);
        found.generation = 3;
        found.made_by = key("mine");
        let stands = RefreshOutcome::Refreshed(Rotated::of(&found, Tier::Pro));
        let found = Some(&found);
        assert_eq!(explain(found, 2, key("mine"), at(50)), stands, "a lost answer is repeated");
        assert_eq!(explain(found, 2, key("thief"), at(50)), RefreshOutcome::Reused);
        assert_eq!(explain(found, 2, None, at(50)), RefreshOutcome::Reused);
        assert_eq!(explain(found, 1, key("mine"), at(50)), RefreshOutcome::Reused, "the last one");
        assert_eq!(explain(found, 4, None, at(50)), RefreshOutcome::Ended);
        assert_eq!(explain(None, 2, None, at(50)), RefreshOutcome::Ended);
        assert_eq!(explain(found, 3, None, at(1_000)), RefreshOutcome::Expired);
    }

    #[test]
    fn a_session_without_keys_never_takes_two_requests_for_one() {
        let mut found = session(10, None);
        found.generation = 1;
        assert_eq!(explain(Some(&found), 0, None, at(50)), RefreshOutcome::Reused);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit(
            opened in prop::collection::vec(0_u64..200, 0..12), limit in 1_usize..8, now in 0_u64..300,
        ) {
            let before = sessions(&opened);
            let Opening::Added { ended } = before.opening(&session(now, None), limit, at(now)) else {
                panic!("no request had a key");
            };
            let kept = before.by_id.iter().filter(|(id, _)| !ended.contains(id));
            let kept: Vec<_> = kept.map(|(_, session)| session).collect();
            prop_assert!(kept.len() < limit);
            prop_assert!(kept.iter().all(|session| session.is_alive(at(now))));
            let youngest_ended = ended.iter().map(|id| &before.by_id[id])
                .filter(|session| session.is_alive(at(now))).map(|session| session.opened_at).max();
            let oldest_kept = kept.iter().map(|session| session.opened_at).min();
            if let (Some(ended), Some(kept)) = (youngest_ended, oldest_kept) {
                prop_assert!(ended <= kept, "a younger session gave way to an older one");
            }
        }
    }
}
