//! The fields of a question as they are written, before it is known which of them its kind has.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{
    AcceptedRange, AcceptedText, BasisPoints, ChoiceDraft, KindDraft, PairDraft, QuestionDraft,
    QuestionId, StepDraft, Texts,
};
use crate::{InvalidField, Language};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionFields {
    id: QuestionId,
    text: Texts,
    #[serde(default = "one")]
    weight: u8,
    #[serde(default)]
    penalty: BasisPoints,
    #[serde(default)]
    explanation: Option<Texts>,
    kind: Name,
    #[serde(default)]
    choices: Option<Vec<ChoiceDraft>>,
    #[serde(default)]
    shuffle: Option<bool>,
    #[serde(default)]
    accepted: Option<Accepted>,
    #[serde(default)]
    case_sensitive: Option<bool>,
    #[serde(default)]
    steps: Option<Vec<StepDraft>>,
    #[serde(default)]
    pairs: Option<Vec<PairDraft>>,
    #[serde(default)]
    distractors: Option<Vec<StepDraft>>,
}

const fn one() -> u8 {
    1
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Single,
    Multiple,
    Number,
    Text,
    Ordering,
    Matching,
}

/// What is accepted: a list for numbers, and for words a list for each language. Not an untagged enum, whose
/// errors name no place.
enum Accepted {
    Numbers(Vec<AcceptedRange>),
    Words(BTreeMap<Language, Vec<AcceptedText>>),
}

impl<'de> Deserialize<'de> for Accepted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Accepted;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of ranges, or lists of texts by language")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Accepted, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(Accepted::Numbers)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Accepted, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Accepted::Words)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl TryFrom<QuestionFields> for QuestionDraft {
    type Error = InvalidField;

    fn try_from(fields: QuestionFields) -> Result<Self, InvalidField> {
        let QuestionFields { id, text, weight, penalty, explanation, kind, .. } = fields;
        let of_kind = (
            kind,
            fields.choices,
            fields.shuffle,
            fields.accepted,
            fields.case_sensitive,
            fields.steps,
            (fields.pairs, fields.distractors),
        );
        let none = (None, None);
        let invalid = |expected| Err(InvalidField::new(expected));
        let kind = match of_kind {
            (Name::Single, Some(choices), shuffle, None, None, None, pairs) if pairs == none => {
                KindDraft::Single { choices, shuffle: shuffle.unwrap_or(true) }
            }
            (Name::Multiple, Some(choices), shuffle, None, None, None, pairs) if pairs == none => {
                KindDraft::Multiple { choices, shuffle: shuffle.unwrap_or(true) }
            }
            (Name::Number, None, None, Some(Accepted::Numbers(accepted)), None, None, pairs)
                if pairs == none =>
            {
                KindDraft::Number { accepted }
            }
            (Name::Text, None, None, Some(Accepted::Words(accepted)), case, None, pairs)
                if pairs == none =>
            {
                KindDraft::Text { accepted, case_sensitive: case.unwrap_or(false) }
            }
            (Name::Ordering, None, None, None, None, Some(steps), pairs) if pairs == none => {
                KindDraft::Ordering { steps }
            }
            (Name::Matching, None, None, None, None, None, (Some(pairs), distractors)) => {
                KindDraft::Matching { pairs, distractors: distractors.unwrap_or_default() }
            }
            (Name::Single | Name::Multiple, ..) => {
                return invalid(
                    "a question with `choices`, perhaps `shuffle`, and no field of another kind",
                );
            }
            (Name::Number, ..) => {
                return invalid("a question with a list `accepted`, and no field of another kind");
            }
            (Name::Text, ..) => {
                return invalid(
                    "a question with lists `accepted` by language, perhaps `case_sensitive`, and no field of another kind",
                );
            }
            (Name::Ordering, ..) => {
                return invalid("a question with `steps`, and no field of another kind");
            }
            (Name::Matching, ..) => {
                return invalid(
                    "a question with `pairs`, perhaps `distractors`, and no field of another kind",
                );
            }
        };
        Ok(Self { id, text, weight, penalty, explanation, kind })
    }
}
