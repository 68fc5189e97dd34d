//! Attempts, as they are answered. What was right stands in a [`ResultOut`], which is made of a [`Review`] and of
//! nothing else; and there is no review of an open attempt.

use std::collections::{BTreeMap, BTreeSet};

use minigate_domain::{
    AttemptId, CertificateId, Language, Timestamp,
    attempts::{AnswerKind, Asked, Attempt, Given, Review, Reviewed, Right, Score, Verdict},
    quizzes::{AcceptedRange, Choice, ChoiceId, PublishedQuiz, QuestionId, QuizId},
};
use minigate_platform::schemas;
use minigate_service::attempts::AttemptView;
use minigate_store::attempts::{AttemptPage, AttemptSummary};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answers::{AnswerOut, AttemptText, OptionId};

/// Whether an attempt takes answers.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateOut {
    /// It takes answers.
    Open,
    /// Its time is over; it is scored with the next look at it.
    Over,
    /// It has a result.
    Scored,
}

/// An attempt. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptOut {
    /// Its id.
    #[schema(value_type = String, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    pub(crate) id: AttemptId,
    /// The quiz.
    #[schema(value_type = String, min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    quiz: QuizId,
    /// The version of the quiz.
    #[schema(minimum = 1, maximum = 9999)]
    version: u32,
    /// What the quiz is called.
    #[schema(max_length = 4000)]
    title: String,
    /// The language of its texts.
    #[schema(value_type = schemas::Language)]
    language: Language,
    /// The certificate that a pass renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    renews: Option<CertificateId>,
    /// Whether it takes answers.
    state: StateOut,
    /// When it was started.
    started_at: u64,
    /// From when on it takes no answer.
    deadline: u64,
    /// How many questions have an answer.
    answered: usize,
    /// The questions, in the attempt's order.
    questions: Vec<QuestionOut>,
    /// What it earned and why, after submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultOut>,
}

/// A question, without its answer.
#[derive(Serialize, ToSchema)]
struct QuestionOut {
    /// Its id, by which it is answered.
    #[schema(value_type = String, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: QuestionId,
    /// What is asked.
    kind: KindOut,
    /// The question, in Markdown without HTML.
    #[schema(max_length = 4000)]
    text: String,
    /// How many points it is worth.
    #[schema(minimum = 1, maximum = 100)]
    weight: u8,
    /// The share of them that a wrong answer costs, in basis points.
    #[schema(maximum = 10000)]
    penalty: u16,
    /// What can be chosen: choices, steps, or the answers to prompts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    choices: Vec<OptionOut>,
    /// What needs an answer each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    prompts: Vec<OptionOut>,
    /// What the user has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerOut>,
}

/// What is asked.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KindOut {
    /// One of several choices.
    Single,
    /// Any of several choices.
    Multiple,
    /// A number.
    Number,
    /// A few words.
    Text,
    /// Steps to be put in order.
    Ordering,
    /// To each prompt, an answer.
    Matching,
}

impl From<AnswerKind> for KindOut {
    fn from(kind: AnswerKind) -> Self {
        match kind {
            AnswerKind::Single => Self::Single,
            AnswerKind::Multiple => Self::Multiple,
            AnswerKind::Number => Self::Number,
            AnswerKind::Text => Self::Text,
            AnswerKind::Ordering => Self::Ordering,
            AnswerKind::Matching => Self::Matching,
        }
    }
}

/// Something to choose.
#[derive(Serialize, ToSchema)]
struct OptionOut {
    /// Its id within the question.
    #[schema(value_type = String, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: ChoiceId,
    /// Its text, in Markdown without HTML.
    #[schema(max_length = 4000)]
    text: String,
}

/// What an attempt earned. Marks are ten-thousandths of a point.
#[derive(Serialize, ToSchema)]
struct ResultOut {
    /// When it was submitted, or its deadline, in Unix seconds.
    at: u64,
    /// All marks that it earned.
    earned: i64,
    /// The most that it could earn.
    possible: i64,
    /// The share of them in basis points, rounded down.
    #[schema(maximum = 10000)]
    score: u16,
    /// The share that passes, in basis points.
    #[schema(maximum = 10000)]
    pass_mark: u16,
    /// Whether it passed.
    passed: bool,
    /// The certificate that it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    certificate: Option<CertificateId>,
    /// Question by question, in the attempt's order.
    questions: Vec<MarkedOut>,
}

