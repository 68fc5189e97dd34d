//! Publishing and archiving: a quiz, its new version and its entries of the catalogue in one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use minigate_domain::{
    Entropy,
    quizzes::{Fault, Quiz, QuizCard, QuizDraft, QuizId, QuizStatus, Version},
};

use super::{
    QuizChange,
    draft::is_race,
    item::{Entry, QuizItem},
    version::canonical,
};
use crate::{
    Store, StoreError,
    audit::append,
    backoff::{Backoff, CONTENTION},
    call::{first_failure, transaction_failed},
};

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The draft is a new version.
    Published(Quiz),
    /// The latest version is of this draft, and the quiz is published.
    Unchanged(Quiz),
    /// The draft is not the one that the caller knows.
    Stale(Quiz),
    /// The draft cannot be published.
    Invalid(Vec<Fault>),
    /// The quiz has as many versions as there may be.
    TooManyVersions,
    /// The quiz belongs to somebody else.
    NotOwner,
    /// There is no such quiz.
    NotFound,
}

/// What became of archiving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveOutcome {
    /// It is archived, or was before.
    Archived(Quiz),
    /// It was never published.
    NotPublished,
    /// The draft is not the one that the caller knows.
    Stale(Quiz),
    /// The quiz belongs to somebody else.
    NotOwner,
    /// There is no such quiz.
    NotFound,
}

enum Written {
    Done,
    Raced,
}

impl Store {
    /// Makes the draft of a quiz its next version: one query and one transaction, or the query alone if that was
    /// done before. An archived quiz is listed again. Safe to repeat.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn publish_quiz(
        &self,
        id: &QuizId,
        change: &QuizChange,
        entropy: &dyn Entropy,
    ) -> Result<PublishOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, change.entry.id);
        let mut attempts = 1;
        loop {
            let Some((item, draft)) = self.quiz_with_draft(id).await? else {
                return Ok(PublishOutcome::NotFound);
            };
            if !change.is_by_owner_of(&item) {
                return Ok(PublishOutcome::NotOwner);
            }
            if !change.knows(&item) {
                return Ok(PublishOutcome::Stale(item.quiz));
            }
            let is_published = item.is_draft_published();
            if is_published && item.quiz.status == QuizStatus::Published {
                return Ok(PublishOutcome::Unchanged(item.quiz));
            }
            let (quiz, written) = if is_published {
                self.relist(id, item, change).await?
            } else {
                match self.publish_draft(id, item, &draft, change, entropy).await? {
                    Ok(published) => published,
                    Err(refused) => return Ok(refused),
                }
            };
            match written {
                Written::Done => return Ok(PublishOutcome::Published(quiz)),
                Written::Raced if backoff.pause().await => attempts += 1,
                Written::Raced => {
                    return Err(StoreError::Contended { operation: "publish_quiz", attempts });
                }
            }
        }
    }

    async fn publish_draft(
        &self,
        id: &QuizId,
        mut item: QuizItem,
        draft: &QuizDraft,
        change: &QuizChange,
        entropy: &dyn Entropy,
    ) -> Result<Result<(Quiz, Written), PublishOutcome>, StoreError> {
        let latest = item.quiz.card.as_ref().map(|card| card.version);
        let Some(version) = latest.map_or(Some(Version::FIRST), Version::next) else {
            return Ok(Err(PublishOutcome::TooManyVersions));
        };
        let publication = match draft.publish(entropy) {
            Ok(publication) => publication,
            Err(faults) => return Ok(Err(PublishOutcome::Invalid(faults))),
        };
        let (content, sha256) = canonical(&publication.quiz)?;
        let card = QuizCard::new(&publication.quiz, version, sha256, change.entry.at);
        let put = self.putting_version(id, &content, &publication, &card)?;
        item.quiz.card = Some(card);
        item.published_sha256 = Some(item.draft_sha256.clone());
        let written = self.write(id, &mut item, QuizStatus::Published, change, Some(put)).await?;
        Ok(Ok((item.quiz, written)))
    }

    /// Lists an archived quiz again.
    async fn relist(
        &self,
        id: &QuizId,
        mut item: QuizItem,
        change: &QuizChange,
    ) -> Result<(Quiz, Written), StoreError> {
        let written = self.write(id, &mut item, QuizStatus::Published, change, None).await?;
        Ok((item.quiz, written))
    }

    /// Takes a quiz out of all lists and closes it to new attempts: one read and one transaction, or the read
    /// alone if that was done before. Its versions stay readable. Safe to repeat.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn archive_quiz(
        &self,
        id: &QuizId,
        change: &QuizChange,
    ) -> Result<ArchiveOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, change.entry.id);
        let mut attempts = 1;
        loop {
            let Some(mut item) = self.quiz_item(id).await? else {
                return Ok(ArchiveOutcome::NotFound);
            };
            if !change.is_by_owner_of(&item) {
                return Ok(ArchiveOutcome::NotOwner);
            }
            match item.quiz.status {
                QuizStatus::Draft => return Ok(ArchiveOutcome::NotPublished),
                QuizStatus::Archived => return Ok(ArchiveOutcome::Archived(item.quiz)),
                QuizStatus::Published => {}
            }
            if !change.knows(&item) {
                return Ok(ArchiveOutcome::Stale(item.quiz));
            }
            match self.write(id, &mut item, QuizStatus::Archived, change, None).await? {
                Written::Done => return Ok(ArchiveOutcome::Archived(item.quiz)),
                Written::Raced if backoff.pause().await => attempts += 1,
                Written::Raced => {
                    return Err(StoreError::Contended { operation: "archive_quiz", attempts });
                }
            }
        }
    }

    /// Writes the quiz with its new status, replaces its entries of the catalogue and records it.
    async fn write(
        &self,
        id: &QuizId,
        item: &mut QuizItem,
        status: QuizStatus,
        change: &QuizChange,
        version: Option<TransactWriteItem>,
    ) -> Result<Written, StoreError> {
        let known = item.revision;
        item.revision += 1;
        item.quiz.status = status;
        item.quiz.updated_at = change.entry.at;
        let entries: BTreeMap<_, _> = match item.quiz.published() {
            Some(card) => {
                let listed = card.listed(id).into_iter();
                listed.map(|(list, summary)| (Entry::of(&list, &summary), summary)).collect()
            }
            None => BTreeMap::new(),
        };
        let former = std::mem::replace(&mut item.listed, entries.keys().cloned().collect());
        let mut writes = vec![self.putting_quiz(id, item, Some(known))?];
        writes.extend(version);
        for entry in former.into_iter().filter(|entry| !entries.contains_key(entry)) {
            writes.push(self.removing(entry)?);
        }
        for (entry, summary) in &entries {
            writes.push(self.listing(entry, summary)?);
        }
        writes.push(append(&self.tables.audit, &change.entry)?);
        // The SDK adds an idempotency token of its own and repeats the call with the same one.
        let written =
            self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match written {
            Ok(_) => Ok(Written::Done),
            Err(error) if first_failure(&error).is_some_and(is_race) => Ok(Written::Raced),
            Err(error) => Err(transaction_failed(error)),
        }
    }
}

impl QuizChange {
    fn is_by_owner_of(&self, item: &QuizItem) -> bool {
        self.only_of.is_none_or(|user| Some(user) == item.quiz.owner)
    }

    fn knows(&self, item: &QuizItem) -> bool {
        self.known_draft.is_none_or(|number| number == item.quiz.draft)
    }
}
