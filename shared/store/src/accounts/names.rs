//! The names of several users at once, as far as they want them known.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use minigate_domain::{DisplayName, LeaderboardName, UserId};
use serde::Deserialize;

use crate::{
    AccountStore, StoreError,
    backoff::{Backoff, CONFLICT},
    call::{decoded, failed, not_built, throttled_in_part},
    keys,
};

#[derive(Deserialize)]
struct NameItem {
    user_id: UserId,
    display_name: DisplayName,
    #[serde(default)]
    leaderboard_name: LeaderboardName,
}

impl AccountStore {
    /// The display names of those of these users, at most a hundred, who want theirs shown on leaderboards:
    /// one read, and further ones of what a throttled table left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn shown_names(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, DisplayName>, StoreError> {
        let mut names = HashMap::new();
        if users.is_empty() {
            return Ok(names);
        }
        let keys = users.iter().map(|user| keys::profile(*user).into_attributes()).collect();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression("user_id, display_name, leaderboard_name")
            .build()
            .map_err(not_built)?;
        let mut wanted = Some(HashMap::from([(self.tables.main.clone(), wanted)]));
        let mut backoff = Backoff::new(CONFLICT, users);
        while let Some(asked) = wanted.take() {
            let call = self.client.batch_get_item().set_request_items(Some(asked)).send();
            let output = call.await.map_err(|error| failed("BatchGetItem", error))?;
            for item in output.responses.unwrap_or_default().into_values().flatten() {
                let NameItem { user_id, display_name, leaderboard_name } =
                    decoded("profile", item)?;
                if leaderboard_name == LeaderboardName::Shown {
                    names.insert(user_id, display_name);
                }
            }
            wanted = output.unprocessed_keys.filter(|left| !left.is_empty());
            if wanted.is_some() && !backoff.pause().await {
                return Err(throttled_in_part());
            }
        }
        Ok(names)
    }
}
