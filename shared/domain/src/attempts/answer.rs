//! Answers, and whether one fits its question.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    InvalidField,
    quizzes::{ChoiceId, Decimal, is_text},
};

/// A few words: 1 to 500 characters, no control characters but tabs and line breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnswerText(String);

impl AnswerText {
    /// The most characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 500;

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AnswerText {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        if is_text(&text, Self::MAX_CHARS) {
            Ok(Self(text))
        } else {
            Err(InvalidField::new("a text of 1 to 500 characters, no control characters"))
        }
    }
}

impl From<AnswerText> for String {
    fn from(text: AnswerText) -> Self {
        text.0
    }
}

/// What a user answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// One choice.
    Choice(ChoiceId),
    /// Any choices. None of them counts as no answer.
    Choices(BTreeSet<ChoiceId>),
    /// A number.
    Number(Decimal),
    /// A few words.
    Text(AnswerText),
    /// All steps, in this order.
    Order(Vec<ChoiceId>),
    /// To each prompt, its answer. Some prompts may have none; without any it counts as no answer.
    Pairs(BTreeMap<ChoiceId, ChoiceId>),
}

/// The kind of a question, as far as its answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
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

impl AnswerKind {
    /// The name on the wire and in stored items.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Multiple => "multiple",
            Self::Number => "number",
            Self::Text => "text",
            Self::Ordering => "ordering",
            Self::Matching => "matching",
        }
    }

    /// The field of an answer to such a question.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Single => "choice",
            Self::Multiple => "choices",
            Self::Number => "number",
            Self::Text => "text",
            Self::Ordering => "order",
            Self::Matching => "pairs",
        }
    }
}

/// What an answer to one question can be: kept with the attempt, so that an answer can be checked by the
/// condition of the write that stores it, without a look at the quiz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The question's kind.
    pub kind: AnswerKind,
    /// What can be chosen: choices, steps, or the answers to prompts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub choices: BTreeSet<ChoiceId>,
    /// What needs an answer each.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub prompts: BTreeSet<ChoiceId>,
}

/// Why an answer does not fit its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The question takes another kind of answer.
    Kind(AnswerKind),
    /// The question has no such choice, step, prompt or answer.
    Unknown {
        /// Where in the answer, as in `order[2]`.
        field: String,
    },
    /// A step stands at two places.
    Repeated {
        /// The second place, as in `order[2]`.
        field: String,
    },
    /// Not every step has a place: so many are needed.
    Incomplete(usize),
}

impl Given {
    /// The kind of question that takes such an answer.
    pub const fn kind(&self) -> AnswerKind {
        match self {
            Self::Choice(_) => AnswerKind::Single,
            Self::Choices(_) => AnswerKind::Multiple,
            Self::Number(_) => AnswerKind::Number,
            Self::Text(_) => AnswerKind::Text,
            Self::Order(_) => AnswerKind::Ordering,
            Self::Pairs(_) => AnswerKind::Matching,
        }
    }

    /// Whether it says nothing, which counts as no answer.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Choices(choices) => choices.is_empty(),
            Self::Pairs(pairs) => pairs.is_empty(),
            _ => false,
        }
    }

    /// What is wrong with it whatever the question is: a step at two places.
    ///
    /// # Errors
    /// [`Misfit::Repeated`].
    pub fn check_alone(&self) -> Result<(), Misfit> {
        let Self::Order(steps) = self else { return Ok(()) };
        let mut seen = BTreeSet::new();
        match steps.iter().position(|step| !seen.insert(step)) {
            Some(at) => Err(Misfit::Repeated { field: format!("order[{at}]") }),
            None => Ok(()),
        }
    }

    /// Whether it fits a question of this shape.
    ///
    /// # Errors
    /// [`Misfit`] with the first thing that does not.
    pub fn check(&self, shape: &Shape) -> Result<(), Misfit> {
        if self.kind() != shape.kind {
            return Err(Misfit::Kind(shape.kind));
        }
        self.check_alone()?;
        let known = |is_known: bool, field: String| {
            if is_known { Ok(()) } else { Err(Misfit::Unknown { field }) }
        };
        let choices = &shape.choices;
        match self {
            Self::Choice(choice) => known(choices.contains(choice), "choice".to_owned()),
            Self::Choices(chosen) => chosen
                .iter()
                .enumerate()
                .try_for_each(|(at, id)| known(choices.contains(id), format!("choices[{at}]"))),
            Self::Number(_) | Self::Text(_) => Ok(()),
            Self::Order(steps) => {
                steps
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, id)| known(choices.contains(id), format!("order[{at}]")))?;
                let is_complete = steps.len() == choices.len();
                if is_complete { Ok(()) } else { Err(Misfit::Incomplete(choices.len())) }
            }
            Self::Pairs(pairs) => pairs.iter().try_for_each(|(prompt, answer)| {
                let is_known = shape.prompts.contains(prompt) && choices.contains(answer);
                known(is_known, format!("pairs.{prompt}"))
            }),
        }
    }
}
