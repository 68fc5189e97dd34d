//! An account: what belongs to one user and is read together.

use minigate_domain::{Profile, Sessions, Tier, UserId};

use crate::{
    Store, StoreError,
    call::{Item, failed, string},
    keys::{self, ACCOUNT_PREFIX, PARTITION_KEY, SORT_KEY},
    profile::decode_profile,
    session::decode_sessions,
    tier::decode_tier,
};

/// A user's profile, sessions and tier, read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The profile; `None` for a user who never had a session.
    pub profile: Option<Profile>,
    /// The sessions.
    pub sessions: Sessions,
    /// The tier.
    pub tier: Tier,
}

impl Store {
    /// Reads a user's account: one consistent query of at most three items.
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
            .limit(3)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let mut account = Account::default();
        for item in output.items.unwrap_or_default() {
            match sort_key(&item) {
                Some(keys::PROFILE) => account.profile = Some(decode_profile(item)?),
                Some(keys::SESSIONS) => account.sessions = decode_sessions(item)?,
                Some(keys::TIER) => account.tier = decode_tier(item)?,
                _ => {}
            }
        }
        Ok(account)
    }
}

pub(crate) fn sort_key(item: &Item) -> Option<&str> {
    item.get(SORT_KEY).and_then(|value| value.as_s().ok()).map(String::as_str)
}
