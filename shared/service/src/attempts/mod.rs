//! Attempts: started, answered, and scored once by whoever notices first that they are over.
//!
//! | who notices | how |
//! |---|---|
//! | the user submits | [`Attempts::submit`] |
//! | the user looks at it, or at what was answered, after the deadline | [`Attempts::read`] |
//! | the user starts another attempt at the quiz after the deadline | [`Attempts::start`] |
//! | nobody, for a minute | [`Attempts::sweep`], which a schedule calls |
//!
//! All four are one transaction of the store, so it makes no difference how many of them try.
//!
//! What everybody may see of a quiz comes from the service of quizzes. An instance remembers of which quiz the
//! attempts are that it has seen, and versions with their keys. Those are remembered here and nowhere else: no
//! cache entry holds a key.

mod memory;

use std::{sync::Arc, time::Duration};

use minigate_cache::{BuildError, Cached};
use minigate_domain::{
    AttemptId, CertificateId, Clock, Entropy, Language, NamedRequest, Repetition, Timestamp,
    UserId,
    attempts::{Attempt, Given, NewAttempt},
    quizzes::{QuestionId, QuizId, QuizStatus, Version},
};
use minigate_store::{
    KeyedVersion, PublishedVersion, Store, StoreError,
    attempts::{
        AnswerOutcome, AttemptPage, ScoreAttempt, ScoreOutcome, ScoreWhen, StartAttempt,
        StartOutcome as Written,
    },
};

use self::memory::Memory;
use crate::{
    Context, Service,
    leaderboards::Leaderboards,
    quizzes::{Freshest, Quizzes},
};

/// How many versions with keys are remembered: of each at most 400 KB as JSON, and mostly a twentieth of that.
const KEYED_VERSIONS: usize = 32;
/// How many attempts, at about a hundred bytes.
const SEEN: usize = 20_000;

/// How many attempts a user may start at a quiz on a day if the quiz does not say.
const ATTEMPTS_A_DAY: u8 = 50;

/// For so long after the deadline an attempt is left to its user before the sweep scores it.
const GRACE: Duration = Duration::from_secs(60);

/// How many due attempts of a shard are read at once.
const DUE_AT_ONCE: u8 = 25;

/// The attempts. Clones share what the instance remembers.
#[derive(Clone)]
pub struct Attempts {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    memory: Arc<Remembered>,
}

struct Remembered {
    keyed: Memory<(QuizId, Version), Arc<KeyedVersion>>,
    seen: Memory<AttemptId, (QuizId, Version)>,
}

/// The services that attempts need.
#[derive(Clone)]
pub struct Others {
    /// What everybody may see of quizzes.
    pub quizzes: Quizzes,
    /// Where moves are counted after a score.
    pub leaderboards: Leaderboards,
}

/// An attempt with its version.
#[derive(Clone, Debug)]
pub enum AttemptView {
    /// It takes answers. What is right is not known here.
    Open {
        /// The attempt.
        attempt: Attempt,
        /// Its version.
        version: Cached<PublishedVersion>,
    },
    /// It has a score.
    Scored {
        /// The attempt.
        attempt: Attempt,
        /// Its version, with what is right.
        keyed: Arc<KeyedVersion>,
    },
}

/// A wish to start an attempt.
#[derive(Clone, Debug)]
pub struct Start {
    /// Who.
    pub user_id: UserId,
    /// At which quiz.
    pub quiz: QuizId,
    /// In which language; the quiz's without.
    pub language: Option<Language>,
    /// To renew which certificate.
    pub renews: Option<CertificateId>,
}

/// What became of a start.
#[derive(Clone, Debug)]
pub enum StartOutcome {
    /// The attempt, as it starts; also if the same request started it before.
    Started(Box<AttemptView>),
    /// There is no such quiz, or it was never published.
    NoQuiz,
    /// The quiz takes no new attempts.
    Archived,
    /// Another attempt of the user at this quiz is open.
    Open {
        /// That attempt.
        id: AttemptId,
        /// Its deadline.
        deadline: Timestamp,
    },
    /// The attempts of the day are used up, until this moment.
    UsedUp {
        /// The beginning of the next day (UTC).
        until: Timestamp,
    },
    /// The quiz gives no certificates that are renewed, or the certificate is not the user's newest of it, or was
    /// revoked.
    NotRenewable,
    /// The certificate may be renewed from this moment on.
    TooEarly(Timestamp),
    /// The same name came with another request, or the request is under way.
    Repeated(Repetition),
}

/// What a sweep has done.
#[derive(Debug, Default)]
pub struct Swept {
    /// So many attempts it has scored.
    pub scored: usize,
    /// So many it has tried to score in vain; the next sweep tries again.
    pub failed: usize,
    /// Why the last of these failed.
    pub last_failure: Option<StoreError>,
}

