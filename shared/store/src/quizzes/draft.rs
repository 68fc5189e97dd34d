//! The draft of a quiz: the author's document, which is replaced as a whole.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minigate_domain::{
    Timestamp, UserId,
    quizzes::{ContentHash, Quiz, QuizDraft, QuizId, QuizStatus},
};

use super::{
    corrupt,
    item::{FORMAT, QuizItem, hash},
    text,
};
use crate::{
    Store, StoreError,
    backoff::{Backoff, CONTENTION},
    call::{Item, failed, first_failure, not_built, number, string, transaction_failed},
    keys,
};

const ENTITY: &str = "draft of a quiz";

/// A draft as it is stored.
#[derive(Clone, Debug)]
pub struct StoredDraft {
    /// Its author; `None` once they were erased.
    pub owner: Option<UserId>,
    /// Counts its changes, from 1.
    pub number: u64,
    /// The document, with its answers.
    pub draft: QuizDraft,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// A draft to be stored.
#[derive(Clone, Debug)]
pub struct PutDraft<'a> {
    /// Of which quiz.
    pub quiz: &'a QuizId,
    /// The document, whose [faults](QuizDraft::faults) the caller has excluded.
    pub draft: &'a QuizDraft,
    /// Who writes it, and owns the quiz if it is new.
    pub author: UserId,
    /// Whether the author may change the quizzes of others.
    pub may_change_all: bool,
    /// What the author knows of it.
    pub known: KnownDraft,
    /// When.
    pub now: Timestamp,
}

/// What a writer knows of the draft that they replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownDraft {
    /// Nothing: whatever is there is replaced.
    Nothing,
    /// There is one.
    Some,
    /// There is none.
    None,
    /// It has this number.
    Number(u64),
}

/// What became of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutDraftOutcome {
    /// There is a new quiz.
    Created(Quiz),
    /// The draft is replaced, or was the same before.
    Saved(Quiz),
    /// The draft is not the one that the writer knows; `None`: there is none.
    Stale(Option<Quiz>),
    /// The quiz belongs to somebody else.
    NotOwner,
}

impl KnownDraft {
    fn holds(self, found: Option<&QuizItem>) -> bool {
        match self {
            Self::Nothing => true,
            Self::Some => found.is_some(),
            Self::None => found.is_none(),
            Self::Number(number) => found.is_some_and(|item| item.quiz.draft == number),
        }
    }

    /// Whether a draft with the same content is the one that this writer has written before, and only the answer
    /// was lost.
    fn is_before(self, found: &QuizItem) -> bool {
        match self {
            Self::Nothing | Self::Some => true,
            Self::None => found.quiz.draft == 1,
            Self::Number(number) => [number, number + 1].contains(&found.quiz.draft),
        }
    }
}

impl Store {
    /// A draft with its answers: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn quiz_draft(&self, id: &QuizId) -> Result<Option<StoredDraft>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::quiz_draft(id).into_attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        output.item.map(decode_draft).transpose()
    }

    /// Stores a draft: one read and one transaction, or the read alone if the draft is the same as before.
    /// Safe to repeat.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn put_quiz_draft(
        &self,
        request: &PutDraft<'_>,
    ) -> Result<PutDraftOutcome, StoreError> {
        let content = serde_json::to_string(request.draft)
            .map_err(|_| corrupt(ENTITY, "it cannot be written as JSON"))?;
        let (sha256, mut attempts) = (hash(&content), 1);
        let mut backoff = Backoff::new(CONTENTION, (request.author, request.now));
        loop {
            let found = self.quiz_item(request.quiz).await?;
            let is_owner = |item: &QuizItem| item.quiz.owner == Some(request.author);
            if !request.may_change_all && found.as_ref().is_some_and(|item| !is_owner(item)) {
                return Ok(PutDraftOutcome::NotOwner);
            }
            if let Some(item) = &found
                && item.draft_sha256 == sha256
                && request.known.is_before(item)
            {
                return Ok(PutDraftOutcome::Saved(item.quiz.clone()));
            }
            if !request.known.holds(found.as_ref()) {
                return Ok(PutDraftOutcome::Stale(found.map(|item| item.quiz)));
            }
            let known = found.as_ref().map(|item| item.revision);
            let mut item = found.unwrap_or_else(|| first(request, sha256.clone()));
            item.draft_sha256 = sha256.clone();
            item.revision += 1;
            item.quiz.draft += 1;
            item.quiz.updated_at = request.now;
            let mut writes = vec![
                self.putting_quiz(request.quiz, &item, known)?,
                self.putting_draft(request.quiz, &item.quiz, &content)?,
            ];
            if known.is_none() {
                let created_at = item.quiz.created_at.unix_millis();
                writes.push(self.claiming(request.quiz, request.author, created_at)?);
            }
            let write = self.client.transact_write_items().set_transact_items(Some(writes));
            match write.send().await {
                Ok(_) if known.is_none() => return Ok(PutDraftOutcome::Created(item.quiz)),
                Ok(_) => return Ok(PutDraftOutcome::Saved(item.quiz)),
                Err(error) if first_failure(&error).is_some_and(is_race) => {}
                Err(error) => return Err(transaction_failed(error)),
            }
            if !backoff.pause().await {
                return Err(StoreError::Contended { operation: "put_quiz_draft", attempts });
            }
            attempts += 1;
        }
    }

    fn putting_draft(
        &self,
        id: &QuizId,
        quiz: &Quiz,
        content: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(keys::quiz_draft(id).into_attributes()))
            .item("format", number(FORMAT))
            .item("draft", number(quiz.draft))
            .item("updated_at", number(quiz.updated_at.unix_millis()))
            .item("content", string(content));
        let put = match quiz.owner {
            Some(owner) => put.item("owner", number(owner.get())),
            None => put,
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }
}

/// A quiz before its first draft.
fn first(request: &PutDraft<'_>, draft_sha256: ContentHash) -> QuizItem {
    QuizItem {
        quiz: Quiz {
            owner: Some(request.author),
            status: QuizStatus::Draft,
            draft: 0,
            updated_at: request.now,
            created_at: request.now,
            card: None,
        },
        revision: 0,
        draft_sha256,
        published_sha256: None,
        listed: Vec::new(),
    }
}

/// Whether somebody else changed the quiz at the same time.
pub(super) fn is_race((_, reason): (usize, &str)) -> bool {
    matches!(reason, "ConditionalCheckFailed" | "TransactionConflict")
}

#[derive(serde::Deserialize)]
struct DraftItem {
    owner: Option<UserId>,
    draft: u64,
    updated_at: Timestamp,
}

pub(super) fn decode_draft(item: Item) -> Result<StoredDraft, StoreError> {
    let content = text(&item, "content").ok_or_else(|| corrupt(ENTITY, "it has no content"))?;
    let draft =
        serde_json::from_str(content).map_err(|_| corrupt(ENTITY, "its content is no quiz"))?;
    let DraftItem { owner, draft: number, updated_at } = crate::call::decoded(ENTITY, item)?;
    Ok(StoredDraft { owner, number, draft, updated_at })
}
