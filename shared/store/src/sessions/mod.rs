//! The sessions item of a user: a map of at most a handful of sessions.
//!
//! One item, not one per session: the limit on their number then holds by a condition on one
//! version, a list is one read, and revoking all is one write. A refresh touches its own entry of
//! the map only, so two devices that refresh at the same time do not get in each other's way.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use minigate_domain::{
    RefreshOutcome, Rotated, Rotation, Session, SessionId, Sessions, Tier, Timestamp, UserId,
    explain_failed_rotation,
};
use serde::Deserialize;

use crate::{
    AccountStore, StoreError,
    call::{self, Item, Repeat, decoded, encoded, failed, image_at_failure, number},
    keys::{self, TIME_TO_LIVE},
};

pub(crate) const ENTITY: &str = "list of sessions";

/// For so long after its last session has ended the item is kept: clocks differ.
const MARGIN: Duration = Duration::from_secs(60 * 60);

#[derive(Deserialize)]
struct SessionsItem {
    #[serde(default)]
    sessions: BTreeMap<SessionId, Session>,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    tier: Tier,
}

/// Until when the item of sessions is kept, as the attribute for DynamoDB has it.
pub(crate) fn time_to_live(last_end: Timestamp) -> u64 {
    last_end.after(MARGIN).unix_seconds()
}

/// How long the item of a user's sessions is kept.
#[derive(Clone, Copy)]
enum Lives {
    /// Until the refreshed session ends, which is the last to do so.
    AsLongAsThis,
    /// Another one ends later.
    Longer,
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// The sessions have ended.
    Revoked,
    /// There is no such session.
    NotFound,
    /// The session that asks has itself ended.
    CallerEnded,
}

impl AccountStore {
    /// Makes the next generation of a session's refresh token: one conditional write. A replayed
    /// token is [`RefreshOutcome::Reused`], and its session must then be
    /// [revoked](Self::revoke_session).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn rotate_session(
        &self,
        user_id: UserId,
        id: SessionId,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RefreshOutcome, StoreError> {
        // Refreshes last equally long, so that the newest ends last. Only where they were made
        // shorter since, an older session of the user may outlive this one, and so must the item.
        let mut found = Sessions::default();
        for item_lives in [Lives::AsLongAsThis, Lives::Longer] {
            let rotating = self.rotating(user_id, id, rotation, now, item_lives)?;
            let error = match call::update(rotating, Repeat::Safely, (id, now)).await {
                Ok(output) => {
                    let now = decode_sessions(output.attributes.unwrap_or_default())?;
                    return Ok(RefreshOutcome::Refreshed(Rotated::by(rotation, now.tier)));
                }
                Err(error) => error,
            };
            found = sessions_at_failure(error)?;
            let is_good = |session: &Session| {
                session.generation == rotation.presented && session.is_alive(now)
            };
            if !found.by_id.get(&id).is_some_and(is_good) {
                break;
            }
        }
        Ok(explain_failed_rotation(found.by_id.get(&id), found.tier, rotation, now))
    }

    fn rotating(
        &self,
        user_id: UserId,
        id: SessionId,
        rotation: &Rotation,
        now: Timestamp,
        item_lives: Lives,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let condition =
            "#sessions.#session.#generation = :presented AND #sessions.#session.#expires_at > :now";
        let assignments = "SET #sessions.#session.#generation = :next, \
             #sessions.#session.refreshed_at = :refreshed_at, \
             #sessions.#session.#expires_at = :expires_at, \
             #sessions.#session.origin = :origin, \
             #sessions.#session.made_by = :made_by";
        let update = self
            .update_sessions(user_id)
            .expression_attribute_names("#session", id)
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":presented", number(rotation.presented))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .expression_attribute_values(":next", number(rotation.next()))
            .expression_attribute_values(
                ":refreshed_at",
                number(rotation.refreshed_at.unix_millis()),
            )
            .expression_attribute_values(":expires_at", number(rotation.expires_at.unix_millis()))
            .expression_attribute_values(":origin", encoded(ENTITY, &rotation.origin)?)
            .expression_attribute_values(":made_by", encoded(ENTITY, &rotation.made_by)?)
            .return_values(ReturnValue::AllNew);
        Ok(match item_lives {
            Lives::AsLongAsThis => update
                .condition_expression(format!("{condition} AND #ttl <= :ttl"))
                .update_expression(format!("{assignments}, #ttl = :ttl"))
                .expression_attribute_names("#ttl", TIME_TO_LIVE)
                .expression_attribute_values(":ttl", number(time_to_live(rotation.expires_at))),
            Lives::Longer => update.condition_expression(condition).update_expression(assignments),
        })
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
    ) -> Result<RevokeOutcome, StoreError> {
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
        match call::update(update, Repeat::Never, id).await {
            Ok(_) => Ok(RevokeOutcome::Revoked),
            Err(error) => {
                let found = sessions_at_failure(error)?;
                let is_alive = caller.is_none_or(|caller| found.by_id.contains_key(&caller));
                Ok(if is_alive { RevokeOutcome::NotFound } else { RevokeOutcome::CallerEnded })
            }
        }
    }

    /// Ends all sessions of a user, in one write. With `caller`, only if that session has not
    /// ended. Not repeated by itself, like [`revoke_session`](Self::revoke_session).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn revoke_all_sessions(
        &self,
        user_id: UserId,
        caller: Option<SessionId>,
    ) -> Result<RevokeOutcome, StoreError> {
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
        match call::update(update, Repeat::Never, (user_id, caller)).await {
            Ok(_) => Ok(RevokeOutcome::Revoked),
            Err(error) => {
                sessions_at_failure(error)?;
                // Without a calling session there was nothing to end, which is what was asked for.
                Ok(if caller.is_some() {
                    RevokeOutcome::CallerEnded
                } else {
                    RevokeOutcome::Revoked
                })
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

pub(crate) fn decode_sessions(item: Item) -> Result<Sessions, StoreError> {
    let SessionsItem { sessions, version, tier } = decoded(ENTITY, item)?;
    Ok(Sessions { by_id: sessions, version, tier })
}

/// The sessions as a failed condition found them; any other failure stays one.
fn sessions_at_failure(error: SdkError<UpdateItemError>) -> Result<Sessions, StoreError> {
    image_at_failure(error)?.map_or_else(|| Ok(Sessions::default()), decode_sessions)
}
