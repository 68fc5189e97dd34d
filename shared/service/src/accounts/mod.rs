//! The accounts: what is known of a user, how it changes, and how it stays true.
//!
//! A lookup asks whether the account was invalidated (one small read) or loads it (one query), never
//! both, except once in an instance after a change that another one made. So it sees every change
//! that was answered before it began: a user reads their own write, and a revoked session is refused
//! at once.
//!
//! Whatever changes an account is a method of [`Accounts`], and the only way to the store's writes, so
//! that no handler can forget the others. `Accounts::change` invalidates the account *before* the write,
//! for [`HOLD`], in which the write is made and nothing that is loaded is kept. So there is no moment
//! between a write and its invalidation: whether the answer to the write is lost, the deadline stops the
//! request or the process dies, no instance serves the former account. And where the invalidation fails,
//! nothing has been changed. Two changes are made otherwise, each where it says why: an opening
//! (`opening.rs`) and a tier (`tier.rs`).
//!
//! | file | what changes |
//! |---|---|
//! | `opening.rs` | a session is opened, and the oldest may end for it |
//! | `sessions.rs` | sessions are refreshed and revoked: one, all, one whose token was used twice |
//! | `profile.rs` | the profile |
//! | `tier.rs` | the tier |
//! | `roles.rs` | the roles |
//! | `erasure.rs` | everything, when the user asks for it |

mod erasure;
mod error;
pub(crate) mod names;
mod opening;
mod profile;
mod roles;
mod sessions;
#[cfg(test)]
mod tests;
mod tier;
mod turns;

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use minigate_cache::{
    BuildError, Cache, Cached, Levels, NameError, Namespace, NamespaceBuilder, Tag,
};
use minigate_domain::{Clock, Entropy, Erasure, Profile, Roles, SessionId, Timestamp, UserId};
use minigate_store::{AccountStore, Store, StoreError};
pub use minigate_store::{
    ChangeOutcome, DueErasure, OneTimeUse, RequestErasureOutcome, RevokeOutcome, RoleOutcome,
    TakeBackOutcome,
};
use serde::{Deserialize, Serialize};

use self::turns::Turns;
pub use self::{
    erasure::{ERASURE_MARGIN, EraseOutcome},
    error::AccountsError,
    opening::{NewSession, OpenOutcome, OpenedSession, Opening},
    sessions::{ListOutcome, Refresh},
};
use crate::Background;

/// How long an account is invalidated in advance of a write, which takes four seconds at most. Within
/// it, a lookup costs a load instead of a check, which is the price of one.
pub const HOLD: Duration = Duration::from_secs(10);

/// How much the clocks of two instances may differ without an invalidation being missed. For so
/// long after a change, what is loaded is not kept.
pub const CLOCK_SKEW: Duration = Duration::from_secs(1);

/// The name of the accounts' namespace of the cache.
pub const NAMESPACE: &str = "account";

const MINUTE: Duration = Duration::from_secs(60);

/// Of the users of one instance. More than a thousand accounts.
const MAX_BYTES: u64 = 1 << 20;

/// What is known of a user who has had a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The profile.
    pub profile: Profile,
    /// The sessions that have not been revoked.
    pub sessions: BTreeSet<SessionId>,
    /// The roles that were granted, also those that have expired meanwhile.
    pub roles: Roles,
    /// The erasure that the user asked for, if they did.
    pub erasure: Option<Erasure>,
}

/// An account, and how long ago it was read.
pub type CachedAccount = Cached<Account>;

/// The accounts. Clones share them.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    namespace: Namespace<Account>,
    cache: Cache,
    store: AccountStore,
    /// Of all nouns: for erasures.
    everything: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    background: Background,
    /// Whose session is being opened.
    openings: Turns,
    longest_access_token: Box<LongestAccessToken>,
}

type LongestAccessToken = dyn Fn(Timestamp) -> Duration + Send + Sync;

impl Accounts {
    /// The accounts of `store`, remembered in `cache`. `longest_access_token` says how long a token may
    /// be good that was made at any time up to the moment. Makes no call.
    ///
    /// # Errors
    /// [`BuildError`] if the namespace is defined wrongly, which a test excludes.
    pub fn new(
        cache: &Cache,
        store: &Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        background: Background,
        longest_access_token: impl Fn(Timestamp) -> Duration + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        Ok(Self(Arc::new(Inner {
            namespace: namespace(cache).build()?,
            cache: cache.clone(),
            store: store.accounts(),
            everything: store.clone(),
            clock,
            entropy,
            background,
            openings: Turns::default(),
            longest_access_token: Box::new(longest_access_token),
        })))
    }

