//! What becomes of sessions that are open.

use std::time::Duration;

use minigate_domain::{
    IdempotencyKey, Origin, RefreshOutcome, Rotation, SessionId, Sessions, Timestamp, UserId,
};
use minigate_store::RevokeOutcome;

use super::{Accounts, AccountsError};

/// A refresh that a client asks for by a refresh token, which has been verified.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// Whose session it is.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The generation of the token.
    pub generation: u32,
    /// From where the request comes.
    pub origin: Origin,
    /// The request's idempotency key.
    pub made_by: Option<IdempotencyKey>,
    /// How long the next generation lasts.
    pub lifetime: Duration,
}

/// What became of a look at a user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOutcome {
    /// The sessions, expired ones included.
    Listed(Sessions),
    /// The session that asks has itself ended.
    CallerEnded,
}

impl Accounts {
    /// A user's sessions: one consistent read. With `caller`, only if that session has not ended.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn list_sessions(
        &self,
        user_id: UserId,
        caller: Option<SessionId>,
    ) -> Result<ListOutcome, AccountsError> {
        let sessions = self.0.store.sessions(user_id).await?;
        let has_ended = caller.is_some_and(|caller| !sessions.by_id.contains_key(&caller));
        Ok(if has_ended { ListOutcome::CallerEnded } else { ListOutcome::Listed(sessions) })
    }

    /// Makes the next generation of a session's refresh token, and ends the session of a token that was
    /// used before. Nothing else of it concerns other instances: of a session that has ended already
    /// they were notified by whoever ended it.
    ///
    /// # Errors
    /// As for [`revoke_session`](Self::revoke_session), whose errors concern a token that was used
    /// before.
    pub async fn refresh_session(
        &self,
        refresh: Refresh,
        now: Timestamp,
    ) -> Result<RefreshOutcome, AccountsError> {
        let Refresh { user_id, session_id, generation, origin, made_by, lifetime } = refresh;
        // Without a key of the client's, a random one lets a repetition by the SDK be known as one.
        let random = || SessionId::random(&*self.0.entropy).to_string().parse().ok();
        let rotation = Rotation::new(generation, origin, made_by.or_else(random), now, lifetime);
        let outcome = self.0.store.rotate_session(user_id, session_id, &rotation, now).await?;
        if outcome == RefreshOutcome::Reused {
            self.revoke_session(user_id, session_id, None).await?;
        }
        Ok(outcome)
    }

    /// Ends one session. With `caller`, only if that session has not ended.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`], and nothing is written then unless the write itself was slow;
    /// or [`AccountsError::Store`].
    pub async fn revoke_session(
        &self,
        user_id: UserId,
        id: SessionId,
        caller: Option<SessionId>,
    ) -> Result<RevokeOutcome, AccountsError> {
        let store = self.0.store.clone();
        let write = async move { store.revoke_session(user_id, id, caller).await };
        self.change(user_id, write).await
    }

    /// Ends all sessions of a user. With `caller`, only if that session has not ended.
    ///
    /// # Errors
    /// As for [`revoke_session`](Self::revoke_session).
    pub async fn revoke_all_sessions(
        &self,
        user_id: UserId,
        caller: Option<SessionId>,
    ) -> Result<RevokeOutcome, AccountsError> {
        let store = self.0.store.clone();
        let write = async move { store.revoke_all_sessions(user_id, caller).await };
        self.change(user_id, write).await
    }
}
