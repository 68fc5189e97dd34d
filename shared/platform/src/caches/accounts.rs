//! What is known of a user, and how it stays true.
//!
//! A lookup asks whether the account was invalidated (one small read) or loads it (one query), never
//! both, except once in an instance after a change that another one made. So it sees every change
//! that was answered before it began: a user reads their own write, and a revoked session is refused
//! at once.
//!
//! Whoever changes a profile or ends a session calls [`Accounts::changed`] before the answer, and
//! answers 503 if that fails. A repetition of the request must call it again, also when it finds the
//! change already made.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::BoxFuture;
use minigate_cache::{Cache, Cached, LoadError, Namespace, Tag};
use minigate_domain::{Profile, SessionId, UserId};
use minigate_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::not_invalidated;
use crate::{Background, Code, Problem};

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
}

impl Accounts {
    pub(super) fn new(
        namespace: Namespace<Account>,
        cache: Cache,
        store: Store,
        background: Background,
    ) -> Self {
        Self { namespace, cache, store, background }
    }

    /// The account; `None` if the user never had a session, which is not remembered.
    ///
    /// With `is_tolerant`, an account that cannot be checked is better than none: while DynamoDB
    /// does not answer, one is taken that was checked within the last hour.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`], or [`Code::InternalError`] if DynamoDB refuses the query.
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

    /// Tells every instance that the account has changed: one small write.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`]: others may go by the former account. Repeating it is safe.
    pub async fn changed(&self, user_id: UserId) -> Result<(), Problem> {
        self.cache.invalidate_tag(&tag(user_id)?).await.map_err(not_invalidated)
    }

    /// The same beside a request, where a change of sessions may take effect within the life of an
    /// access token if this fails.
    pub fn changed_beside(&self, user_id: UserId) {
        let accounts = self.clone();
        self.background.start(async move {
            if accounts.changed(user_id).await.is_err() {
                tracing::warn!("other instances were not told of a changed account");
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
        _ => Problem::new(Code::StoreUnavailable)
            .retry_after(Duration::from_secs(1))
            .caused_by(error),
    }
}
