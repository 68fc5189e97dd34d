//! Answers, as they are sent and shown.

use std::collections::{BTreeMap, BTreeSet};

use minigate_domain::{
    attempts::{AnswerText, Given},
    quizzes::{ChoiceId, Decimal},
};
use minigate_platform::{Code, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most options that an answer can name.
const MAX_OPTIONS: usize = 40;

/// An answer: one of these fields, which goes with the question's kind.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerIn {
    /// Of the kind `single`: the id of a choice.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    choice: Option<ChoiceId>,
    /// Of the kind `multiple`: the ids of choices. Empty takes the answer back.
    #[schema(value_type = Option<Vec<OptionId>>, max_items = 40)]
    choices: Option<BTreeSet<ChoiceId>>,
    /// Of the kind `number`: a decimal number as text, at most 12 digits before and 9 after the point.
    #[schema(value_type = Option<String>, max_length = 23, pattern = "^[+-]?[0-9]{0,12}(\\.[0-9]{0,9})?$")]
    number: Option<Decimal>,
    /// Of the kind `text`: a few words.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    text: Option<AnswerText>,
    /// Of the kind `ordering`: the ids of all steps, the first one first.
    #[schema(value_type = Option<Vec<OptionId>>, max_items = 40)]
    order: Option<Vec<ChoiceId>>,
    /// Of the kind `matching`: the id of an answer for each prompt's id. Prompts may be left out.
    #[schema(value_type = Option<BTreeMap<OptionId, OptionId>>)]
    pairs: Option<BTreeMap<ChoiceId, ChoiceId>>,
}

impl AnswerIn {
    /// The one answer that there must be.
    pub(crate) fn given(self) -> Result<Given, Problem> {
        let Self { choice, choices, number, text, order, pairs } = self;
        let all = [
            choice.map(Given::Choice),
            choices.map(Given::Choices),
            number.map(Given::Number),
            text.map(Given::Text),
            order.map(Given::Order),
            pairs.map(Given::Pairs),
        ];
        let mut given = all.into_iter().flatten();
        let (Some(only), None) = (given.next(), given.next()) else {
            return Err(Problem::new(Code::BODY_INVALID).field(
                ".",
                "must have one of `choice`, `choices`, `number`, `text`, `order` and `pairs`",
            ));
        };
        let options = match &only {
            Given::Choices(choices) => choices.len(),
            Given::Order(steps) => steps.len(),
            Given::Pairs(pairs) => pairs.len(),
            _ => 1,
        };
        if options > MAX_OPTIONS {
            let field = only.kind().field();
            return Err(
                Problem::new(Code::BODY_INVALID).field(field, "must have at most 40 options")
            );
        }
        Ok(only)
    }
}

/// An answer, in the field that goes with the question's kind.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AnswerOut {
    /// Of the kind `single`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    choice: Option<ChoiceId>,
    /// Of the kind `multiple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<OptionId>>)]
    choices: Option<BTreeSet<ChoiceId>>,
    /// Of the kind `number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 23, pattern = "^[+-]?[0-9]{0,12}(\\.[0-9]{0,9})?$")]
    number: Option<Decimal>,
    /// Of the kind `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    text: Option<AnswerText>,
    /// Of the kind `ordering`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<OptionId>>)]
    order: Option<Vec<ChoiceId>>,
    /// Of the kind `matching`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<OptionId, OptionId>>)]
    pairs: Option<BTreeMap<ChoiceId, ChoiceId>>,
}

impl From<&Given> for AnswerOut {
    fn from(given: &Given) -> Self {
        let mut out = Self::default();
        match given.clone() {
            Given::Choice(choice) => out.choice = Some(choice),
            Given::Choices(choices) => out.choices = Some(choices),
            Given::Number(number) => out.number = Some(number),
            Given::Text(text) => out.text = Some(text),
            Given::Order(order) => out.order = Some(order),
            Given::Pairs(pairs) => out.pairs = Some(pairs),
        }
        out
    }
}

/// The id of an option within its question.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) struct OptionId(String);

/// A text in Markdown without HTML.
#[derive(ToSchema)]
#[schema(max_length = 4000)]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) struct AttemptText(String);