/// What a question earned, and why.
#[derive(Serialize, ToSchema)]
struct MarkedOut {
    /// The question.
    #[schema(value_type = String, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: QuestionId,
    /// The marks; negative where a penalty was due.
    earned: i64,
    /// The most marks.
    possible: i64,
    /// Both in a word.
    verdict: VerdictOut,
    /// What would have been right.
    right: RightOut,
    /// The author's explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    explanation: Option<String>,
    /// What the author says to whoever chose this, by the choice's id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = BTreeMap<OptionId, AttemptText>)]
    feedback: BTreeMap<ChoiceId, String>,
}

/// How an answer was.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictOut {
    /// It earned everything.
    Right,
    /// It earned a part.
    Partial,
    /// It earned nothing, or cost a penalty.
    Wrong,
    /// There was none.
    Unanswered,
}

/// What is right, in the field that goes with the question's kind.
#[derive(Default, Serialize, ToSchema)]
struct RightOut {
    /// The choices that earn marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<OptionId>>)]
    choices: Option<BTreeSet<ChoiceId>>,
    /// Numbers from one of these to the other, both included.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Vec<RangeOut>>,
    /// Texts; `*` stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<AttemptText>>)]
    texts: Option<Vec<String>>,
    /// The steps in the right order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<OptionId>>)]
    order: Option<Vec<ChoiceId>>,
    /// The answer to each prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<OptionId, OptionId>>)]
    pairs: Option<BTreeMap<ChoiceId, ChoiceId>>,
}

/// Numbers, both ends included.
#[derive(Serialize, ToSchema)]
struct RangeOut {
    /// The least.
    #[schema(value_type = String, max_length = 23, pattern = "^[+-]?[0-9]{0,12}(\\.[0-9]{0,9})?$")]
    from: String,
    /// The largest.
    #[schema(value_type = String, max_length = 23, pattern = "^[+-]?[0-9]{0,12}(\\.[0-9]{0,9})?$")]
    to: String,
}

/// That an answer was taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct AnsweredOut {
    /// The question.
    #[schema(value_type = String, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    question: QuestionId,
    /// How many questions have an answer.
    answered: usize,
    /// How many there are.
    questions: usize,
    /// From when on the attempt takes no answer, in Unix seconds.
    deadline: u64,
}

/// A page of a user's attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptsOut {
    /// The attempts, the newest first.
    attempts: Vec<SummaryOut>,
    /// For the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    cursor: Option<AttemptId>,
}

/// An attempt without its questions. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
struct SummaryOut {
    /// Its id.
    #[schema(value_type = String, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    id: AttemptId,
    /// The quiz.
    #[schema(value_type = String, min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    quiz: QuizId,
    /// The version of the quiz.
    #[schema(minimum = 1, maximum = 9999)]
    version: u32,
    /// The language.
    #[schema(value_type = schemas::Language)]
    language: Language,
    /// The certificate that a pass renews.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    renews: Option<CertificateId>,
    /// Whether it takes answers.
    state: StateOut,
    /// When it was started.
    started_at: u64,
    /// From when on it takes no answer.
    deadline: u64,
    /// The share of all marks in basis points, once it is scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 10000)]
    score: Option<u16>,
    /// Whether it passed, once it is scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
    /// The certificate that it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    certificate: Option<CertificateId>,
}

impl AttemptOut {
    pub(crate) fn of(view: &AttemptView) -> Self {
        match view {
            AttemptView::Open { attempt, version } => Self::new(attempt, &version.quiz, None),
            AttemptView::Scored { attempt, keyed } => {
                let quiz = &keyed.published.quiz;
                let review = Review::of(attempt, quiz, &keyed.key);
                let result = review.map(|review| ResultOut::of(&review, quiz));
                Self::new(attempt, quiz, result)
            }
        }
    }

    fn new(attempt: &Attempt, quiz: &PublishedQuiz, result: Option<ResultOut>) -> Self {
        let paper = attempt.paper(quiz);
        let question = |asked: &Asked<'_>| {
            QuestionOut::new(
                asked,
                attempt.given(&asked.question.id),
                &attempt.language,
                &quiz.language,
            )
        };
        Self {
            id: attempt.id,
            quiz: attempt.quiz.clone(),
            version: attempt.version.get(),
            title: quiz.title.get(&attempt.language, &quiz.language).to_owned(),
            language: attempt.language.clone(),
            renews: attempt.renews,
            state: if result.is_some() { StateOut::Scored } else { StateOut::Open },
            started_at: attempt.started_at.unix_seconds(),
            deadline: attempt.deadline.unix_seconds(),
            answered: attempt.answered(),
            questions: paper.questions.iter().map(question).collect(),
            result,
        }
    }
}

