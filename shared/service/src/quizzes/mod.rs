//! Quizzes: what everybody reads of them, from memory, and what their authors change.
//!
//! | namespace | what | fresh | loads |
//! |---|---|---|---|
//! | `quizzes` | the face of a quiz: status and latest version, without questions | 5 min | 1 read |
//! | `quiz-versions` | a version: its questions, without the key | 1 h; it never changes | 1 read |
//! | `catalogue` | a page of a list | 5 min | 1 query |
//!
//! All of them are in memory only: a load costs what a copy in the table would. However many read a quiz at
//! the same time, an instance loads it once.
//!
//! The stamps of tags are trusted for as long as an entry is fresh, so that a warm read makes no call. What an author
//! changes is therefore seen at once where it was made and by [`Freshest::Required`] lookups, which read the
//! stamp, and by the others within five minutes.
//!
//! A change is written first and its tags are invalidated then. If that fails, or if the process dies between the two,
//! the author gets no answer or a 503 and repeats the request: it finds its own change, writes nothing and
//! invalidates again. At worst, others read what was true five minutes ago.
//!
//! Never here: the key. [`Quizzes`] has no method that returns one, and nothing that is cached holds one.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use minigate_cache::{
    BuildError, Cache, Cached, Levels, LoadError, Namespace, NamespaceBuilder, Tag,
};
use minigate_domain::{
    AuditEntry, Clock, Entropy, UserId,
    quizzes::{Quiz, QuizCard, QuizDraft, QuizId, QuizList, QuizStatus, QuizSummary, Version},
};
pub use minigate_store::{
    ArchiveOutcome, KnownDraft, PublishOutcome, PublishedVersion, PutDraftOutcome, StoredDraft,
};
use minigate_store::{PutDraft, QuizChange, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::{Background, Context, Service};

/// The namespaces of the cache.
pub const NAMESPACES: [&str; 3] = [QUIZZES, VERSIONS, CATALOGUE];
const QUIZZES: &str = "quizzes";
const VERSIONS: &str = "quiz-versions";
const CATALOGUE: &str = "catalogue";

const MINUTE: Duration = Duration::from_secs(60);
const FRESH: Duration = Duration::from_secs(5 * 60);
/// That there is no such quiz is known for less long: it may be published any time.
const ABSENT: Duration = Duration::from_secs(30);
/// While DynamoDB does not answer, what was true an hour ago is better than nothing.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// What everybody may know of a quiz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuizFace {
    /// Published or archived.
    pub status: QuizStatus,
    /// The latest version.
    pub card: QuizCard,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The quizzes, in the order of their titles.
    pub quizzes: Vec<QuizSummary>,
    /// The place of the last one, if there may be more behind it.
    pub last: Option<String>,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshest {
    /// Whatever the cache has.
    Cached,
    /// After every change that was acknowledged; one small read.
    Required,
}

/// Who changes a quiz.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// The user.
    pub id: UserId,
    /// Whether they may change the quizzes of others.
    pub may_change_all: bool,
}

/// The quizzes. Clones share them.
#[derive(Clone)]
pub struct Quizzes(Arc<Inner>);

struct Inner {
    faces: Namespace<QuizFace>,
    versions: Namespace<PublishedVersion>,
    catalogue: Namespace<Page>,
    cache: Cache,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    background: Background,
}

impl Service for Quizzes {
    fn new(context: &Context) -> Result<Self, BuildError> {
        let Context { cache, store, clock, entropy, background } = context.clone();
        Ok(Self(Arc::new(Inner {
            faces: changing(cache.namespace(QUIZZES, FRESH)).build()?,
            versions: in_memory(cache.namespace(VERSIONS, 60 * MINUTE)).build()?,
            catalogue: changing(cache.namespace(CATALOGUE, FRESH)).build()?,
            cache,
            store,
            clock,
            entropy,
            background,
        })))
    }
}

