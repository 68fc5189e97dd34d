//! Opening a session. The account is read first, so that it can be read while the caller asks whether
//! the user may have one; the write then depends on all of it.

use std::time::Duration;

use minigate_domain::{Profile, Rotated, Session, SessionId, Timestamp, UserId};
use minigate_store::{OneTimeUse, OpenSession, StoreError};
use tokio::time::timeout;

use super::{Accounts, AccountsError, CLOCK_SKEW, tag};

/// How long the opening of a session waits for others of the same user. With the store's own four
/// seconds, the answer comes before the deadline of a request.
const LONGEST_TURN: Duration = Duration::from_secs(4);

/// A session that can be opened: the user's account has been read.
#[must_use = "nothing is opened yet"]
pub struct Opening {
    accounts: Accounts,
    user_id: UserId,
    account: minigate_store::Account,
}

/// What is needed to open a session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The profile that the user gets if this is their first session.
    pub first_profile: Profile,
    /// How many sessions a user may have at once; at least 1.
    pub limit: usize,
    /// Set where init data may be exchanged only once.
    pub one_time_use: Option<OneTimeUse>,
}

/// What became of the opening of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenOutcome {
    /// It is open.
    Opened(OpenedSession),
    /// The init data was exchanged before, and only once is allowed.
    AlreadyUsed,
    /// The account is being erased. When that is done, the user can begin anew.
    BeingErased,
}

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// Its id: a new one, or that of the session which the same request opened before.
    pub id: SessionId,
    /// The generation of its valid refresh token.
    pub newest: Rotated,
    /// The user.
    pub profile: Profile,
    /// When the account is erased unless the user takes that back.
    pub erases_at: Option<Timestamp>,
}

impl Accounts {
    /// Reads what the opening of a session depends on: one query.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn prepare_opening(&self, user_id: UserId) -> Result<Opening, AccountsError> {
        let account = self.0.store.account(user_id).await?;
        Ok(Opening { accounts: self.clone(), user_id, account })
    }
}

impl Opening {
    /// Opens the session, and notifies other instances of sessions that end for it. It goes on if the
    /// caller is stopped.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn open(self, new: NewSession, now: Timestamp) -> Result<OpenOutcome, AccountsError> {
        let Self { accounts, user_id, account } = self;
        let NewSession { session, first_profile, limit, one_time_use } = new;
        let id = SessionId::random(&*accounts.0.entropy);
        let request = OpenSession { id, user_id, session, first_profile, limit, one_time_use };
        let background = accounts.0.background.clone();
        background.complete(async move { accounts.open(&request, account, now).await }).await?
    }
}

impl Accounts {
    async fn open(
        &self,
        request: &OpenSession,
        account: minigate_store::Account,
        now: Timestamp,
    ) -> Result<OpenOutcome, AccountsError> {
        let opened = self.open_in_turn(request, account, now).await;
        let last_used = match &opened {
            Ok(minigate_store::OpenOutcome::Opened(opened)) => opened.ended_last_used,
            // Perhaps it is open, and one has ended for it.
            Err(StoreError::Unavailable { .. }) => Some(now),
            Ok(
                minigate_store::OpenOutcome::AlreadyUsed | minigate_store::OpenOutcome::BeingErased,
            )
            | Err(_) => None,
        };
        if let Some(last_used) = last_used {
            self.notify_of_ended_sessions(request.user_id, last_used);
        }
        Ok(match opened? {
            minigate_store::OpenOutcome::AlreadyUsed => OpenOutcome::AlreadyUsed,
            minigate_store::OpenOutcome::BeingErased => OpenOutcome::BeingErased,
            minigate_store::OpenOutcome::Opened(opened) => OpenOutcome::Opened(OpenedSession {
                id: opened.id,
                newest: Rotated::of(&opened.session, opened.tier),
                profile: opened.profile,
                erases_at: opened.erases_at,
            }),
        })
    }

    /// Of requests of one user that this instance has at the same time, each begins when the one before
    /// is done.
    async fn open_in_turn(
        &self,
        request: &OpenSession,
        account: minigate_store::Account,
        now: Timestamp,
    ) -> Result<minigate_store::OpenOutcome, StoreError> {
        let store = &self.0.store;
        let turn = self.0.openings.of(request.user_id);
        let (_turn, account) = if let Ok(held) = turn.try_lock() {
            (held, account)
        } else {
            let held = timeout(LONGEST_TURN, turn.lock()).await;
            let held =
                held.map_err(|_| StoreError::Contended { operation: "a turn", attempts: 1 })?;
            // Whoever came before has changed it.
            (held, store.account(request.user_id).await?)
        };
        store.open_session(request, account, now).await
    }

    /// Notifies other instances, in the background, that sessions of the user have ended of which one
    /// was last opened or refreshed at `last_used`. If no access token from then can still be good, it
    /// is not needed; and if it fails, one is good until it ends.
    ///
    /// A repetition of a refresh makes an access token that is younger. It may then be taken until it
    /// ends, as when notifying fails.
    pub(super) fn notify_of_ended_sessions(&self, user_id: UserId, last_used: Timestamp) {
        // Both the token and the session name their moment in whole seconds.
        let tolerance = Duration::from_secs(1) + CLOCK_SKEW;
        let now = self.0.clock.now();
        if now > last_used.after((self.0.longest_access_token)(now) + tolerance) {
            return;
        }
        let accounts = self.clone();
        self.0.background.start(async move {
            if accounts.invalidate(user_id).await.is_err() {
                tracing::warn!("other instances were not notified of a changed account");
            }
        });
    }

    async fn invalidate(&self, user_id: UserId) -> Result<(), AccountsError> {
        Ok(self.0.cache.invalidate_tag(&tag(user_id)?).await?)
    }
}
