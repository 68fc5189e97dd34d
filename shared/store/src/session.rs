//! The sessions item of a user: a map of at most a handful of sessions.
//!
//! One item, not one per session: the limit on their number then holds by a condition on one
//! version, a list is one read, and revoking all is one write. A refresh touches its own entry of
//! the map only, so two devices that refresh at the same time do not get in each other's way.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{
        AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        Update,
    },
};
use minigate_domain::{
    Opening, Profile, RefreshRefusal, Rotation, Session, SessionId, Sessions, Tier, Timestamp,
    UserId, explain_failed_rotation,
};
use serde::Deserialize;

use crate::{
    Store, StoreError,
    account::Account,
    call::{
        Item, decoded, encoded, failed, first_failure, image_at_failure, not_built, not_repeatable,
        number, string,
    },
    keys::{self, PARTITION_KEY, TIME_TO_LIVE},
    profile::encode_profile,
};

const ENTITY: &str = "list of sessions";

/// How often opening a session starts over when others change the same account at that moment.
/// Each lost race means that another request won, so only a client that opens more than this many
/// sessions of one user at once can use it up.
pub(crate) const MAX_ATTEMPTS: u32 = 16;

#[derive(Deserialize)]
struct SessionsItem {
    #[serde(default)]
    sessions: BTreeMap<SessionId, Session>,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    tier: Tier,
}

/// What is needed to open a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
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
    /// When the init data expires by itself, so that the guard is not needed any longer.
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
    /// When a session that gave way to this one was last opened or refreshed; `None` if none gave
    /// way. A repetition cannot tell, and says now.
    pub ended_last_used: Option<Timestamp>,
}

/// The init data was exchanged before, and only once is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyUsed;

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The sessions have ended.
    Revoked,
    /// There is no such session.
    NotFound,
    /// The session that asks has itself ended.
    CallerEnded,
}

#[derive(Clone, Copy)]
enum Written {
    Done,
    Raced,
    AlreadyUsed,
}

