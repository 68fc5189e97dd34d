//! An account: what belongs to one user and is read together.

mod erasure;
mod names;
mod opening;
mod roles;
mod tier;

use minigate_domain::{Erasure, Profile, Roles, Sessions, Tier, UserId};

pub use self::erasure::{DueErasure, RequestErasureOutcome, TakeBackOutcome};
pub use self::opening::{OneTimeUse, OpenOutcome, OpenSession, OpenedSession};
pub use self::roles::RoleOutcome;
pub(crate) use self::roles::{decode_admins, erase_admin};
use self::{erasure::decode_erasure, roles::decode_roles, tier::decode_tier};
use crate::{
    AccountStore, StoreError,
    call::{failed, sort_key, string},
    keys::{self, ACCOUNT_PREFIX, PARTITION_KEY, SORT_KEY},
    profile::decode_profile,
    sessions::decode_sessions,
};

/// More than an account has. Those of a newer version are passed over.
const MAX_ITEMS: i32 = 16;

/// A user's profile, sessions, tier, roles and erasure, read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The profile; `None` for a user who never had a session.
    pub profile: Option<Profile>,
    /// The sessions.
    pub sessions: Sessions,
    /// The tier.
    pub tier: Tier,
    /// The roles that were granted.
    pub roles: Roles,
    /// The erasure that the user asked for, if they did.
    pub erasure: Option<Erasure>,
}

impl AccountStore {
    /// Reads a user's account: one consistent query of at most five items.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn account(&self, user_id: UserId) -> Result<Account, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :user AND begins_with(#sk, :account)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":user", string(keys::user(user_id)))
            .expression_attribute_values(":account", string(ACCOUNT_PREFIX))
            .consistent_read(true)
            .limit(MAX_ITEMS)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let mut account = Account::default();
        for item in output.items.unwrap_or_default() {
            match sort_key(&item) {
                Some(keys::PROFILE) => account.profile = Some(decode_profile(item)?),
                Some(keys::SESSIONS) => account.sessions = decode_sessions(item)?,
                Some(keys::TIER) => account.tier = decode_tier(item)?,
                Some(keys::ROLES) => account.roles = decode_roles(item)?,
                Some(keys::ERASURE) => account.erasure = Some(decode_erasure(item)?),
                _ => {}
            }
        }
        Ok(account)
    }
}
