//! What a user may do, which administrators grant and withdraw.

use minigate_domain::{AuditEntry, RoleChange, Timestamp, UserId};
use minigate_store::RoleOutcome;

use super::{Accounts, AccountsError};

impl Accounts {
    /// Grants or withdraws a role, and records that `admin` did it. It takes effect at once, on every
    /// instance. `has_other_admins` says whether the deployment has administrators whom no grant makes.
    ///
    /// # Errors
    /// [`AccountsError::NotInvalidated`], and nothing is written then unless the write itself was slow;
    /// or [`AccountsError::Store`].
    pub async fn change_role(
        &self,
        user_id: UserId,
        change: RoleChange,
        has_other_admins: bool,
        admin: UserId,
        now: Timestamp,
    ) -> Result<RoleOutcome, AccountsError> {
        let action = match change {
            RoleChange::Grant(..) => "role.granted",
            RoleChange::Withdraw(_) => "role.withdrawn",
        };
        let subject = format!("user/{user_id}");
        let entry = AuditEntry::new(&*self.0.entropy, now, admin, action, subject);
        let store = self.0.store.clone();
        let write =
            async move { store.change_role(user_id, &change, has_other_admins, &entry, now).await };
        self.change(user_id, write).await
    }
}
