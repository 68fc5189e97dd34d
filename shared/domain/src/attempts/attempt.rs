//! An attempt, from its start to its score.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Given, Length, Misfit, Paper, Shape};
use crate::{
    AttemptId, CertificateId, Entropy, Language, Timestamp, UserId,
    quizzes::{BasisPoints, Marks, PublishedQuiz, QuestionId, QuizId, Version},
};

/// How long an attempt without a time limit is open.
const WITHOUT_LIMIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// One user's way through one version of a quiz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Whose it is.
    pub user_id: UserId,
    /// The quiz.
    pub quiz: QuizId,
    /// The version, which never changes.
    pub version: Version,
    /// In which language it is shown, and answers of a few words are expected.
    pub language: Language,
    /// From which the questions and their orders are drawn.
    pub seed: u64,
    /// The certificate that a pass renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<CertificateId>,
    /// The most questions, where a renewal has fewer than the quiz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u16>,
    /// What is asked, and what answers can be.
    pub asked: BTreeMap<QuestionId, Shape>,
    /// When it was started.
    pub started_at: Timestamp,
    /// From this moment on it takes no answer.
    pub deadline: Timestamp,
    /// What was answered, the last one of each question.
    #[serde(default)]
    pub answers: BTreeMap<QuestionId, Answer>,
    /// How often it was changed. An attempt is scored only as it was read.
    pub rev: u64,
    /// Its score; without one the attempt is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

/// An answer and when it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer.
    pub given: Given,
    /// When the server took it.
    pub at: Timestamp,
}

/// What an attempt earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// When it was submitted, or its deadline.
    pub at: Timestamp,
    /// All marks.
    pub earned: Marks,
    /// The most that it could earn.
    pub possible: Marks,
    /// The share of them, rounded down.
    pub share: BasisPoints,
    /// Whether that is the pass mark or more.
    pub passed: bool,
    /// What each question earned; negative where it cost a penalty.
    pub by_question: BTreeMap<QuestionId, Marks>,
    /// The certificate that it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateId>,
}

/// What a new attempt is made of.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    /// Whose it is.
    pub user_id: UserId,
    /// The quiz.
    pub quiz_id: &'a QuizId,
    /// Its current version.
    pub version: Version,
    /// What that has.
    pub quiz: &'a PublishedQuiz,
    /// The language; the quiz's if the user names none.
    pub language: Option<Language>,
    /// The certificate that a pass renews.
    pub renews: Option<CertificateId>,
}

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerRefusal {
    /// The attempt was scored.
    Scored,
    /// The deadline has passed.
    Over,
    /// The attempt has no such question.
    NotAsked,
    /// The answer does not fit the question.
    Misfit(Misfit),
}

impl Attempt {
    /// An attempt that starts now.
    pub fn start(new: NewAttempt<'_>, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let NewAttempt { user_id, quiz_id, version, quiz, language, renews } = new;
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        let limit = quiz.rules.time_limit_seconds;
        let limit = limit.map_or(WITHOUT_LIMIT, |seconds| Duration::from_secs(seconds.into()));
        let certificate = quiz.rules.certificate.as_ref();
        let renewal = certificate.and_then(|rules| rules.renewal.as_ref());
        let mut attempt = Self {
            id: AttemptId::at(now, entropy),
            user_id,
            quiz: quiz_id.clone(),
            version,
            language: language.unwrap_or_else(|| quiz.language.clone()),
            seed: u64::from_be_bytes(seed),
            renews,
            at_most: renews.and(renewal).map(|renewal| renewal.questions),
            asked: BTreeMap::new(),
            started_at: now,
            deadline: now.after(limit),
            answers: BTreeMap::new(),
            rev: 0,
            score: None,
        };
        attempt.asked = attempt.paper(quiz).shapes().collect();
        attempt
    }

    /// Its questions, of its version.
    pub fn paper<'a>(&self, quiz: &'a PublishedQuiz) -> Paper<'a> {
        Paper::draw(quiz, self.seed, self.at_most.map_or(Length::Full, Length::Renewal))
    }

    /// Whether it takes answers.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.score.is_none() && now < self.deadline
    }

    /// Whether its time is over and nobody has scored it yet.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.score.is_none() && now >= self.deadline
    }

    /// The answer to a question, if it says anything.
    pub fn given(&self, question: &QuestionId) -> Option<&Given> {
        let given = self.answers.get(question).map(|answer| &answer.given);
        given.filter(|given| !given.is_empty())
    }

    /// How many questions have an answer.
    pub fn answered(&self) -> usize {
        self.answers.values().filter(|answer| !answer.given.is_empty()).count()
    }

    /// It as it was when it started, as the repetition of a start is answered.
    #[must_use]
    pub fn as_started(self) -> Self {
        Self { answers: BTreeMap::new(), rev: 0, score: None, ..self }
    }

    /// Whether it takes this answer now.
    ///
    /// # Errors
    /// [`AnswerRefusal`].
    pub fn check(
        &self,
        question: &QuestionId,
        given: &Given,
        now: Timestamp,
    ) -> Result<(), AnswerRefusal> {
        if self.score.is_some() {
            return Err(AnswerRefusal::Scored);
        }
        if now >= self.deadline {
            return Err(AnswerRefusal::Over);
        }
        let shape = self.asked.get(question).ok_or(AnswerRefusal::NotAsked)?;
        given.check(shape).map_err(AnswerRefusal::Misfit)
    }

    /// How long each answered question took, in seconds: from the answer before it, or from the start.
    pub fn seconds(&self) -> BTreeMap<QuestionId, u64> {
        let mut in_order: Vec<_> =
            self.answers.iter().map(|(question, answer)| (answer.at, question)).collect();
        in_order.sort_unstable();
        let mut before = self.started_at;
        let mut seconds = BTreeMap::new();
        for (at, question) in in_order {
            seconds.insert(question.clone(), at.since(before).as_secs());
            before = at;
        }
        seconds
    }
}
