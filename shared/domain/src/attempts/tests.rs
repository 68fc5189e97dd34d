use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{AnswerRefusal, Attempt, Given, Misfit, NewAttempt, Review, Right, Verdict, score};
use crate::{
    Entropy, Timestamp, UserId,
    quizzes::{ChoiceId, Kind, Marks, Publication, QuestionId, QuestionKey, QuizDraft, Version},
};

struct Seeded(u8);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_760_000_000_000);

fn publication(change: impl FnOnce(&mut serde_json::Value)) -> Publication {
    let mut json: serde_json::Value =
        serde_json::from_str(include_str!("../quizzes/example.json")).unwrap();
    json["pools"][0]["draw"] = 2.into();
    change(&mut json);
    let draft: QuizDraft = serde_json::from_value(json).unwrap();
    draft.publish(&Seeded(7)).unwrap()
}

fn attempt(publication: &Publication, seed: u8) -> Attempt {
    let new = NewAttempt {
        user_id: UserId::new(7).unwrap(),
        quiz_id: &"everything".parse().unwrap(),
        version: Version::FIRST,
        quiz: &publication.quiz,
        language: None,
        renews: None,
    };
    Attempt::start(new, NOW, &Seeded(seed))
}

fn question(id: &str) -> QuestionId {
    id.parse().unwrap()
}

fn give(attempt: &mut Attempt, id: &str, given: Given) {
    let id = question(id);
    attempt.check(&id, &given, NOW).unwrap();
    attempt.answers.insert(id, super::Answer { given, at: NOW });
}

/// What is right, as an answer.
fn right(publication: &Publication, id: &QuestionId) -> Given {
    match publication.key.of(id).unwrap() {
        QuestionKey::Single(credits) => {
            Given::Choice(credits.iter().find(|(_, credit)| **credit == 10_000).unwrap().0.clone())
        }
        QuestionKey::Multiple(credits) => Given::Choices(
            credits.iter().filter(|(_, credit)| **credit > 0).map(|(id, _)| id.clone()).collect(),
        ),
        QuestionKey::Number(ranges) => Given::Number(ranges[0].from),
        QuestionKey::Text { accepted, .. } => {
            let text = accepted[&publication.quiz.language][0].text.as_str();
            Given::Text(text.to_owned().try_into().unwrap())
        }
        QuestionKey::Ordering(steps) => Given::Order(steps.clone()),
        QuestionKey::Matching(pairs) => Given::Pairs(pairs.clone()),
    }
}

fn earned(publication: &Publication, id: &str, given: Given) -> i64 {
    let mut attempt = attempt(publication, 1);
    give(&mut attempt, id, given);
    let score = score(&attempt, &publication.quiz, &publication.key, NOW);
    score.by_question[&question(id)].get()
}

#[test]
fn what_is_right_earns_everything_and_nothing_earns_nothing() {
    let publication = publication(|_| {});
    let mut attempt = attempt(&publication, 1);
    let nothing = score(&attempt, &publication.quiz, &publication.key, NOW);
    assert_eq!((nothing.earned, nothing.share.get(), nothing.passed), (Marks::NONE, 0, false));
    for id in attempt.asked.clone().into_keys() {
        give(&mut attempt, id.clone().as_str(), right(&publication, &id));
    }
    let all = score(&attempt, &publication.quiz, &publication.key, NOW);
    assert_eq!((all.earned, all.share.get(), all.passed), (Marks::new(70_000), 10_000, true));
}

#[test]
fn a_part_of_the_answer_earns_a_part_of_the_marks() {
    let publication = publication(|_| {});
    let number = |text: &str| Given::Number(text.parse().unwrap());
    assert_eq!(earned(&publication, "gravity", number("9.81")), 20_000);
    assert_eq!(earned(&publication, "gravity", number("9.5")), 10_000);
    // Wrong: a quarter of the weight of 2.
    assert_eq!(earned(&publication, "gravity", number("7")), -5_000);

    let Given::Order(order) = right(&publication, &question("garden")) else { panic!() };
    let [sow, water, harvest] = <[ChoiceId; 3]>::try_from(order).unwrap();
    let order = |steps: [&ChoiceId; 3]| Given::Order(steps.map(Clone::clone).into());
    assert_eq!(earned(&publication, "garden", order([&harvest, &sow, &water])), 5_000);
    assert_eq!(earned(&publication, "garden", order([&harvest, &water, &sow])), 0);

    let Given::Pairs(mut pairs) = right(&publication, &question("countries")) else { panic!() };
    pairs.pop_first();
    assert_eq!(earned(&publication, "countries", Given::Pairs(pairs)), 6_666);

    let Given::Choices(right) = right(&publication, &question("primes")) else { panic!() };
    let one = BTreeSet::from([right.first().unwrap().clone()]);
    assert_eq!(earned(&publication, "primes", Given::Choices(one.clone())), 5_000);
    let quiz = &publication.quiz;
    let primes = quiz.questions().find(|asked| asked.id == question("primes")).unwrap();
    let Kind::Multiple { choices, .. } = &primes.kind else { panic!() };
    let all: BTreeSet<_> = choices.iter().map(|choice| choice.id.clone()).collect();
    assert_eq!(earned(&publication, "primes", Given::Choices(all.clone())), 5_000);
    let wrong: BTreeSet<_> = all.difference(&right).cloned().collect();
    // A negative credit costs the penalty at most, and there is none.
    assert_eq!(earned(&publication, "primes", Given::Choices(wrong)), 0);
}

