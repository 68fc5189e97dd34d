//! Opening a session: the one write of a user's account whose outcome depends on all of it.
//!
//! It is computed from the account as it was read, and conditional on that account being unchanged. Otherwise it
//! starts again from a new read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{Put, TransactWriteItem, Update},
};
use minigate_domain::{Opening, Profile, Session, SessionId, Tier, Timestamp, UserId};

use super::Account;
use crate::{
    AccountStore, StoreError,
    backoff::{Backoff, CONFLICT, CONTENTION},
    call::{
        encoded, failed, first_failure, is_condition_failure, is_conflict, not_built, number,
        string, transaction_failed,
    },
    keys::{self, PARTITION_KEY, TIME_TO_LIVE},
    profile::encode_profile,
    sessions::{ENTITY, time_to_live},
};

/// The attribute of a replay guard with the session that the init data was exchanged for.
const EXCHANGED_FOR: &str = "session";

/// What is needed to open a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Whose session it is.
    pub user_id: UserId,
    /// The id of the new session.
    pub id: SessionId,
    /// The new session.
    pub session: Session,
    /// The profile that the user gets if this is their first session.
    pub first_profile: Profile,
    /// How many sessions a user may have at once; at least 1.
    pub limit: usize,
    /// Set where init data may be exchanged only once.
    pub one_time_use: Option<OneTimeUse>,
}

/// What makes a second exchange of the same init data fail.
#[derive(Clone, Debug)]
pub struct OneTimeUse {
    /// The init data's `hash`: no two init data have the same.
    pub hash: String,
    /// Until when the guard is kept: longer than the init data can be taken by anybody.
    pub until: Timestamp,
}

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// Its id: the one asked for, or that of the session which the same request opened before.
    pub id: SessionId,
    /// The session.
    pub session: Session,
    /// The user.
    pub profile: Profile,
    /// What the user may use.
    pub tier: Tier,
    /// When the session that this one evicted was last opened or refreshed; `None` if it evicted none. A retry
    /// cannot know, and returns the present moment.
    pub ended_last_used: Option<Timestamp>,
    /// When the account is erased unless the user takes that back.
    pub erases_at: Option<Timestamp>,
}

/// What became of the opening of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is made once a request, and mostly the larger one"
)]
pub enum OpenOutcome {
    /// It is open.
    Opened(OpenedSession),
    /// The init data was exchanged before, and only once is allowed.
    AlreadyUsed,
    /// The account is being erased. When that is done, the user can begin anew.
    BeingErased,
}

#[derive(Clone, Copy)]
enum Written {
    Done,
    Raced,
    AlreadyUsed,
}

/// The outcome of using up init data that may be exchanged once.
enum Use {
    Allowed,
    AlreadyUsed,
}