impl QuestionOut {
    fn new(
        asked: &Asked<'_>,
        given: Option<&Given>,
        language: &Language,
        fallback: &Language,
    ) -> Self {
        let option = |choice: &&Choice| OptionOut {
            id: choice.id.clone(),
            text: choice.text.get(language, fallback).to_owned(),
        };
        Self {
            id: asked.question.id.clone(),
            kind: asked.kind().into(),
            text: asked.text(language, fallback).to_owned(),
            weight: asked.question.weight,
            penalty: asked.question.penalty.get(),
            choices: asked.choices.iter().map(option).collect(),
            prompts: asked.prompts.iter().map(option).collect(),
            answer: given.map(AnswerOut::from),
        }
    }
}

impl ResultOut {
    fn of(review: &Review<'_>, quiz: &PublishedQuiz) -> Self {
        let Score { at, earned, possible, share, passed, certificate, .. } = review.score;
        Self {
            at: at.unix_seconds(),
            earned: earned.get(),
            possible: possible.get(),
            score: share.get(),
            pass_mark: quiz.rules.pass_mark.get(),
            passed: *passed,
            certificate: *certificate,
            questions: review.questions.iter().map(MarkedOut::from).collect(),
        }
    }
}

impl From<&Reviewed<'_>> for MarkedOut {
    fn from(reviewed: &Reviewed<'_>) -> Self {
        let feedback = reviewed.feedback.iter();
        Self {
            id: reviewed.asked.question.id.clone(),
            earned: reviewed.earned.get(),
            possible: reviewed.possible.get(),
            verdict: match reviewed.verdict {
                Verdict::Right => VerdictOut::Right,
                Verdict::Partial => VerdictOut::Partial,
                Verdict::Wrong => VerdictOut::Wrong,
                Verdict::Unanswered => VerdictOut::Unanswered,
            },
            right: RightOut::from(&reviewed.right),
            explanation: reviewed.explanation.map(str::to_owned),
            feedback: feedback.map(|(id, text)| (id.clone(), (*text).to_owned())).collect(),
        }
    }
}

impl From<&Right> for RightOut {
    fn from(right: &Right) -> Self {
        let range = |range: &AcceptedRange| RangeOut {
            from: range.from.to_string(),
            to: range.to.to_string(),
        };
        let mut out = Self::default();
        match right {
            Right::Choices(choices) => out.choices = Some(choices.clone()),
            Right::Ranges(ranges) => out.numbers = Some(ranges.iter().map(range).collect()),
            Right::Texts(texts) => out.texts = Some(texts.clone()),
            Right::Order(steps) => out.order = Some(steps.clone()),
            Right::Pairs(pairs) => out.pairs = Some(pairs.clone()),
        }
        out
    }
}

impl AnsweredOut {
    pub(crate) fn new(question: QuestionId, attempt: &Attempt) -> Self {
        Self {
            question,
            answered: attempt.answered(),
            questions: attempt.asked.len(),
            deadline: attempt.deadline.unix_seconds(),
        }
    }
}

impl AttemptsOut {
    pub(crate) fn new(page: AttemptPage, now: Timestamp) -> Self {
        let AttemptPage { attempts, last } = page;
        let summary = |attempt| SummaryOut::new(attempt, now);
        Self { attempts: attempts.into_iter().map(summary).collect(), cursor: last }
    }
}

impl SummaryOut {
    fn new(attempt: AttemptSummary, now: Timestamp) -> Self {
        let score = attempt.score.as_ref();
        let state = match score {
            Some(_) => StateOut::Scored,
            None if now >= attempt.deadline => StateOut::Over,
            None => StateOut::Open,
        };
        Self {
            id: attempt.id,
            version: attempt.version.get(),
            language: attempt.language,
            renews: attempt.renews,
            state,
            started_at: attempt.started_at.unix_seconds(),
            deadline: attempt.deadline.unix_seconds(),
            score: score.map(|score| score.share.get()),
            passed: score.map(|score| score.passed),
            certificate: score.and_then(|score| score.certificate),
            quiz: attempt.quiz,
        }
    }
}
