//! The profile item of a user.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use minigate_domain::{Profile, ProfileChange, Timestamp, UserId};

use crate::{
    AccountStore, StoreError,
    call::{self, Item, Repeat, decoded, encoded, image_at_failure, number},
    keys,
};

const ENTITY: &str = "profile";

/// What became of a change of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The profile, changed.
    Changed(Profile),
    /// Somebody else changed the profile since the version that the caller knows.
    Stale(Profile),
    /// There is no such user.
    NoProfile,
}

impl AccountStore {
    /// Changes the named fields of a profile in one conditional write. With `known_version`, only
    /// if the profile still has that version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn change_profile(
        &self,
        user_id: UserId,
        change: &ProfileChange,
        known_version: Option<u64>,
        now: Timestamp,
    ) -> Result<ChangeOutcome, StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::profile(user_id).into_attributes()))
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":now", number(now.unix_millis()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut assignments = vec!["updated_at = :now", "#version = #version + :one"];
        if let Some(name) = &change.display_name {
            assignments.push("display_name = :name");
            update = update.expression_attribute_values(":name", encoded(ENTITY, name)?);
        }
        if let Some(language) = &change.language {
            assignments.push("#language = :language");
            update = update
                .expression_attribute_names("#language", "language")
                .expression_attribute_values(":language", encoded(ENTITY, language)?);
        }
        if let Some(choice) = change.notifications {
            assignments.push("notifications = :choice");
            update = update.expression_attribute_values(":choice", encoded(ENTITY, &choice)?);
        }
        if let Some(choice) = change.leaderboard_name {
            assignments.push("leaderboard_name = :shown");
            update = update.expression_attribute_values(":shown", encoded(ENTITY, &choice)?);
        }
        update = match known_version {
            Some(version) => update
                .condition_expression("#version = :known")
                .expression_attribute_values(":known", number(version)),
            None => update.condition_expression("attribute_exists(#version)"),
        };
        let changing = update.update_expression(format!("SET {}", assignments.join(", ")));
        match call::update(changing, Repeat::Safely, (user_id, now)).await {
            Ok(output) => {
                decode_profile(output.attributes.unwrap_or_default()).map(ChangeOutcome::Changed)
            }
            Err(error) => {
                let found = image_at_failure(error)?.map(decode_profile).transpose()?;
                Ok(explain_failed_change(found, change, known_version))
            }
        }
    }
}

/// A change that stands already, as the very next version, is this change: its answer was lost.
fn explain_failed_change(
    found: Option<Profile>,
    change: &ProfileChange,
    known_version: Option<u64>,
) -> ChangeOutcome {
    match found {
        None => ChangeOutcome::NoProfile,
        Some(profile) => {
            let is_next = known_version.is_some_and(|known| profile.version == known + 1);
            if is_next && change.is_made_in(&profile) {
                ChangeOutcome::Changed(profile)
            } else {
                ChangeOutcome::Stale(profile)
            }
        }
    }
}

pub(crate) fn encode_profile(profile: &Profile) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(profile)
        .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
    item.extend(keys::profile(profile.user_id).into_attributes());
    Ok(item)
}

pub(crate) fn decode_profile(item: Item) -> Result<Profile, StoreError> {
    decoded(ENTITY, item)
}
