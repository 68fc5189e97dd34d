//! A question as its author writes it, with its answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BasisPoints, ChoiceId, Decimal, Markup, QuestionId, Texts};
use crate::Language;

/// A question with its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionDraft {
    /// Its name, unique within the quiz.
    pub id: QuestionId,
    /// The question.
    pub text: Texts,
    /// How many points it is worth, 1 to 100.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u8,
    /// The share of the weight that a wrong answer costs. A quiz never has less than nothing in all.
    #[serde(default, skip_serializing_if = "is_none")]
    pub penalty: BasisPoints,
    /// What is shown after submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Texts>,
    /// What is asked, and what is right.
    #[serde(flatten)]
    pub kind: KindDraft,
}

const fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_one(weight: &u8) -> bool {
    *weight == 1
}

fn is_none(share: &BasisPoints) -> bool {
    *share == BasisPoints::NONE
}

/// What is asked, and what is right. The wire name of each is its `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KindDraft {
    /// One of several choices. Exactly one has a credit of 10,000; others may have a part of it.
    Single {
        /// 2 to 20 choices.
        choices: Vec<ChoiceDraft>,
        /// Whether each attempt has them in another order.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        shuffle: bool,
    },
    /// Any of several choices. The credits of the right ones add up to 10,000; wrong ones may have negative
    /// credits, which are subtracted. A question never earns less than its penalty.
    Multiple {
        /// 2 to 20 choices.
        choices: Vec<ChoiceDraft>,
        /// Whether each attempt has them in another order.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        shuffle: bool,
    },
    /// A number. The first range that contains the answer counts.
    Number {
        /// 1 to 20 ranges; one has a credit of 10,000.
        accepted: Vec<AcceptedRange>,
    },
    /// A few words. Compared after normalisation, in the attempt's language, else in the quiz's.
    Text {
        /// 1 to 50 answers for each language; one of each has a credit of 10,000.
        accepted: BTreeMap<Language, Vec<AcceptedText>>,
        /// Whether capital letters matter.
        #[serde(default, skip_serializing_if = "is_no")]
        case_sensitive: bool,
    },
    /// Steps to be put in order, given here in the right one.
    Ordering {
        /// 2 to 20 steps.
        steps: Vec<StepDraft>,
    },
    /// To each prompt, the answer that belongs to it.
    Matching {
        /// 2 to 20 pairs.
        pairs: Vec<PairDraft>,
        /// Answers that belong to no prompt; at most 20.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        distractors: Vec<StepDraft>,
    },
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceDraft {
    /// Its name, unique within the question.
    pub id: ChoiceId,
    /// Its text.
    pub text: Texts,
    /// The share of the question's weight that it earns, in basis points, -10,000 to 10,000.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub credit: i16,
    /// What is shown after submission to whoever chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Texts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(credit: &i16) -> bool {
    *credit == 0
}

/// Numbers that are accepted: `from` to `to`, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedRange {
    /// The least.
    pub from: Decimal,
    /// The largest; equal to `from` for one number.
    pub to: Decimal,
    /// The share of the weight that it earns.
    #[serde(default = "all")]
    pub credit: BasisPoints,
}

/// A text that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedText {
    /// The text. `*` stands for any characters.
    pub text: Markup,
    /// The share of the weight that it earns.
    #[serde(default = "all")]
    pub credit: BasisPoints,
}

const fn all() -> BasisPoints {
    BasisPoints::ALL
}

/// A step of an order, or an answer that belongs to no prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDraft {
    /// Its name, unique within the question.
    pub id: ChoiceId,
    /// Its text.
    pub text: Texts,
}

/// A prompt and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairDraft {
    /// Its name, unique within the question.
    pub id: ChoiceId,
    /// The prompt.
    pub prompt: Texts,
    /// The answer. Two prompts may have the same one.
    pub answer: Texts,
}
