use minigate_tests::{Deployment, random_user};
use serde_json::json;

use super::{Taker, all_kinds, option, question, right_answers};

#[tokio::test]
async fn answers_are_taken_in_any_order_and_again() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let attempt = taker.start().await;
    let id = &attempt["id"];
    let mut answers = right_answers(&attempt);
    answers.reverse();
    for (count, (name, answer)) in answers.iter().enumerate() {
        let taken = taker.answer(id, name, answer).await.assert_success(200, &[]);
        let expected = json!({
            "question": name, "answered": count + 1, "questions": 6, "deadline": attempt["deadline"],
        });
        assert_eq!(taken, expected);
    }
    taker.answer(id, "gravity", &json!({ "number": "+7.50" })).await.assert_success(200, &[]);
    taker.answer(id, "primes", &json!({ "choices": [] })).await.assert_success(200, &[]);
    let read = taker.read(id).await.assert_success(200, &[]);
    assert_eq!(read["answered"], 5);
    assert_eq!(question(&read, "gravity")["answer"], json!({ "number": "7.5" }));
    assert_eq!(question(&read, "capital")["answer"], json!({ "text": "  rome " }));
    assert_eq!(question(&read, "primes").get("answer"), None);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_changes_nothing() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let attempt = taker.start().await;
    let id = &attempt["id"];
    let step = |text| option(&attempt, "garden", "choices", text);
    let [sow, water, harvest] = ["Sow", "Water", "Harvest"].map(step);
    let number = json!({ "number": "1" });
    for (name, answer, status, code, field) in [
        ("nothing", number.clone(), 404, "question_not_asked", "question"),
        ("planet", number.clone(), 422, "answer_kind_wrong", "number"),
        ("planet", json!({ "choice": "zz" }), 422, "option_unknown", "choice"),
        ("primes", json!({ "choices": ["zz"] }), 422, "option_unknown", "choices[0]"),
        ("garden", json!({ "order": [sow, water] }), 422, "answer_incomplete", "order"),
        ("garden", json!({ "order": [sow, water, sow] }), 422, "place_repeated", "order[2]"),
        ("garden", json!({ "order": [sow, water, "zz"] }), 422, "option_unknown", "order[2]"),
        ("countries", json!({ "pairs": { "p9": "a" } }), 422, "option_unknown", "pairs.p9"),
        ("gravity", json!({ "number": "nine" }), 422, "body_invalid", "number"),
        ("gravity", json!({ "number": 9 }), 422, "body_invalid", "number"),
        ("capital", json!({ "text": "" }), 422, "body_invalid", "text"),
        ("capital", json!({ "text": "x".repeat(501) }), 422, "body_invalid", "text"),
        ("capital", json!({}), 422, "body_invalid", "."),
        ("capital", json!({ "text": "a", "number": "1" }), 422, "body_invalid", "."),
        ("garden", json!({ "order": vec![harvest; 41] }), 422, "body_invalid", "order"),
        ("Garden", number.clone(), 400, "path_invalid", "question"),
    ] {
        taker.answer(id, name, &answer).await.assert_problem(status, code, &[field]);
    }
    assert_eq!(taker.read(id).await.assert_success(200, &[]), attempt);
}

#[tokio::test]
async fn the_attempt_of_another_user_is_not_found() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let attempt = taker.start().await;
    let stranger = Taker::of(&api, random_user(), taker.quiz.clone());
    let (id, number) = (&attempt["id"], json!({ "number": "9.81" }));
    for answer in [
        stranger.read(id).await,
        stranger.answer(id, "gravity", &number).await,
        stranger.submitting(id).send().await,
    ] {
        answer.assert_problem(404, "attempt_not_found", &[]);
    }
    assert_eq!(taker.read(id).await.assert_success(200, &[]), attempt);
    let wrong = taker.sign(api.get("/v1/attempts/7")).send().await;
    wrong.assert_problem(400, "path_invalid", &["id"]);
}
