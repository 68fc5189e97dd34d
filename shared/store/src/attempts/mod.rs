//! Attempts: one item each, what a user has of each quiz, and the open ones in the order of their deadlines.
//!
//! | what | calls |
//! |---|---|
//! | start | 1 transaction: the attempt, the state, the deadline, the record of the request |
//! | answer | 1 update, which has as its condition that the attempt is open and the answer fits the question |
//! | score | 1 batch of reads, 1 transaction of at most 20 writes |
//!
//! The state of a quiz names the open attempt, so there is at most one; and scoring has as its condition that the
//! attempt is as it was read and still the open one, so it happens once, however many notice its end.

mod answer;
mod due;
mod personal;
mod score;
#[cfg(test)]
mod simulation;
mod start;
mod state;

use minigate_domain::{
    AttemptId, CertificateId, Language, Timestamp, UserId,
    attempts::{Attempt, Score},
    quizzes::{QuizId, Version},
};
use serde::Deserialize;

pub(crate) use self::personal::OfAttempts;
pub use self::{
    answer::AnswerOutcome,
    due::DueAttempt,
    score::{ScoreAttempt, ScoreOutcome, ScoreWhen, Scored},
    start::{StartAttempt, StartOutcome},
    state::{Best, QuizState},
};
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, string},
    keys::{self, ATTEMPT_PREFIX, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "attempt";

/// An attempt without its questions and answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AttemptSummary {
    /// Its id.
    pub id: AttemptId,
    /// The quiz.
    pub quiz: QuizId,
    /// Its version.
    pub version: Version,
    /// The language.
    pub language: Language,
    /// The certificate that it is to renew.
    #[serde(default)]
    pub renews: Option<CertificateId>,
    /// When it was started.
    pub started_at: Timestamp,
    /// From when on it takes no answer.
    pub deadline: Timestamp,
    /// Its score, if it was scored.
    #[serde(default)]
    pub score: Option<Score>,
}

/// A part of a user's attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptPage {
    /// The attempts, the newest first.
    pub attempts: Vec<AttemptSummary>,
    /// The last one, if there may be older ones.
    pub last: Option<AttemptId>,
}

impl Store {
    /// An attempt of a user: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn attempt(
        &self,
        user_id: UserId,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let read = self.client.get_item().table_name(&self.tables.main);
        let read = read.set_key(Some(keys::attempt(user_id, id))).consistent_read(true);
        let output = read.send().await.map_err(|error| failed("GetItem", error))?;
        output.item.map(decode_attempt).transpose()
    }

    /// A user's attempts, the newest first, at most `limit` of those that are older than `before`: one
    /// consistent query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn attempts(
        &self,
        user_id: UserId,
        before: Option<AttemptId>,
        limit: u8,
    ) -> Result<AttemptPage, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :user AND begins_with(#sk, :attempts)")
            .projection_expression(
                "#id, #quiz, #version, #language, renews, started_at, deadline, #score",
            )
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#quiz", "quiz")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#language", "language")
            .expression_attribute_names("#score", "score")
            .expression_attribute_values(":user", string(keys::user(user_id)))
            .expression_attribute_values(":attempts", string(ATTEMPT_PREFIX))
            .set_exclusive_start_key(before.map(|id| keys::attempt(user_id, id)))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let is_more = output.last_evaluated_key.is_some();
        let items = output.items.unwrap_or_default().into_iter();
        let attempts: Vec<AttemptSummary> =
            items.map(|item| decoded(ENTITY, item)).collect::<Result<_, _>>()?;
        let last = attempts.last().map(|attempt| attempt.id).filter(|_| is_more);
        Ok(AttemptPage { attempts, last })
    }
}

fn decode_attempt(item: Item) -> Result<Attempt, StoreError> {
    decoded(ENTITY, item)
}
