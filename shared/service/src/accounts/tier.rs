//! What an administrator gives a user.
//!
//! A tier is read by whoever opens or refreshes a session, from the store, and is no part of the account
//! that instances remember. So there is nothing to invalidate.

use minigate_domain::{AuditEntry, Tier, Timestamp, UserId};

use super::{Accounts, AccountsError};

impl Accounts {
    /// The tier of a user, who need not have had a session: one query.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn tier(&self, user_id: UserId) -> Result<Tier, AccountsError> {
        Ok(self.0.store.account(user_id).await?.tier)
    }

    /// Gives a user a tier and records that `admin` did it, and what it was before: one query and one
    /// write. It takes effect with the next refresh or session; access tokens keep the former tier until
    /// they end.
    ///
    /// # Errors
    /// [`AccountsError::Store`].
    pub async fn change_tier(
        &self,
        user_id: UserId,
        tier: Tier,
        admin: UserId,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let before = self.tier(user_id).await?;
        let subject = format!("user/{user_id}");
        let entry = AuditEntry::new(&*self.0.entropy, now, admin, "tier.changed", subject);
        let text = |tier: Tier| Some(format!("\"{tier}\""));
        let entry = entry.change(text(before), text(tier));
        Ok(self.0.store.set_tier(user_id, tier, &entry).await?)
    }
}