#[test]
fn texts_are_accepted_in_the_language_of_the_attempt() {
    let publication = publication(|_| {});
    let text = |text: &str| Given::Text(text.to_owned().try_into().unwrap());
    for (language, answer, marks) in [
        ("en", " ROME ", 10_000),
        ("en", "Roma", 0),
        ("it-ch", "roma", 10_000),
        ("fr", "rome", 10_000),
    ] {
        let mut attempt = attempt(&publication, 1);
        attempt.language = language.parse().unwrap();
        give(&mut attempt, "capital", text(answer));
        let score = score(&attempt, &publication.quiz, &publication.key, NOW);
        assert_eq!(score.by_question[&question("capital")].get(), marks, "{language} {answer}");
    }
}

#[test]
fn an_answer_that_does_not_fit_is_refused_and_says_why() {
    let publication = publication(|_| {});
    let attempt = attempt(&publication, 1);
    let check = |id: &str, given: &Given| attempt.check(&question(id), given, NOW);
    let id = |text: &str| text.parse::<ChoiceId>().unwrap();
    let number = Given::Number("1".parse().unwrap());
    assert_eq!(check("nothing", &number), Err(AnswerRefusal::NotAsked));
    let kind = super::AnswerKind::Single;
    assert_eq!(check("planet", &number), Err(AnswerRefusal::Misfit(Misfit::Kind(kind))));
    let unknown =
        |field: &str| Err(AnswerRefusal::Misfit(Misfit::Unknown { field: field.to_owned() }));
    assert_eq!(check("planet", &Given::Choice(id("zz"))), unknown("choice"));
    let Given::Order(order) = right(&publication, &question("garden")) else { panic!() };
    let twice = Given::Order(vec![order[0].clone(), order[1].clone(), order[0].clone()]);
    let repeated = Misfit::Repeated { field: "order[2]".to_owned() };
    assert_eq!(check("garden", &twice), Err(AnswerRefusal::Misfit(repeated)));
    let short = Given::Order(order[..2].to_vec());
    assert_eq!(check("garden", &short), Err(AnswerRefusal::Misfit(Misfit::Incomplete(3))));
    let pairs = Given::Pairs(BTreeMap::from([(id("p9"), id("a"))]));
    assert_eq!(check("countries", &pairs), unknown("pairs.p9"));

    assert_eq!(
        attempt.check(&question("gravity"), &number, attempt.deadline),
        Err(AnswerRefusal::Over)
    );
    let mut scored = attempt.clone();
    scored.score = Some(score(&attempt, &publication.quiz, &publication.key, NOW));
    assert_eq!(scored.check(&question("gravity"), &number, NOW), Err(AnswerRefusal::Scored));
}

#[test]
fn a_review_says_what_was_right_and_exists_only_after_submission() {
    let publication = publication(|json| {
        json["pools"][0]["questions"][0]["choices"][1]["feedback"] =
            serde_json::json!({"en": "Venus is hotter."});
    });
    let mut attempt = attempt(&publication, 1);
    assert!(Review::of(&attempt, &publication.quiz, &publication.key).is_none());
    let planet = question("planet");
    let Given::Choice(mercury) = right(&publication, &planet) else { panic!() };
    let venus = attempt.asked[&planet].choices.iter().find(|id| **id != mercury).unwrap().clone();
    give(&mut attempt, "planet", Given::Choice(venus.clone()));
    attempt.score = Some(score(&attempt, &publication.quiz, &publication.key, NOW));
    let review = Review::of(&attempt, &publication.quiz, &publication.key).unwrap();
    let of = |id: &str| {
        review.questions.iter().find(|asked| asked.asked.question.id == question(id)).unwrap()
    };
    assert_eq!(of("planet").right, Right::Choices(BTreeSet::from([mercury])));
    assert_eq!((of("planet").verdict, of("planet").earned.get()), (Verdict::Partial, 2_500));
    assert_eq!(of("planet").explanation, Some("Mercury is."));
    assert_eq!(of("planet").feedback, BTreeMap::from([(venus, "Venus is hotter.")]));
    assert_eq!(of("garden").verdict, Verdict::Unanswered);
    assert_eq!(of("capital").right, Right::Texts(vec!["Rome".to_owned()]));
}

