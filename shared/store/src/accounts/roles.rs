//! The roles item of a user, which is read with the account, and the document of administrators by
//! grant, which knows who is the last one.
//!
//! A change of the role `admin` writes both, and the audit record, in one transaction. Each has a
//! version, so two administrators who withdraw each other's role at the same moment do not both
//! succeed where one of them is the last.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};
use minigate_domain::{
    AuditEntry, Grant, GrantedAdmins, Role, RoleChange, RoleRefusal, Roles, Timestamp, UserId,
};
use serde::Serialize;

use crate::{
    AccountStore, Store, StoreError,
    audit::append,
    backoff::{Backoff, CONTENTION},
    call::{Item, decoded, first_failure, not_built, number, transaction_failed},
    keys::{self, PARTITION_KEY},
};

const ENTITY: &str = "roles";
const ADMINS: &str = "list of administrators";

/// What became of a change of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleOutcome {
    /// These are the user's roles now.
    Changed(Roles),
    /// Nothing has changed.
    Refused(RoleRefusal),
}

impl AccountStore {
    /// Grants or withdraws a role and records who did it, in one write that does all or nothing.
    /// `has_other_admins` says whether the deployment has administrators whom no grant makes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn change_role(
        &self,
        user_id: UserId,
        change: &RoleChange,
        has_other_admins: bool,
        entry: &AuditEntry,
        now: Timestamp,
    ) -> Result<RoleOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, (entry.id, user_id));
        let mut attempts = 1;
        let documents = Store::new(self.client.clone(), self.tables.clone());
        loop {
            let account = self.account(user_id).await?;
            let before = account.roles;
            let after = match before.changed(user_id, change, now) {
                Ok(_) if account.profile.is_none() => {
                    return Ok(RoleOutcome::Refused(RoleRefusal::UnknownUser));
                }
                Ok(_) if account.erasure.is_some() && matches!(change, RoleChange::Grant(..)) => {
                    return Ok(RoleOutcome::Refused(RoleRefusal::BeingErased));
                }
                Ok(after) => after,
                Err(refusal) => return Ok(RoleOutcome::Refused(refusal)),
            };
            let mut writes = vec![self.put_roles(user_id, &before, &after)?];
            if change.role() == Role::Admin {
                let known = documents.documents().await?.admins?;
                match known.changed(user_id, change, has_other_admins, now) {
                    Ok(admins) => writes.push(self.put_admins(&known, &admins)?),
                    Err(refusal) => return Ok(RoleOutcome::Refused(refusal)),
                }
            }
            let role = change.role();
            let entry = entry.clone().change(
                json_of(role, before.grants.get(&role)),
                json_of(role, after.grants.get(&role)),
            );
            writes.push(append(&self.tables.audit, &entry)?);
            if matches!(change, RoleChange::Grant(..)) {
                writes.push(self.check_no_erasure(user_id)?);
            }
            let write = self.client.transact_write_items().set_transact_items(Some(writes));
            match write.send().await {
                Ok(_) => return Ok(RoleOutcome::Changed(after)),
                // Somebody else has changed a role at this moment.
                Err(error)
                    if matches!(
                        first_failure(&error),
                        Some((_, "ConditionalCheckFailed" | "TransactionConflict"))
                    ) =>
                {
                    if !backoff.pause().await {
                        return Err(StoreError::Contended { operation: "change_role", attempts });
                    }
                    attempts += 1;
                }
                Err(error) => return Err(transaction_failed(error)),
            }
        }
    }

    /// That the user has not asked for an erasure since the account was read.
    fn check_no_erasure(&self, user_id: UserId) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::erasure(user_id).into_attributes()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()
            .map_err(not_built)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn put_roles(
        &self,
        user_id: UserId,
        before: &Roles,
        after: &Roles,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::roles(user_id).into_attributes();
        self.put_version(ENTITY, after, key, before.version)
    }

    fn put_admins(
        &self,
        before: &GrantedAdmins,
        after: &GrantedAdmins,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::document(keys::ADMINS).into_attributes();
        self.put_version(ADMINS, after, key, before.version)
    }

    /// Puts an item if it still has the version that was read.
    fn put_version(
        &self,
        entity: &'static str,
        value: &impl Serialize,
        key: Item,
        known: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item: Item = serde_dynamo::to_item(value)
            .map_err(|source| StoreError::Corrupt { entity, source })?;
        item.extend(key);
        let put = Put::builder().table_name(&self.tables.main).set_item(Some(item));
        let put = if known == 0 {
            put.condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY)
        } else {
            put.condition_expression("#version = :known")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":known", number(known))
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }
}

/// Takes a user who is being erased off the list of administrators.
pub(crate) async fn erase_admin(store: &Store, user_id: UserId) -> Result<(), StoreError> {
    let mut backoff = Backoff::new(CONTENTION, user_id);
    let mut attempts = 1;
    loop {
        let known = store.documents().await?.admins?;
        let Some(after) = known.without(user_id) else { return Ok(()) };
        let write = store.client.transact_write_items();
        let write = write.transact_items(store.accounts().put_admins(&known, &after)?);
        match write.send().await {
            Ok(_) => return Ok(()),
            Err(error)
                if matches!(
                    first_failure(&error),
                    Some((_, "ConditionalCheckFailed" | "TransactionConflict"))
                ) =>
            {
                if !backoff.pause().await {
                    return Err(StoreError::Contended { operation: "erase_admin", attempts });
                }
                attempts += 1;
            }
            Err(error) => return Err(transaction_failed(error)),
        }
    }
}

/// A grant, for the trail.
fn json_of(role: Role, grant: Option<&Grant>) -> Option<String> {
    Some(match grant?.expires_at.map(Timestamp::unix_seconds) {
        Some(end) => format!(r#"{{"role":"{role}","expires_at":{end}}}"#),
        None => format!(r#"{{"role":"{role}"}}"#),
    })
}

pub(crate) fn decode_roles(item: Item) -> Result<Roles, StoreError> {
    decoded(ENTITY, item)
}

pub(crate) fn decode_admins(item: Item) -> Result<GrantedAdmins, StoreError> {
    decoded(ADMINS, item)
}
