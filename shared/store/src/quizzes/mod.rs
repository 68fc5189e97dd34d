//! Quizzes: the quiz itself, its draft, its published versions and the lists that it is in.
//!
//! | item | what | who reads it |
//! |---|---|---|
//! | `META` | owner, status, latest version without its questions, entries of the catalogue | everybody, through the cache |
//! | `DRAFT` | the author's document, answers included | its author and administrators |
//! | `V#0003` | one version: its content, and its key in an attribute of its own | the content everybody who takes it, the key whoever scores |
//! | `CATALOG#…` | a summary for each list | everybody, through the cache |
//! | `USER#… QUIZ#…` | whose the quiz is | its author, in an export |
//!
//! `META` counts its revisions, and every write is a transaction on the revision that was read. So `DRAFT` and the
//! catalogue, which change only together with `META`, need no condition of their own. A version is put if
//! absent and never written again.
//!
//! A read for the public names the attributes it wants, and the key is not among them: DynamoDB does not
//! send it, so no process that serves questions has ever had the answers.

mod catalogue;
mod draft;
mod item;
mod personal;
mod publish;
mod version;

use minigate_domain::{
    AuditEntry, UserId,
    quizzes::{Quiz, QuizDraft, QuizId},
};

pub use catalogue::CataloguePage;
pub use draft::{KnownDraft, PutDraft, PutDraftOutcome, StoredDraft};
pub(crate) use personal::Authored;
pub use publish::{ArchiveOutcome, PublishOutcome};
pub(crate) use version::decode_keyed_version;
pub use version::{KeyedVersion, PublishedVersion};

use self::item::{QuizItem, decode_quiz};
use crate::{
    Store, StoreError,
    call::{Item, failed, sort_key, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// Who changes a quiz, and what they know of it.
#[derive(Clone, Debug)]
pub struct QuizChange {
    /// Only if it belongs to this user; anybody's without.
    pub only_of: Option<UserId>,
    /// Only if its draft has this number.
    pub known_draft: Option<u64>,
    /// The record of it.
    pub entry: AuditEntry,
}

impl Store {
    /// A quiz without its content: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn quiz(&self, id: &QuizId) -> Result<Option<Quiz>, StoreError> {
        Ok(self.quiz_item(id).await?.map(|item| item.quiz))
    }

    async fn quiz_item(&self, id: &QuizId) -> Result<Option<QuizItem>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::quiz(id).into_attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        output.item.map(decode_quiz).transpose()
    }

    /// A quiz and its draft, in one consistent query: their sort keys are neighbours.
    async fn quiz_with_draft(
        &self,
        id: &QuizId,
    ) -> Result<Option<(QuizItem, QuizDraft)>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :quiz AND #sk BETWEEN :draft AND :meta")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":quiz", string(keys::quiz(id).partition))
            .expression_attribute_values(":draft", string(keys::QUIZ_DRAFT))
            .expression_attribute_values(":meta", string(keys::QUIZ_META))
            .consistent_read(true)
            .limit(2)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let (mut quiz, mut draft) = (None, None);
        for item in output.items.unwrap_or_default() {
            match sort_key(&item) {
                Some(keys::QUIZ_META) => quiz = Some(decode_quiz(item)?),
                Some(keys::QUIZ_DRAFT) => draft = Some(draft::decode_draft(item)?.draft),
                _ => {}
            }
        }
        Ok(quiz.zip(draft))
    }
}

/// A string attribute of an item.
fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// Says which item it is that does not decode, and nothing of what is in it.
fn corrupt(entity: &'static str, what: &str) -> StoreError {
    StoreError::Corrupt { entity, source: serde::de::Error::custom(what) }
}
