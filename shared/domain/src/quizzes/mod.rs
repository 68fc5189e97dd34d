//! Quizzes: what an author writes, and what publishing makes of it.
//!
//! A [`QuizDraft`] is the author's: text, rules, questions and their answers in one document. Publishing
//! checks it and splits it into what everybody may see, a [`PublishedQuiz`], and the [`AnswerKey`], which
//! cannot be serialised into an answer by accident. The two are a *version* and never change again.
//!
//! | unit | type | meaning |
//! |---|---|---|
//! | basis point | [`BasisPoints`] | a hundredth of a per cent: 10,000 are all of it |
//! | mark | [`Marks`] | a ten-thousandth of a point; a question of weight 2 earns at most 20,000 |

mod draft;
mod ids;
mod number;
mod publish;
mod question;
mod quiz;
mod rules;
mod shuffle;
#[cfg(test)]
mod tests;
mod text;

pub use draft::{Fault, MAX_CONTENT_BYTES, PoolDraft, QuizDraft};
pub use ids::{ChoiceId, ContentHash, QuestionId, QuizId, Topic, Version};
pub use number::Decimal;
pub use publish::{
    AnswerKey, Choice, Explanations, Kind, Pool, Publication, PublishedQuiz, Question, QuestionKey,
};
pub use question::{
    AcceptedRange, AcceptedText, ChoiceDraft, KindDraft, PairDraft, QuestionDraft, StepDraft,
};
pub use quiz::{Quiz, QuizCard, QuizList, QuizStatus, QuizSummary};
pub use rules::{BasisPoints, CertificateRules, Marks, QuizRules, RenewalRules};
pub use shuffle::Shuffle;
pub(crate) use text::is_text;
pub use text::{Markup, Texts};
