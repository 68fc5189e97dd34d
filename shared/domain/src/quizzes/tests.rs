use super::{AnswerKey, Kind, QuestionKey, QuizDraft};
use crate::Entropy;

struct Seeded(u8);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

fn draft() -> QuizDraft {
    serde_json::from_str(include_str!("example.json")).unwrap()
}

fn faults(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
    let mut json = serde_json::to_value(draft()).unwrap();
    change(&mut json);
    let draft: QuizDraft = serde_json::from_value(json).unwrap();
    let faults: Vec<_> = draft.faults().iter().map(ToString::to_string).collect();
    assert_eq!(draft.publish(&Seeded(1)).is_err(), !faults.is_empty());
    faults
}

#[test]
fn a_draft_survives_its_file() {
    let json = serde_json::to_value(draft()).unwrap();
    let original: serde_json::Value = serde_json::from_str(include_str!("example.json")).unwrap();
    assert_eq!(json, original);
}

#[test]
fn what_everybody_sees_says_nothing_about_what_is_right() {
    let publication = draft().publish(&Seeded(7)).unwrap();
    let public = serde_json::to_string(&publication.quiz).unwrap();
    // Names of the file that say too much, credits, accepted answers, explanations.
    for secret in ["right", "wrong", "credit", "9.8", "10000", "Mercury is", "first", "correct"] {
        assert!(!public.contains(secret), "{secret}: {public}");
    }
    assert_eq!(format!("{:?}", publication.key), "AnswerKey(6 questions)");
    assert!(!format!("{publication:?}").contains("9.8"));
}

#[test]
fn the_key_knows_the_choices_by_their_new_names() {
    for seed in 0..20 {
        let publication = draft().publish(&Seeded(seed)).unwrap();
        for question in publication.quiz.questions() {
            let text = |choices: &[super::Choice], id| {
                let english = "en".parse().unwrap();
                let choice = choices.iter().find(|choice| choice.id == id).unwrap();
                choice.text.get(&english, &english).to_owned()
            };
            match (&question.kind, publication.key.of(&question.id).unwrap()) {
                (Kind::Single { choices, .. }, QuestionKey::Single(credits)) => {
                    let best = credits.iter().find(|(_, credit)| **credit == 10_000).unwrap().0;
                    assert_eq!(text(choices, best.clone()), "Mercury");
                }
                (Kind::Ordering { steps }, QuestionKey::Ordering(order)) => {
                    let texts: Vec<_> = order.iter().map(|id| text(steps, id.clone())).collect();
                    assert_eq!(texts, ["Sow", "Water", "Harvest"]);
                }
                (Kind::Matching { prompts, answers }, QuestionKey::Matching(pairs)) => {
                    assert_eq!(answers.len(), 3);
                    for (prompt, answer) in pairs {
                        let expected = match &*text(prompts, prompt.clone()) {
                            "Paris" | "Lyon" => "France",
                            _ => "Japan",
                        };
                        assert_eq!(text(answers, answer.clone()), expected);
                    }
                }
                _ => {}
            }
        }
        let stored = publication.key.to_stored();
        assert!(AnswerKey::from_stored(&stored).unwrap() == publication.key);
    }
}

#[test]
fn what_no_attempt_could_use_is_a_fault_with_its_place() {
    assert_eq!(faults(|_| {}), Vec::<String>::new());
    let at = "pools[0].questions[0]";
    assert_eq!(
        faults(|json| json["pools"][0]["questions"][0]["choices"][1]["credit"] = 10_000.into()),
        [format!("{at}.choices must have one right choice (credit 10000) and has 2")]
    );
    assert_eq!(
        faults(|json| json["pools"][0]["draw"] = 3.into()),
        ["pools[0].draw must be 1 to 2, the questions of the pool"]
    );
    assert_eq!(
        faults(|json| json["language"] = "fr".into())[0],
        "title must have a text in `fr`, the quiz's language"
    );
    assert_eq!(
        faults(|json| json["pools"][0]["questions"][0]["weight"] = 2.into()),
        ["pools[0].questions must all have one weight, because only some are drawn"]
    );
    assert_eq!(
        faults(|json| json["pools"][0]["questions"][1]["id"] = "planet".into()),
        ["pools[0].questions[1].id must be unique within the quiz"]
    );
}
