//! What is known of a user, and how it stays true.
//!
//! A lookup asks whether the account was invalidated (one small read) or loads it (one query), never
//! both, except once in an instance after a change that another one made. So it sees every change
//! that was answered before it began: a user reads their own write, and a revoked session is refused
//! at once.
//!
//! What changes an account is done here and not by the store alone, so that no handler can forget
//! the others: [`Accounts::change`] invalidates the account *before* the write, for [`HOLD`], in which
//! the write is made and nothing that is loaded is kept. So there is no moment between a write and its
//! invalidation: whether the answer to the write is lost, the deadline stops the request or the process
//! dies, no instance goes by the former account. And where the invalidation fails, nothing has been
//! changed.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use minigate_cache::{Cache, Cached, LoadError, Namespace, Tag};
use minigate_domain::{
    Clock, Profile, ProfileChange, RefreshRefusal, Rotation, SessionId, Timestamp, UserId,
};
use minigate_store::{ChangeProfile, Revocation, Rotated, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::not_invalidated;
use crate::{Background, Code, Problem};

/// How long an account is invalidated in advance of a write, which takes four seconds at most. Within
/// it, a lookup costs a load instead of a check, which is the price of one.
pub const HOLD: Duration = Duration::from_secs(10);

/// What is known of a user who has had a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The profile.
    pub profile: Profile,
    /// The sessions that have not been revoked.
    pub sessions: BTreeSet<SessionId>,
}

/// An account, and how long ago it was read.
pub type CachedAccount = Cached<Account>;

/// The accounts. Clones share them.
#[derive(Clone)]
pub struct Accounts {
    namespace: Namespace<Account>,
    cache: Cache,
    store: Store,
    background: Background,
    clock: Arc<dyn Clock>,
}

impl Accounts {
    pub(super) fn new(
        namespace: Namespace<Account>,
        cache: Cache,
        store: Store,
        background: Background,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { namespace, cache, store, background, clock }
    }