impl Quizzes {
    /// What everybody may know of a quiz; `None` if there is none or it was never published. 0 calls when warm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn face<'a>(
        &'a self,
        id: &'a QuizId,
        freshest: Freshest,
    ) -> BoxFuture<'a, Result<Option<Cached<QuizFace>>, StoreError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let tags = [tag_of(id)?];
            let lookup = self.0.faces.at(id.as_str()).map_err(unnamed)?.tags(&tags);
            let lookup = match freshest {
                Freshest::Cached => lookup,
                Freshest::Required => lookup.consistent(),
            };
            let (store, id) = (self.0.store.clone(), id.clone());
            let load =
                move || async move { Ok::<_, StoreError>(store.quiz(&id).await?.and_then(face)) };
            lookup.get_or_find(load).await.map_err(not_loaded)
        })
    }

    /// A version of a quiz without its key; `None` if there is no such version. 0 calls when warm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn version<'a>(
        &'a self,
        id: &'a QuizId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<Cached<PublishedVersion>>, StoreError>> {
        Box::pin(async move {
            let key = format!("{id}#{version}");
            let lookup = self.0.versions.at(&key).map_err(unnamed)?;
            let (store, id) = (self.0.store.clone(), id.clone());
            let load = move || async move { store.quiz_version(&id, version).await };
            lookup.get_or_find(load).await.map_err(not_loaded)
        })
    }

    /// The quizzes of a list behind a place, at most `limit` of them. 0 calls when warm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn page(
        &self,
        list: QuizList,
        behind: Option<String>,
        limit: u8,
        freshest: Freshest,
    ) -> BoxFuture<'_, Result<Cached<Page>, StoreError>> {
        Box::pin(async move {
            let topic = list.topic.as_ref().map_or("", |topic| topic.as_str());
            let language = list.language.as_ref().map_or("", |language| language.as_str());
            let place = behind.as_deref().unwrap_or_default();
            let key = format!("{topic}#{language}#{limit}#{place}");
            let tags = [tag(CATALOGUE)?];
            let lookup = self.0.catalogue.at(&key).map_err(unnamed)?.tags(&tags);
            let lookup = match freshest {
                Freshest::Cached => lookup,
                Freshest::Required => lookup.consistent(),
            };
            let store = self.0.store.clone();
            let load = move || async move {
                let page = store.quizzes(&list, behind.as_deref(), limit).await?;
                Ok::<_, StoreError>(Page { quizzes: page.quizzes, last: page.last })
            };
            lookup.get_or_load(load).await.map_err(not_loaded)
        })
    }

    /// A draft with its answers, as the store has it now: 1 read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn draft(&self, id: &QuizId) -> Result<Option<StoredDraft>, StoreError> {
        self.0.store.quiz_draft(id).await
    }

    /// Stores a draft. It changes nothing that everybody sees, so it invalidates nothing: 1 read, 1 transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_draft(
        &self,
        id: &QuizId,
        draft: &QuizDraft,
        author: Author,
        known: KnownDraft,
    ) -> Result<PutDraftOutcome, StoreError> {
        let Author { id: author, may_change_all } = author;
        let now = self.0.clock.now();
        let request = PutDraft { quiz: id, draft, author, may_change_all, known, now };
        self.0.store.put_quiz_draft(&request).await
    }

    /// Makes the draft the next version, and has this instance read it at once: 1 query, 1 transaction and 2 stamps.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn publish(
        &self,
        id: &QuizId,
        author: Author,
        known_draft: Option<u64>,
    ) -> Result<PublishOutcome, StoreError> {
        let (quizzes, id) = (self.clone(), id.clone());
        let work = async move {
            let change = quizzes.change(&id, author, known_draft, "quiz.published");
            let entropy = &*quizzes.0.entropy;
            let outcome = quizzes.0.store.publish_quiz(&id, &change, entropy).await?;
            if matches!(outcome, PublishOutcome::Published(_) | PublishOutcome::Unchanged(_)) {
                quizzes.invalidate(&id).await?;
            }
            Ok(outcome)
        };
        self.complete("publish_quiz", work).await
    }

    /// Takes a quiz out of all lists, and has this instance know it at once: 1 read, 1 transaction and 2 stamps.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn archive(
        &self,
        id: &QuizId,
        author: Author,
        known_draft: Option<u64>,
    ) -> Result<ArchiveOutcome, StoreError> {
        let (quizzes, id) = (self.clone(), id.clone());
        let work = async move {
            let change = quizzes.change(&id, author, known_draft, "quiz.archived");
            let outcome = quizzes.0.store.archive_quiz(&id, &change).await?;
            if matches!(outcome, ArchiveOutcome::Archived(_)) {
                quizzes.invalidate(&id).await?;
            }
            Ok(outcome)
        };
        self.complete("archive_quiz", work).await
    }

    fn change(
        &self,
        id: &QuizId,
        author: Author,
        known_draft: Option<u64>,
        action: &str,
    ) -> QuizChange {
        let Inner { entropy, clock, .. } = &*self.0;
        let entry =
            AuditEntry::new(&**entropy, clock.now(), author.id, action, id.as_str().to_owned());
        let only_of = (!author.may_change_all).then_some(author.id);
        QuizChange { only_of, known_draft, entry }
    }

    async fn invalidate(&self, id: &QuizId) -> Result<(), StoreError> {
        let (quiz, catalogue) = (tag_of(id)?, tag(CATALOGUE)?);
        let (quiz, catalogue) = tokio::join!(
            self.0.cache.invalidate_tag(&quiz),
            self.0.cache.invalidate_tag(&catalogue),
        );
        quiz.and(catalogue).map_err(|error| passing("invalidate", error))
    }

    /// Runs a write and what follows it to the end, also if the request is stopped.
    async fn complete<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.0.background.complete(work).await;
        done.unwrap_or_else(|panicked| Err(broken(operation, panicked)))
    }
}

fn face(quiz: Quiz) -> Option<QuizFace> {
    quiz.card.map(|card| QuizFace { status: quiz.status, card })
}

fn in_memory(namespace: NamespaceBuilder) -> NamespaceBuilder {
    let namespace = namespace.levels(Levels::Memory).grace(GRACE);
    // What is stale is served at once where its refresh takes long.
    namespace.soft_timeout(Duration::from_secs(1))
}

/// What an author may change. Its stamps are read no more often than the entries themselves.
fn changing(namespace: NamespaceBuilder) -> NamespaceBuilder {
    in_memory(namespace).negative_ttl(ABSENT).refresh_ahead(0.8).tag_window(FRESH + MINUTE)
}

fn tag_of(id: &QuizId) -> Result<Tag, StoreError> {
    tag(&format!("quiz#{id}"))
}

fn tag(name: &str) -> Result<Tag, StoreError> {
    Tag::new(name).map_err(unnamed)
}

fn unnamed(error: minigate_cache::NameError) -> StoreError {
    broken("name a quiz", error)
}

/// A load that failed, as the store said it.
fn not_loaded(error: LoadError) -> StoreError {
    let found = error.downcast_ref();
    if matches!(found, Some(StoreError::Refused { .. } | StoreError::Corrupt { .. })) {
        return broken("load a quiz", error);
    }
    passing("load a quiz", error)
}

fn passing(
    operation: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    let reason = "the cache has no answer".to_owned();
    StoreError::Unavailable { operation, reason, source: error.into() }
}

fn broken(
    operation: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Refused { operation, reason: "a fault of ours".to_owned(), source: error.into() }
}