    /// The account; `None` if the user never had a session, which is not remembered.
    ///
    /// With `is_tolerant`, an account that cannot be checked is better than none: while DynamoDB
    /// does not answer, one is taken that was checked within the last hour.
    ///
    /// # Errors
    /// [`AccountsError::NotLoaded`].
    pub fn get(
        &self,
        user_id: UserId,
        is_tolerant: bool,
    ) -> BoxFuture<'_, Result<Option<CachedAccount>, AccountsError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let (key, tags) = (user_id.to_string(), [tag(user_id)?]);
            let lookup = self.0.namespace.at(&key)?.tags(&tags).consistent();
            let lookup = if is_tolerant { lookup.tolerant() } else { lookup };
            let store = self.0.store.clone();
            Ok(lookup.get_or_find(move || load(store, user_id)).await?)
        })
    }

    /// All of the account as the store has it now, also of a user who never had a session: one query.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn read(&self, user_id: UserId) -> Result<minigate_store::Account, AccountsError> {
        Ok(self.0.store.account(user_id).await?)
    }

    /// The account of a user who asks by a token of this session that was made at `made_at`; `None` if
    /// the session has ended. `is_tolerant` as for [`get`](Self::get).
    ///
    /// # Errors
    /// [`AccountsError::NotLoaded`].
    pub async fn of_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        made_at: Timestamp,
        is_tolerant: bool,
    ) -> Result<Option<CachedAccount>, AccountsError> {
        let in_session = |account: &CachedAccount| account.sessions.contains(&session_id);
        let account = self.get(user_id, is_tolerant).await?;
        if account.as_ref().is_some_and(in_session) {
            return Ok(account);
        }
        // It was opened after the account was read, or it has ended.
        let is_newer = account.as_ref().is_some_and(|account| {
            let latest = made_at.after(Duration::from_secs(1) + CLOCK_SKEW);
            self.0.clock.now() <= latest.after(account.age())
        });
        let account = if is_newer { self.reload(user_id).await? } else { account };
        Ok(account.filter(in_session))
    }

    /// The account as the store has it now.
    async fn reload(&self, user_id: UserId) -> Result<Option<CachedAccount>, AccountsError> {
        self.0.namespace.at(&user_id.to_string())?.remove().await;
        self.get(user_id, false).await
    }

    /// Makes a write that changes the account, and has every instance load the account anew: one small
    /// write more. Both go on if the caller is stopped.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`] if the account cannot be invalidated, and nothing is written
    /// then; or what the write says. Repeating it is safe as far as the write is.
    async fn change<T: Send + 'static>(
        &self,
        user_id: UserId,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, AccountsError> {
        let accounts = self.clone();
        let work = async move { accounts.write_held(user_id, write).await };
        self.0.background.complete(work).await?
    }

    async fn write_held<T>(
        &self,
        user_id: UserId,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, AccountsError> {
        let tag = tag(user_id)?;
        let held_until = self.0.clock.now().after(HOLD);
        self.0.cache.hold_tag(&tag, HOLD).await?;
        let written = write.await;
        // Without an answer the write may still be on its way, and a process that was frozen meanwhile
        // has made it too late: such a one counts from here.
        let is_unknown = matches!(written, Err(StoreError::Unavailable { .. }));
        let held_again = if is_unknown || self.0.clock.now() >= held_until {
            self.0.cache.hold_tag(&tag, HOLD).await
        } else {
            Ok(())
        };
        let written = written?;
        held_again?;
        Ok(written)
    }
}

fn namespace(cache: &Cache) -> NamespaceBuilder {
    let hour = 60 * MINUTE;
    let namespace = cache.namespace(NAMESPACE, 30 * MINUTE).grace(hour).levels(Levels::Memory);
    // Lookups are consistent in the user's tag. When DynamoDB is down, reads take what was checked
    // an hour ago at most.
    let namespace = namespace.clear_window(Duration::from_secs(5)).outage_window(hour);
    namespace.soft_timeout(Duration::from_secs(1)).max_memory(MAX_BYTES)
}

fn tag(user_id: UserId) -> Result<Tag, NameError> {
    Tag::new(format!("user#{user_id}"))
}

async fn load(store: AccountStore, user_id: UserId) -> Result<Option<Account>, StoreError> {
    let account = store.account(user_id).await?;
    let minigate_store::Account { profile, sessions, roles, erasure, .. } = account;
    let sessions = sessions.by_id.into_keys().collect();
    Ok(profile.map(|profile| Account { profile, sessions, roles, erasure }))
}