    /// The account; `None` if the user never had a session, which is not remembered.
    ///
    /// With `is_tolerant`, an account that cannot be checked is better than none: while DynamoDB
    /// does not answer, one is taken that was checked within the last hour.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`], or [`Code::INTERNAL_ERROR`] if DynamoDB refuses the query.
    pub fn get(
        &self,
        user_id: UserId,
        is_tolerant: bool,
    ) -> BoxFuture<'_, Result<Option<CachedAccount>, Problem>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let (key, tags) = (user_id.to_string(), [tag(user_id)?]);
            let lookup = self.namespace.at(&key).map_err(Problem::internal)?;
            let lookup = lookup.tags(&tags).consistent();
            let lookup = if is_tolerant { lookup.tolerant() } else { lookup };
            let store = self.store.clone();
            let found = lookup.get_or_find(move || load(store, user_id)).await;
            found.map_err(unavailable)
        })
    }

    /// The account as the store has it now.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn reload(&self, user_id: UserId) -> Result<Option<CachedAccount>, Problem> {
        let key = user_id.to_string();
        self.namespace.at(&key).map_err(Problem::internal)?.remove().await;
        self.get(user_id, false).await
    }

    /// Changes named fields of a profile, as [`Store::change_profile`] does.
    ///
    /// # Errors
    /// As for [`change`](Self::change).
    pub async fn change_profile(
        &self,
        user_id: UserId,
        change: ProfileChange,
        known_version: Option<u64>,
        now: Timestamp,
    ) -> Result<ChangeProfile, Problem> {
        let store = self.store.clone();
        let write = async move { store.change_profile(user_id, &change, known_version, now).await };
        self.change(user_id, write).await
    }

    /// Ends one session, as [`Store::revoke_session`] does.
    ///
    /// # Errors
    /// As for [`change`](Self::change).
    pub async fn revoke_session(
        &self,
        user_id: UserId,
        id: SessionId,
        caller: Option<SessionId>,
    ) -> Result<Revocation, Problem> {
        let store = self.store.clone();
        let write = async move { store.revoke_session(user_id, id, caller).await };
        self.change(user_id, write).await
    }

    /// Ends all sessions of a user, as [`Store::revoke_all_sessions`] does.
    ///
    /// # Errors
    /// As for [`change`](Self::change).
    pub async fn revoke_all_sessions(
        &self,
        user_id: UserId,
        caller: Option<SessionId>,
    ) -> Result<Revocation, Problem> {
        let store = self.store.clone();
        let write = async move { store.revoke_all_sessions(user_id, caller).await };
        self.change(user_id, write).await
    }

    /// Makes the next generation of a session's refresh token, as [`Store::rotate_session`] does, and
    /// ends the session of a token that was used before. Nothing else of it concerns other instances:
    /// of a session that has ended already they were told by whoever ended it.
    ///
    /// # Errors
    /// The refusal, or as the outer result what [`change`](Self::change) says.
    pub async fn rotate_session(
        &self,
        user_id: UserId,
        id: SessionId,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<Result<Rotated, RefreshRefusal>, Problem> {
        let rotated = self.store.rotate_session(user_id, id, rotation, now).await?;
        if rotated == Err(RefreshRefusal::Reused) {
            self.revoke_session(user_id, id, None).await?;
        }
        Ok(rotated)
    }

    /// Makes a write that changes the account, and has every instance load the account anew: one small
    /// write more. Both go on if the caller is stopped.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`] if the account cannot be invalidated, and nothing is written then; or
    /// what the write says. Repeating it is safe as far as the write is.
    pub async fn change<T: Send + 'static>(
        &self,
        user_id: UserId,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, Problem> {
        let accounts = self.clone();
        let work = async move { accounts.write_held(user_id, write).await };
        self.background.complete(work).await.map_err(Problem::internal)?
    }

    async fn write_held<T>(
        &self,
        user_id: UserId,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Problem> {
        let tag = tag(user_id)?;
        let hold = || async { self.cache.hold_tag(&tag, HOLD).await.map_err(not_invalidated) };
        let held_until = self.clock.now().after(HOLD);
        hold().await?;
        let written = write.await;
        // Without an answer the write may still be on its way, and a process that was frozen meanwhile
        // has made it too late: such a one counts from here.
        let is_unknown = matches!(written, Err(StoreError::Unavailable { .. }));
        let held_again =
            if is_unknown || self.clock.now() >= held_until { hold().await } else { Ok(()) };
        let written = written?;
        held_again.map(|()| written)
    }

    /// Invalidates the account in the background, where a change of sessions may take effect within
    /// the life of an access token if this fails.
    pub fn changed_in_background(&self, user_id: UserId) {
        let accounts = self.clone();
        self.background.start(async move {
            let invalidated = match tag(user_id) {
                Ok(tag) => accounts.cache.invalidate_tag(&tag).await.map_err(not_invalidated),
                Err(problem) => Err(problem),
            };
            if invalidated.is_err() {
                tracing::warn!("other instances were not notified of a changed account");
            }
        });
    }
}

fn tag(user_id: UserId) -> Result<Tag, Problem> {
    Tag::new(format!("user#{user_id}")).map_err(Problem::internal)
}

async fn load(store: Store, user_id: UserId) -> Result<Option<Account>, StoreError> {
    let account = store.account(user_id).await?;
    let sessions = account.sessions.by_id.into_keys().collect();
    Ok(account.profile.map(|profile| Account { profile, sessions }))
}

fn unavailable(error: LoadError) -> Problem {
    match error.downcast_ref() {
        Some(StoreError::Refused { .. } | StoreError::Corrupt { .. }) => Problem::internal(error),
        _ => Problem::new(Code::STORE_UNAVAILABLE)
            .retry_after(Duration::from_secs(1))
            .caused_by(error),
    }
}
