//! What a user learns after submission: what each question earned, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Attempt, Given, Score, marking::in_language};
use crate::{
    Language,
    quizzes::{AcceptedRange, AnswerKey, BasisPoints, ChoiceId, Marks, PublishedQuiz, QuestionKey},
};

/// A scored attempt, question by question. There is none of an open attempt.
#[derive(Clone, Debug)]
pub struct Review<'a> {
    /// What all of it earned.
    pub score: &'a Score,
    /// Its questions, in the attempt's order.
    pub questions: Vec<Reviewed<'a>>,
}

/// A question after submission.
#[derive(Clone, Debug)]
pub struct Reviewed<'a> {
    /// The question, as it was asked.
    pub asked: Asked<'a>,
    /// What was answered.
    pub given: Option<&'a Given>,
    /// What it earned.
    pub earned: Marks,
    /// What it could earn.
    pub possible: Marks,
    /// Both in a word.
    pub verdict: Verdict,
    /// What would have been right.
    pub right: Right,
    /// The author's explanation.
    pub explanation: Option<&'a str>,
    /// What the author says to whoever chose this.
    pub feedback: BTreeMap<ChoiceId, &'a str>,
}

/// How an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It earned everything.
    Right,
    /// It earned a part.
    Partial,
    /// It earned nothing, or cost a penalty.
    Wrong,
    /// There was none.
    Unanswered,
}

/// What earns everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// These choices, and no others.
    Choices(BTreeSet<ChoiceId>),
    /// A number in one of these ranges.
    Ranges(Vec<AcceptedRange>),
    /// One of these texts; `*` stands for any characters.
    Texts(Vec<String>),
    /// The steps in this order.
    Order(Vec<ChoiceId>),
    /// To each prompt, this answer.
    Pairs(BTreeMap<ChoiceId, ChoiceId>),
}

impl<'a> Review<'a> {
    /// The review of a scored attempt; `None` of one that is open. `quiz` and `key` must be of its version.
    pub fn of(attempt: &'a Attempt, quiz: &'a PublishedQuiz, key: &'a AnswerKey) -> Option<Self> {
        let score = attempt.score.as_ref()?;
        let questions = attempt.paper(quiz).questions.into_iter();
        let reviewed = questions.filter_map(|asked| {
            let id = &asked.question.id;
            let right = right(key.of(id)?, &attempt.language, &quiz.language);
            let given = attempt.given(id);
            let earned = score.by_question.get(id).copied().unwrap_or_default();
            let possible = Marks::of_weight(asked.question.weight);
            let texts = key.explanations(id);
            let explanation = texts.and_then(|texts| texts.question.as_ref());
            let say =
                |texts: &'a crate::quizzes::Texts| texts.get(&attempt.language, &quiz.language);
            let feedback = texts.into_iter().flat_map(|texts| &texts.choices);
            let feedback = feedback.filter(|(choice, _)| is_chosen(given, choice));
            Some(Reviewed {
                given,
                earned,
                possible,
                verdict: verdict(given, earned, possible),
                right,
                explanation: explanation.map(say),
                feedback: feedback.map(|(id, texts)| (id.clone(), say(texts))).collect(),
                asked,
            })
        });
        Some(Self { score, questions: reviewed.collect() })
    }
}

fn is_chosen(given: Option<&Given>, choice: &ChoiceId) -> bool {
    match given {
        Some(Given::Choice(chosen)) => chosen == choice,
        Some(Given::Choices(chosen)) => chosen.contains(choice),
        _ => false,
    }
}

fn verdict(given: Option<&Given>, earned: Marks, possible: Marks) -> Verdict {
    match given {
        None => Verdict::Unanswered,
        Some(_) if earned >= possible => Verdict::Right,
        Some(_) if earned > Marks::NONE => Verdict::Partial,
        Some(_) => Verdict::Wrong,
    }
}

fn right(key: &QuestionKey, language: &Language, fallback: &Language) -> Right {
    let is_full = |credit: BasisPoints| credit == BasisPoints::ALL;
    match key {
        QuestionKey::Single(credits) => {
            let best = credits.iter().filter(|(_, credit)| **credit == 10_000);
            Right::Choices(best.map(|(id, _)| id.clone()).collect())
        }
        QuestionKey::Multiple(credits) => {
            let good = credits.iter().filter(|(_, credit)| **credit > 0);
            Right::Choices(good.map(|(id, _)| id.clone()).collect())
        }
        QuestionKey::Number(ranges) => {
            Right::Ranges(ranges.iter().filter(|range| is_full(range.credit)).cloned().collect())
        }
        QuestionKey::Text { accepted, .. } => {
            let full = in_language(accepted, language, fallback).iter();
            let full = full.filter(|text| is_full(text.credit));
            Right::Texts(full.map(|text| text.text.as_str().to_owned()).collect())
        }
        QuestionKey::Ordering(steps) => Right::Order(steps.clone()),
        QuestionKey::Matching(pairs) => Right::Pairs(pairs.clone()),
    }
}