impl Swept {
    fn fail(&mut self, error: StoreError) {
        self.failed += 1;
        self.last_failure = Some(error);
    }
}

impl Service for Attempts {
    fn new(context: &Context) -> Result<Self, BuildError> {
        let Context { store, clock, entropy, .. } = context.clone();
        let memory = Remembered { keyed: Memory::new(KEYED_VERSIONS), seen: Memory::new(SEEN) };
        Ok(Self { store, clock, entropy, memory: Arc::new(memory) })
    }
}

impl Attempts {
    /// Starts an attempt: one transaction. If one is over and was not scored, it is scored first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn start(
        &self,
        others: &Others,
        start: Start,
        request: &NamedRequest,
    ) -> Result<StartOutcome, StoreError> {
        let Start { user_id, quiz: quiz_id, language, renews } = start;
        let Some(face) = others.quizzes.face(&quiz_id, Freshest::Cached).await? else {
            return Ok(StartOutcome::NoQuiz);
        };
        if face.status != QuizStatus::Published {
            return Ok(StartOutcome::Archived);
        }
        let version = version(&others.quizzes, &quiz_id, face.card.version).await?;
        let certificate = version.quiz.rules.certificate.as_ref();
        if renews.is_some() && certificate.is_none_or(|rules| rules.renewal.is_none()) {
            return Ok(StartOutcome::NotRenewable);
        }
        let attempts_a_day = version.quiz.rules.attempts_a_day.unwrap_or(ATTEMPTS_A_DAY);
        let mut was_scored = false;
        loop {
            let now = self.clock.now();
            let new = NewAttempt {
                user_id,
                quiz_id: &quiz_id,
                version: version.version,
                quiz: &version.quiz,
                language: language.clone(),
                renews,
            };
            let attempt = Attempt::start(new, now, &*self.entropy);
            let writing = StartAttempt { attempt: &attempt, attempts_a_day, request };
            return Ok(match self.store.start_attempt(&writing, now).await? {
                Written::Started => {
                    self.see(&attempt);
                    StartOutcome::Started(Box::new(AttemptView::Open { attempt, version }))
                }
                Written::Repeated(Repetition::Answered(id)) => {
                    self.started(others, user_id, &id).await?
                }
                Written::Repeated(repetition) => StartOutcome::Repeated(repetition),
                Written::Open { id, deadline } if deadline <= now && !was_scored => {
                    self.score(others, user_id, id, ScoreWhen::Due).await?;
                    was_scored = true;
                    continue;
                }
                Written::Open { id, deadline } => StartOutcome::Open { id, deadline },
                Written::UsedUp => StartOutcome::UsedUp { until: next_day(now) },
                Written::NotRenewable => StartOutcome::NotRenewable,
                Written::TooEarly(from) => StartOutcome::TooEarly(from),
            });
        }
    }

    /// The attempt that the first of several equal requests has started, as it was then.
    async fn started(
        &self,
        others: &Others,
        user_id: UserId,
        id: &str,
    ) -> Result<StartOutcome, StoreError> {
        let id = id.parse::<AttemptId>().ok();
        let attempt = match id {
            Some(id) => self.store.attempt(user_id, id).await?,
            None => None,
        };
        let Some(attempt) = attempt else {
            // It was erased since.
            return Ok(StartOutcome::Repeated(Repetition::OtherPayload));
        };
        let version = version(&others.quizzes, &attempt.quiz, attempt.version).await?;
        let attempt = attempt.as_started();
        Ok(StartOutcome::Started(Box::new(AttemptView::Open { attempt, version })))
    }

    /// An attempt of a user: one read. If its time is over, it is scored first. `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(
        &self,
        others: &Others,
        user_id: UserId,
        id: AttemptId,
    ) -> Result<Option<AttemptView>, StoreError> {
        let Some(attempt) = self.store.attempt(user_id, id).await? else { return Ok(None) };
        self.see(&attempt);
        if attempt.is_due(self.clock.now()) {
            return self.score(others, user_id, id, ScoreWhen::Due).await;
        }
        self.view(others, attempt).await.map(Some)
    }

    /// Takes an answer: one update.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer(
        &self,
        user_id: UserId,
        id: AttemptId,
        question: &QuestionId,
        given: &Given,
    ) -> Result<AnswerOutcome, StoreError> {
        let now = self.clock.now();
        let outcome = self.store.answer_attempt(user_id, id, question, given, now).await?;
        if let AnswerOutcome::Taken(attempt) = &outcome {
            self.see(attempt);
        }
        Ok(outcome)
    }

    /// Ends an attempt and scores it, unless that has happened: one read and one transaction. An instance that
    /// has not seen the attempt reads it once more, to know of which quiz it is. `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn submit(
        &self,
        others: &Others,
        user_id: UserId,
        id: AttemptId,
    ) -> Result<Option<AttemptView>, StoreError> {
        self.score(others, user_id, id, ScoreWhen::Submitted).await
    }

    /// A user's attempts, the newest first: one query.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        user_id: UserId,
        before: Option<AttemptId>,
        limit: u8,
    ) -> Result<AttemptPage, StoreError> {
        self.store.attempts(user_id, before, limit).await
    }

    /// Scores attempts whose time is over and that nobody looks at, for `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] if no shard could be read to its end; what was scored stays scored.
    pub async fn sweep(
        &self,
        leaderboards: &Leaderboards,
        limit: Duration,
    ) -> Result<Swept, StoreError> {
        let began = self.clock.now();
        let mut swept = Swept::default();
        for shard in 0..AttemptId::SHARDS {
            loop {
                let now = self.clock.now();
                let before =
                    Timestamp::from_unix_millis(now.unix_millis().saturating_sub(millis(GRACE)));
                let due = self.store.due_attempts(shard, before, DUE_AT_ONCE).await?;
                let (is_last, failed) = (due.len() < usize::from(DUE_AT_ONCE), swept.failed);
                for attempt in due {
                    if self.clock.now().since(began) >= limit {
                        return Ok(swept);
                    }
                    let place = (attempt.quiz, attempt.version);
                    match self
                        .score_in(leaderboards, attempt.user_id, attempt.id, place, ScoreWhen::Due)
                        .await
                    {
                        Ok(ScoreOutcome::Scored(_)) => swept.scored += 1,
                        Ok(_) => swept.fail(StoreError::missing("attempt of a deadline")),
                        Err(error) => swept.fail(error),
                    }
                }
                // What has failed would be read again at once.
                if is_last || swept.failed > failed {
                    break;
                }
            }
        }
        Ok(swept)
    }

    async fn score(
        &self,
        others: &Others,
        user_id: UserId,
        id: AttemptId,
        when: ScoreWhen,
    ) -> Result<Option<AttemptView>, StoreError> {
        let place = match self.memory.seen.get(&id) {
            Some(place) => place,
            None => match self.store.attempt(user_id, id).await? {
                Some(attempt) => (attempt.quiz, attempt.version),
                None => return Ok(None),
            },
        };
        match self.score_in(&others.leaderboards, user_id, id, place, when).await? {
            ScoreOutcome::Scored(scored) => {
                let (attempt, keyed) = (scored.attempt, scored.keyed);
                Ok(Some(AttemptView::Scored { attempt, keyed }))
            }
            ScoreOutcome::Open(attempt) => self.view(others, *attempt).await.map(Some),
            ScoreOutcome::NotFound => Ok(None),
        }
    }

    async fn score_in(
        &self,
        leaderboards: &Leaderboards,
        user_id: UserId,
        id: AttemptId,
        place: (QuizId, Version),
        when: ScoreWhen,
    ) -> Result<ScoreOutcome, StoreError> {
        let keyed = self.memory.keyed.get(&place);
        let (quiz, version) = place.clone();
        let request = ScoreAttempt { user_id, id, quiz, version, keyed, when };
        let outcome = self.store.score_attempt(&request, self.clock.now(), &*self.entropy).await?;
        if let ScoreOutcome::Scored(scored) = &outcome {
            self.memory.keyed.put(place, Arc::clone(&scored.keyed));
            leaderboards.fold_beside(scored.waiting.iter().cloned());
        }
        Ok(outcome)
    }

    /// The attempt with its version; with the key only if it was scored.
    async fn view(&self, others: &Others, attempt: Attempt) -> Result<AttemptView, StoreError> {
        let place = (attempt.quiz.clone(), attempt.version);
        if attempt.score.is_none() {
            let version = version(&others.quizzes, &attempt.quiz, attempt.version).await?;
            return Ok(AttemptView::Open { attempt, version });
        }
        if let Some(keyed) = self.memory.keyed.get(&place) {
            return Ok(AttemptView::Scored { attempt, keyed });
        }
        let keyed = self.store.quiz_version_with_key(&place.0, place.1).await?;
        let keyed = Arc::new(keyed.ok_or_else(missing)?);
        self.memory.keyed.put(place, Arc::clone(&keyed));
        Ok(AttemptView::Scored { attempt, keyed })
    }

    fn see(&self, attempt: &Attempt) {
        self.memory.seen.put(attempt.id, (attempt.quiz.clone(), attempt.version));
    }
}

async fn version(
    quizzes: &Quizzes,
    quiz: &QuizId,
    version: Version,
) -> Result<Cached<PublishedVersion>, StoreError> {
    quizzes.version(quiz, version).await?.ok_or_else(missing)
}

/// Versions are never deleted.
fn missing() -> StoreError {
    StoreError::missing("version of a quiz")
}

fn next_day(now: Timestamp) -> Timestamp {
    const DAY: u64 = 86_400_000;
    Timestamp::from_unix_millis((now.unix_millis() / DAY + 1) * DAY)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
