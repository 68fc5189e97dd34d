//! The open attempts in the order of their deadlines, so that one that nobody looks at again is scored too.

use minigate_domain::{
    AttemptId, Timestamp, UserId,
    quizzes::{QuizId, Version},
};
use serde::Deserialize;

use crate::{
    Store, StoreError,
    call::{decoded, failed, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// An attempt whose time is over and that nobody has scored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DueAttempt {
    /// Whose it is.
    #[serde(rename = "user")]
    pub user_id: UserId,
    /// The attempt.
    #[serde(rename = "attempt")]
    pub id: AttemptId,
    /// The quiz.
    pub quiz: QuizId,
    /// The version.
    pub version: Version,
}

impl Store {
    /// The attempts of one of [`AttemptId::SHARDS`] shards whose deadlines lie before a moment, at most `limit`,
    /// the oldest first: one query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn due_attempts(
        &self,
        shard: u8,
        before: Timestamp,
        limit: u8,
    ) -> Result<Vec<DueAttempt>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :shard AND #sk < :before")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":shard", string(keys::due_shard(shard)))
            .expression_attribute_values(":before", string(keys::due_moment(before)))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let items = output.items.unwrap_or_default().into_iter();
        items.map(|item| decoded("deadline of an attempt", item)).collect()
    }
}