#[test]
fn a_renewal_asks_fewer_questions_of_the_same_quiz() {
    let publication = publication(|_| {});
    let new = NewAttempt {
        user_id: UserId::new(7).unwrap(),
        quiz_id: &"everything".parse().unwrap(),
        version: Version::FIRST,
        quiz: &publication.quiz,
        language: None,
        renews: Some(crate::CertificateId::random(&Seeded(3))),
    };
    let renewal = Attempt::start(new, NOW, &Seeded(1));
    assert_eq!(renewal.asked.len(), 3);
    assert_eq!(attempt(&publication, 1).asked.len(), 6);
}

fn given() -> impl Strategy<Value = Given> {
    let id = "[a-d]|p[1-3]".prop_map(|text| text.parse::<ChoiceId>().unwrap());
    prop_oneof![
        id.clone().prop_map(Given::Choice),
        prop::collection::btree_set(id.clone(), 0..4).prop_map(Given::Choices),
        "[0-9]{1,2}".prop_map(|text| Given::Number(text.parse().unwrap())),
        "[a-zA-Z* ]{0,6}x".prop_map(|text| Given::Text(text.try_into().unwrap())),
        prop::collection::vec(id.clone(), 0..4).prop_map(Given::Order),
        prop::collection::btree_map(id.clone(), id, 0..4).prop_map(Given::Pairs),
    ]
}

proptest! {
    /// Whatever is answered: no question earns more than its weight or costs more than its penalty, the
    /// whole is their sum and never negative, and only an answer can change marks.
    #[test]
    fn marks_stay_within_their_bounds(
        answers in prop::collection::vec((0_usize..6, given()), 0..30),
        penalty in 0_u16..=10_000,
        seed: u8,
    ) {
        let publication = publication(|json| {
            for pool in 0..2 {
                for question in json["pools"][pool]["questions"].as_array_mut().unwrap() {
                    question["penalty"] = penalty.into();
                }
            }
        });
        let mut attempt = attempt(&publication, seed);
        let ids: Vec<_> = attempt.asked.keys().cloned().collect();
        for (at, given) in answers {
            let id = &ids[at];
            let fits = attempt.check(id, &given, NOW).is_ok();
            prop_assert_eq!(fits, given.check(&attempt.asked[id]).is_ok());
            if fits {
                attempt.answers.insert(id.clone(), super::Answer { given, at: NOW });
            }
        }
        let scored = score(&attempt, &publication.quiz, &publication.key, NOW);
        let mut sum = 0;
        for asked in publication.quiz.questions() {
            let marks = scored.by_question[&asked.id].get();
            let weight = i64::from(asked.weight);
            prop_assert!(marks <= weight * 10_000 && marks >= -weight * i64::from(penalty));
            prop_assert!(attempt.given(&asked.id).is_some() || marks == 0);
            sum += marks;
        }
        prop_assert_eq!(scored.earned.get(), sum.max(0));
        prop_assert!(scored.earned <= scored.possible);
        prop_assert_eq!(scored.passed, scored.share >= publication.quiz.rules.pass_mark);
        let stored = serde_json::to_string(&attempt).unwrap();
        prop_assert_eq!(serde_json::from_str::<Attempt>(&stored).unwrap(), attempt);
    }

    /// The same seed asks the same, and every question with its own choices.
    #[test]
    fn a_seed_asks_the_same_questions(seed: u64) {
        let publication = publication(|_| {});
        let draw = || super::Paper::draw(&publication.quiz, seed, super::Length::Full);
        let ids = |paper: &super::Paper<'_>| -> Vec<_> {
            let of = |asked: &super::Asked<'_>| {
                let choices: Vec<_> = asked.choices.iter().map(|choice| choice.id.clone()).collect();
                (asked.question.id.clone(), choices)
            };
            paper.questions.iter().map(of).collect()
        };
        prop_assert_eq!(ids(&draw()), ids(&draw()));
        let different: BTreeSet<_> = ids(&draw()).into_iter().map(|(id, _)| id).collect();
        prop_assert_eq!(different.len(), 6);
    }
}