impl AccountStore {
    /// Opens a session, and creates the user with their first one: one write that does all or
    /// nothing. If somebody has changed the `account` since it was [read](Self::account), it is read
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn open_session(
        &self,
        request: &OpenSession,
        mut account: Account,
        now: Timestamp,
    ) -> Result<OpenOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, request.id);
        let (mut attempts, mut is_used_up) = (1, false);
        loop {
            let Account { profile, sessions, tier, erasure, .. } = &account;
            if erasure.as_ref().is_some_and(|erasure| erasure.is_due(now)) {
                return Ok(OpenOutcome::BeingErased);
            }
            let opened = |id, session: &Session, ended_last_used| {
                let (session, tier) = (session.clone(), *tier);
                let profile = profile.as_ref().unwrap_or(&request.first_profile).clone();
                let erases_at = erasure.as_ref().map(|erasure| erasure.due_at);
                let opened =
                    OpenedSession { id, session, profile, tier, ended_last_used, erases_at };
                Ok(OpenOutcome::Opened(opened))
            };
            if let Some(session) = sessions.by_id.get(&request.id) {
                // Our own write went through and only its answer was lost.
                return opened(request.id, session, Some(now));
            }
            let ended = match sessions.opening(&request.session, request.limit, now) {
                Opening::Repeated { id } => {
                    return match self.use_up_for(request, id).await? {
                        Use::Allowed => opened(id, &sessions.by_id[&id], Some(now)),
                        Use::AlreadyUsed => Ok(OpenOutcome::AlreadyUsed),
                    };
                }
                Opening::Added { .. } if is_used_up => return Ok(OpenOutcome::AlreadyUsed),
                Opening::Added { ended } => ended,
            };
            match self.write_opening(request, &account, &ended).await? {
                Written::Done => {
                    let last_used = |id| sessions.by_id[id].refreshed_at;
                    let ended_last_used = ended.iter().map(last_used).max();
                    return opened(request.id, &request.session, ended_last_used);
                }
                // Perhaps by the same request, which came a moment before: then its session is there.
                Written::AlreadyUsed if request.session.made_by.is_some() => is_used_up = true,
                Written::AlreadyUsed => return Ok(OpenOutcome::AlreadyUsed),
                Written::Raced if backoff.pause().await => attempts += 1,
                Written::Raced => {
                    return Err(StoreError::Contended { operation: "open_session", attempts });
                }
            }
            account = self.account(request.user_id).await?;
        }
    }

    /// Uses init data up for a session that the same request has opened before, which the guard says
    /// already unless this is other init data. Without one-time use there is nothing to do.
    async fn use_up_for(
        &self,
        request: &OpenSession,
        session: SessionId,
    ) -> Result<Use, StoreError> {
        let Some(one_time_use) = &request.one_time_use else { return Ok(Use::Allowed) };
        let put = self.using_up(one_time_use, session)?;
        let put = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .condition_expression("attribute_not_exists(#pk) OR #session = :session")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#session", EXCHANGED_FOR)
            .expression_attribute_values(":session", string(session));
        let mut backoff = Backoff::new(CONFLICT, request.id);
        loop {
            let error = match put.clone().send().await {
                Ok(_) => return Ok(Use::Allowed),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    return Ok(Use::AlreadyUsed);
                }
                // Another repetition is about to find that it has been here.
                Some(PutItemError::TransactionConflictException(_)) if backoff.pause().await => {}
                _ => return Err(failed("PutItem", error)),
            }
        }
    }

    async fn write_opening(
        &self,
        request: &OpenSession,
        account: &Account,
        ended: &[SessionId],
    ) -> Result<Written, StoreError> {
        let update = self.adding(request, account, ended)?;
        let mut others = Vec::new();
        if let Some(one_time_use) = &request.one_time_use {
            others.push((self.using_up(one_time_use, request.id)?, Written::AlreadyUsed));
        }
        if account.profile.is_none() {
            others.push((self.creating(&request.first_profile)?, Written::Raced));
        }
        if others.is_empty() {
            return self.update_alone(update).await;
        }
        let (puts, meanings): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        let puts = puts.into_iter().map(|put| TransactWriteItem::builder().put(put).build());
        let update = TransactWriteItem::builder().update(update).build();
        // The SDK adds an idempotency token and retries the call with the same one.
        let written = self
            .client
            .transact_write_items()
            .set_transact_items(Some(puts.chain([update]).collect()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(Written::Done),
            Err(error) => match first_failure(&error) {
                Some((index, "ConditionalCheckFailed")) => {
                    Ok(meanings.get(index).copied().unwrap_or(Written::Raced))
                }
                Some((_, "TransactionConflict")) => Ok(Written::Raced),
                _ => Err(transaction_failed(error)),
            },
        }
    }

    /// The same update as in a transaction, as a separate call: half the price.
    async fn update_alone(&self, update: Update) -> Result<Written, StoreError> {
        let updated = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(Written::Done),
            Err(error) if is_condition_failure(&error) => Ok(Written::Raced),
            // A transaction on the same item is under way.
            Err(error) if is_conflict(&error) => Ok(Written::Raced),
            Err(error) => Err(failed("UpdateItem", error)),
        }
    }

    /// The write that adds a session, if nobody opened or revoked one, or gave the
    /// user another tier, since the account was read.
    fn adding(
        &self,
        request: &OpenSession,
        Account { sessions, tier, .. }: &Account,
        ended: &[SessionId],
    ) -> Result<Update, StoreError> {
        // The item outlives each of its sessions, also those opened when they lasted longer.
        let kept = sessions.by_id.iter().filter(|(id, _)| !ended.contains(id));
        let ends = kept.map(|(_, session)| session.expires_at);
        let last_end = ends.fold(request.session.expires_at, Ord::max);
        let update = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(request.user_id).into_attributes()))
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .expression_attribute_values(":next", number(sessions.version + 1))
            .expression_attribute_values(":tier", encoded(ENTITY, tier)?)
            .expression_attribute_values(":ttl", number(time_to_live(last_end)));
        let update = if sessions.version == 0 {
            let first = BTreeMap::from([(request.id, &request.session)]);
            update
                .condition_expression("attribute_not_exists(#version)")
                .update_expression(
                    "SET #sessions = :first, #version = :next, tier = :tier, #ttl = :ttl",
                )
                .expression_attribute_values(":first", encoded(ENTITY, &first)?)
        } else {
            let mut expression =
                "SET #sessions.#new = :new, #version = :next, tier = :tier, #ttl = :ttl".to_owned();
            let mut update = update
                .condition_expression("#version = :read")
                .expression_attribute_values(":read", number(sessions.version))
                .expression_attribute_names("#new", request.id)
                .expression_attribute_values(":new", encoded(ENTITY, &request.session)?);
            for (index, id) in ended.iter().enumerate() {
                expression += if index == 0 { " REMOVE " } else { ", " };
                expression += &format!("#sessions.#ended{index}");
                update = update.expression_attribute_names(format!("#ended{index}"), *id);
            }
            update.update_expression(expression)
        };
        update.build().map_err(not_built)
    }

    fn creating(&self, profile: &Profile) -> Result<Put, StoreError> {
        Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(encode_profile(profile)?))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()
            .map_err(not_built)
    }

    fn using_up(&self, one_time_use: &OneTimeUse, session: SessionId) -> Result<Put, StoreError> {
        Put::builder()
            .table_name(&self.tables.volatile)
            .item(PARTITION_KEY, string(keys::replay_guard(&one_time_use.hash)))
            .item(EXCHANGED_FOR, string(session))
            .item(TIME_TO_LIVE, number(one_time_use.until.unix_seconds()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()
            .map_err(not_built)
    }
}