impl Store {
    /// Opens a session, and creates the user with their first one: one write that does all or
    /// nothing. If somebody has changed the `account` since it was [read](Self::account), it is read
    /// again.
    ///
    /// # Errors
    /// [`AlreadyUsed`], or as the outer result [`StoreError::Unavailable`],
    /// [`StoreError::Refused`], [`StoreError::Corrupt`] or [`StoreError::Contended`].
    pub async fn open_session(
        &self,
        request: &OpenSession,
        mut account: Account,
        now: Timestamp,
    ) -> Result<Result<OpenedSession, AlreadyUsed>, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let Account { profile, sessions, tier } = &account;
            let opened = |id, session: &Session, ended_last_used| {
                let (session, tier) = (session.clone(), *tier);
                let profile = profile.as_ref().unwrap_or(&request.first_profile).clone();
                Ok(Ok(OpenedSession { id, session, profile, tier, ended_last_used }))
            };
            if let Some(session) = sessions.by_id.get(&request.id) {
                // Our own write went through and only its answer was lost.
                return opened(request.id, session, Some(now));
            }
            match sessions.opening(&request.session, request.limit, now) {
                Opening::Repeated { id } => return opened(id, &sessions.by_id[&id], Some(now)),
                Opening::Added { ended } => {
                    match self.write_opening(request, &account, &ended).await? {
                        Written::Done => {
                            let last_used = |id| sessions.by_id[id].refreshed_at;
                            let ended_last_used = ended.iter().map(last_used).max();
                            return opened(request.id, &request.session, ended_last_used);
                        }
                        Written::AlreadyUsed => return Ok(Err(AlreadyUsed)),
                        Written::Raced => {}
                    }
                }
            }
            account = self.account(request.first_profile.user_id).await?;
        }
        Err(StoreError::Contended { operation: "open_session", attempts: MAX_ATTEMPTS })
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
            others.push((self.using_up(one_time_use)?, Written::AlreadyUsed));
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
        // The SDK adds an idempotency token of its own and repeats the call with the same one.
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
                _ => Err(failed("TransactWriteItems", error)),
            },
        }
    }

    /// The same update as in a transaction, as a call of its own: half the price.
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
            Err(SdkError::ServiceError(error))
                if error.err().is_transaction_conflict_exception() =>
            {
                Ok(Written::Raced)
            }
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
        let update = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(request.first_profile.user_id).into_attributes()))
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .expression_attribute_values(":next", number(sessions.version + 1))
            .expression_attribute_values(":tier", encoded(ENTITY, tier)?)
            .expression_attribute_values(":ttl", number(request.session.expires_at.unix_seconds()));
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

    fn using_up(&self, one_time_use: &OneTimeUse) -> Result<Put, StoreError> {
        Put::builder()
            .table_name(&self.tables.volatile)
            .item(PARTITION_KEY, string(keys::replay_guard(&one_time_use.hash)))
            .item(TIME_TO_LIVE, number(one_time_use.until.unix_seconds()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .build()
            .map_err(not_built)
    }

    /// Makes the next generation of a session's refresh token: one conditional write. A replayed
    /// token ends the session with a second write.
    ///
    /// # Errors
    /// The refusal, or as the outer result [`StoreError::Unavailable`], [`StoreError::Refused`] or
    /// [`StoreError::Corrupt`].
    pub async fn rotate_session(
        &self,
        user_id: UserId,
        id: SessionId,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<Result<Rotated, RefreshRefusal>, StoreError> {
        let updated = self
            .update_sessions(user_id)
            .expression_attribute_names("#session", id)
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_names("#ttl", TIME_TO_LIVE)
            .condition_expression(
                "#sessions.#session.#generation = :presented AND #sessions.#session.#expires_at > :now",
            )
            .update_expression(
                "SET #sessions.#session.#generation = :next, \
                 #sessions.#session.refreshed_at = :refreshed_at, \
                 #sessions.#session.#expires_at = :expires_at, \
                 #sessions.#session.origin = :origin, \
                 #sessions.#session.made_by = :made_by, #ttl = :ttl",
            )
            .expression_attribute_values(":presented", number(rotation.presented))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .expression_attribute_values(":next", number(rotation.next()))
            .expression_attribute_values(":refreshed_at", number(rotation.refreshed_at.unix_millis()))
            .expression_attribute_values(":expires_at", number(rotation.expires_at.unix_millis()))
            .expression_attribute_values(":origin", encoded(ENTITY, &rotation.origin)?)
            .expression_attribute_values(":made_by", encoded(ENTITY, &rotation.made_by)?)
            .expression_attribute_values(":ttl", number(rotation.expires_at.unix_seconds()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let error = match updated {
            Ok(output) => {
                let now = decode_sessions(output.attributes.unwrap_or_default())?;
                return Ok(Ok(Rotated::by(rotation, now.tier)));
            }
            Err(error) => error,
        };
        let found = sessions_at_failure(error)?;
        match explain_failed_rotation(found.by_id.get(&id), rotation, now) {
            Ok(session) => Ok(Ok(Rotated::of(&session, found.tier))),
            Err(refusal) => {
                if refusal == RefreshRefusal::Reused {
                    self.revoke_session(user_id, id, None).await?;
                }
                Ok(Err(refusal))
            }
        }
    }

    /// Reads a user's sessions: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn sessions(&self, user_id: UserId) -> Result<Sessions, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(user_id).into_attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        output.item.map_or_else(|| Ok(Sessions::default()), decode_sessions)
    }

    /// Ends one session, in one write. With `caller`, only if that session has not ended.
    ///
    /// The call is not repeated by itself: a second attempt would not find the session that the
    /// first one ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn revoke_session(
        &self,
        user_id: UserId,
        id: SessionId,
        caller: Option<SessionId>,
    ) -> Result<Revocation, StoreError> {
        let update = self
            .update_sessions(user_id)
            .expression_attribute_names("#session", id)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":one", number(1_u64))
            .update_expression("SET #version = #version + :one REMOVE #sessions.#session");
        let exists = "attribute_exists(#sessions.#session)";
        let update = match caller {
            Some(caller) => update
                .expression_attribute_names("#caller", caller)
                .condition_expression(format!("{exists} AND attribute_exists(#sessions.#caller)")),
            None => update.condition_expression(exists),
        };
        match update.customize().config_override(not_repeatable()).send().await {
            Ok(_) => Ok(Revocation::Revoked),
            Err(error) => {
                let found = sessions_at_failure(error)?;
                let is_alive = caller.is_none_or(|caller| found.by_id.contains_key(&caller));
                Ok(if is_alive { Revocation::NotFound } else { Revocation::CallerEnded })
            }
        }
    }

    /// Ends all sessions of a user, in one write. With `caller`, only if that session has not
    /// ended. Not repeated by itself, like [`Store::revoke_session`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn revoke_all_sessions(
        &self,
        user_id: UserId,
        caller: Option<SessionId>,
    ) -> Result<Revocation, StoreError> {
        let update = self
            .update_sessions(user_id)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":none", AttributeValue::M(Item::new()))
            .update_expression("SET #version = #version + :one, #sessions = :none");
        let update = match caller {
            Some(caller) => update
                .expression_attribute_names("#caller", caller)
                .condition_expression("attribute_exists(#sessions.#caller)"),
            None => update.condition_expression("attribute_exists(#sessions)"),
        };
        match update.customize().config_override(not_repeatable()).send().await {
            Ok(_) => Ok(Revocation::Revoked),
            Err(error) => {
                sessions_at_failure(error)?;
                // Without a calling session there was nothing to end, which is what was asked for.
                Ok(if caller.is_some() { Revocation::CallerEnded } else { Revocation::Revoked })
            }
        }
    }

    fn update_sessions(&self, user_id: UserId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::sessions(user_id).into_attributes()))
            .expression_attribute_names("#sessions", "sessions")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// The generation of a session's refresh token that is good after a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its number.
    pub generation: u32,
    /// When it begins, in whole seconds.
    pub refreshed_at: Timestamp,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// What the user may use.
    pub tier: Tier,
}

impl Rotated {
    /// What the refresh token of a session says at the moment.
    pub fn of(session: &Session, tier: Tier) -> Self {
        let Session { generation, refreshed_at, expires_at, .. } = *session;
        Self { generation, refreshed_at, expires_at, tier }
    }

    fn by(rotation: &Rotation, tier: Tier) -> Self {
        let Rotation { refreshed_at, expires_at, .. } = *rotation;
        Self { generation: rotation.next(), refreshed_at, expires_at, tier }
    }
}

pub(crate) fn decode_sessions(item: Item) -> Result<Sessions, StoreError> {
    let SessionsItem { sessions, version, tier } = decoded(ENTITY, item)?;
    Ok(Sessions { by_id: sessions, version, tier })
}

/// The sessions as a failed condition found them; any other failure stays one.
fn sessions_at_failure(error: SdkError<UpdateItemError>) -> Result<Sessions, StoreError> {
    image_at_failure(error)?.map_or_else(|| Ok(Sessions::default()), decode_sessions)
}

fn is_condition_failure(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}
