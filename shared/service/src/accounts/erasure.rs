//! The erasure of a user: asked for, taken back, and done by a job when its grace is over.
//!
//! A job may end between any two calls, and another begin the same erasure meanwhile. Every step may
//! therefore be repeated: deletions find nothing the second time, and the item by which the job found
//! the erasure is deleted with the last one.

use std::time::Duration;

use minigate_domain::{Timestamp, UserId};
use minigate_store::{
    DueErasure, RequestErasureOutcome, StoreError, TakeBackOutcome,
    personal::{Erased, NOUNS},
};

use super::{Accounts, AccountsError};

/// How long after its grace an erasure begins: longer than any request, so that none which began in time
/// writes into what is erased, and longer than clocks differ.
pub const ERASURE_MARGIN: Duration = Duration::from_secs(60);

/// How many due erasures are read at once.
const PAGE: u8 = 25;

/// What became of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EraseOutcome {
    /// Nothing is left of the user.
    Erased,
    /// There was no time for the rest, which the next run does.
    Unfinished,
    /// The user had taken it back.
    TakenBack,
}

impl Accounts {
    /// Notes that a user asks for their erasure, and ends all of their sessions at once, on every
    /// instance.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`], and nothing is written then unless the write itself was slow;
    /// or [`AccountsError::Store`].
    pub async fn request_erasure(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<RequestErasureOutcome, AccountsError> {
        let store = self.0.store.clone();
        self.change(user_id, async move { store.request_erasure(user_id, now).await }).await
    }

    /// Takes an erasure back whose grace is not over.
    ///
    /// # Errors
    /// As for [`request_erasure`](Self::request_erasure).
    pub async fn take_back_erasure(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<TakeBackOutcome, AccountsError> {
        let store = self.0.store.clone();
        self.change(user_id, async move { store.take_back_erasure(user_id, now).await }).await
    }

    /// Erasures whose grace is over, after the one that `after` names, the oldest first: one query. An
    /// empty page is the last one.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn due_erasures(
        &self,
        after: Option<&DueErasure>,
    ) -> Result<Vec<DueErasure>, AccountsError> {
        let now = self.0.clock.now().unix_millis();
        let margin = u64::try_from(ERASURE_MARGIN.as_millis()).unwrap_or(u64::MAX);
        let before = Timestamp::from_unix_millis(now.saturating_sub(margin));
        Ok(self.0.store.due_erasures(before, after, PAGE).await?)
    }

    /// Erases a user everywhere: every noun, whatever else lies in their partition, and at last the
    /// erasure itself. After `until`, it ends with what it is doing.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`] or [`AccountsError::Store`]; the next run goes on.
    pub async fn erase(
        &self,
        due: &DueErasure,
        until: Timestamp,
    ) -> Result<EraseOutcome, AccountsError> {
        let (store, begun) = (self.0.store.clone(), due.clone());
        let begin = async move { store.begin_erasure(&begun).await };
        if !self.change(due.user_id, begin).await? {
            self.0.store.forget_due_erasure(due).await?;
            return Ok(EraseOutcome::TakenBack);
        }
        if !self.erase_nouns(due.user_id, until).await? {
            return Ok(EraseOutcome::Unfinished);
        }
        let (store, done) = (self.0.store.clone(), due.clone());
        self.change(due.user_id, async move { store.finish_erasure(&done).await }).await?;
        Ok(EraseOutcome::Erased)
    }

    /// Whether there was time for all of it.
    async fn erase_nouns(&self, user_id: UserId, until: Timestamp) -> Result<bool, StoreError> {
        let store = &self.0.everything;
        for noun in NOUNS {
            while noun.erase(store, user_id).await? == Erased::Some {
                if self.0.clock.now() >= until {
                    return Ok(false);
                }
            }
        }
        while store.erase_rest(user_id).await? == Erased::Some {
            if self.0.clock.now() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
