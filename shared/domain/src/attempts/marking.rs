//! What an answer earns.

use std::collections::BTreeMap;

use super::{
    Attempt, Given, Score,
    normal::{matches, normalize},
    paper::Paper,
};
use crate::{
    Language, Timestamp,
    quizzes::{AcceptedText, AnswerKey, BasisPoints, Marks, PublishedQuiz, QuestionKey},
};

const ALL: i32 = 10_000;

/// Scores an attempt: what its answers earn, and whether that passes. Always the same for the same answers,
/// whoever notices first that the attempt is over; `now` only dates it.
///
/// `quiz` and `key` must be of the attempt's version.
pub fn score(attempt: &Attempt, quiz: &PublishedQuiz, key: &AnswerKey, now: Timestamp) -> Score {
    let paper = attempt.paper(quiz);
    let possible = paper.possible();
    let by_question: BTreeMap<_, _> = earned(attempt, &paper, key, &quiz.language).collect();
    let sum: Marks = by_question.values().copied().sum();
    let earned = sum.max(Marks::NONE);
    let share = BasisPoints::ratio(earned, possible);
    Score {
        at: now.min(attempt.deadline),
        earned,
        possible,
        share,
        passed: share >= quiz.rules.pass_mark,
        by_question,
        certificate: None,
    }
}

fn earned<'a>(
    attempt: &'a Attempt,
    paper: &'a Paper<'a>,
    key: &'a AnswerKey,
    fallback: &'a Language,
) -> impl Iterator<Item = (crate::quizzes::QuestionId, Marks)> + 'a {
    paper.questions.iter().map(|asked| {
        let question = asked.question;
        let given = attempt.given(&question.id);
        let marks = match (given, key.of(&question.id)) {
            (Some(given), Some(key)) => {
                let credit = credit(given, key, &attempt.language, fallback);
                let settled = settle(credit, question.penalty);
                Marks::new(i64::from(settled) * i64::from(question.weight))
            }
            _ => Marks::NONE,
        };
        (question.id.clone(), marks)
    })
}

/// An answer that earns nothing costs the penalty, and none costs more.
fn settle(credit: i32, penalty: BasisPoints) -> i32 {
    let floor = -i32::from(penalty.get());
    match credit {
        0 => floor,
        credit => credit.clamp(floor, ALL),
    }
}

/// The share of a question that an answer earns, in basis points, before penalties.
fn credit(given: &Given, key: &QuestionKey, language: &Language, fallback: &Language) -> i32 {
    match (given, key) {
        (Given::Choice(choice), QuestionKey::Single(credits)) => {
            credits.get(choice).copied().unwrap_or_default().into()
        }
        (Given::Choices(choices), QuestionKey::Multiple(credits)) => {
            choices.iter().filter_map(|choice| credits.get(choice)).copied().map(i32::from).sum()
        }
        (Given::Number(number), QuestionKey::Number(ranges)) => ranges
            .iter()
            .find(|range| (range.from..=range.to).contains(number))
            .map_or(0, |range| range.credit.get().into()),
        (Given::Text(text), QuestionKey::Text { accepted, case_sensitive }) => {
            let given = normalize(text.as_str(), *case_sensitive);
            let is_it = |accepted: &&AcceptedText| {
                matches(&normalize(accepted.text.as_str(), *case_sensitive), &given)
            };
            let accepted = in_language(accepted, language, fallback);
            accepted.iter().find(is_it).map_or(0, |accepted| accepted.credit.get().into())
        }
        (Given::Order(given), QuestionKey::Ordering(right)) => {
            let followed = right.windows(2).filter(|two| given.windows(2).any(|own| own == *two));
            share(followed.count(), right.len().saturating_sub(1))
        }
        (Given::Pairs(given), QuestionKey::Matching(right)) => {
            let is_right = |(prompt, answer): &(_, _)| given.get(*prompt) == Some(*answer);
            share(right.iter().filter(is_right).count(), right.len())
        }
        // The write of an answer has the question's kind as its condition.
        _ => 0,
    }
}

/// What is accepted in the attempt's language, else in that of another region, else in the quiz's.
pub(super) fn in_language<'a>(
    accepted: &'a BTreeMap<Language, Vec<AcceptedText>>,
    language: &Language,
    fallback: &Language,
) -> &'a [AcceptedText] {
    let base = language.as_str().split('-').next().and_then(|base| base.parse().ok());
    let candidates = [Some(language), base.as_ref(), Some(fallback)];
    let found = candidates.into_iter().flatten().find_map(|language| accepted.get(language));
    found.map_or(&[], Vec::as_slice)
}

fn share(part: usize, whole: usize) -> i32 {
    let all = usize::try_from(ALL).unwrap_or_default();
    i32::try_from(part * all / whole.max(1)).unwrap_or(ALL).min(ALL)
}
