use minigate_tests::Deployment;
use serde_json::{Value, json};

use super::{Taker, all_kinds, option, right_answers};

fn marked<'a>(attempt: &'a Value, id: &str) -> &'a Value {
    let questions = attempt["result"]["questions"].as_array().unwrap();
    questions.iter().find(|question| question["id"] == id).unwrap()
}

#[tokio::test]
async fn what_is_right_earns_everything_and_a_certificate() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let attempt = taker.start().await;
    for (name, answer) in right_answers(&attempt) {
        taker.answer(&attempt["id"], name, &answer).await.assert_success(200, &[]);
    }
    let scored = taker.submit(&attempt["id"]).await;
    let result = &scored["result"];
    assert_eq!(scored["state"], "scored");
    let expected =
        [("earned", 70_000), ("possible", 70_000), ("score", 10_000), ("pass_mark", 6_000)];
    for (name, number) in expected {
        assert_eq!(result[name], number, "{name}");
    }
    assert_eq!(result["passed"], true);
    assert_eq!(result["certificate"].as_str().unwrap().len(), 32);
    assert!(
        result["questions"].as_array().unwrap().iter().all(|marked| marked["verdict"] == "right")
    );

    // Again, and later: the same result.
    assert_eq!(taker.submit(&attempt["id"]).await, scored);
    assert_eq!(taker.read(&attempt["id"]).await.assert_success(200, &[]), scored);
    let late = taker.answer(&attempt["id"], "gravity", &json!({ "number": "1" })).await;
    late.assert_problem(409, "attempt_submitted", &[]);
}

#[tokio::test]
async fn a_result_says_what_each_question_earned_and_why() {
    let api = Deployment::shared();
    let mut draft = all_kinds();
    draft["pools"][0]["questions"][0]["choices"][1]["feedback"] =
        json!({ "en": "Hotter, not nearer." });
    let taker = Taker::new(&api, &draft).await;
    let attempt = taker.start().await;
    let venus = option(&attempt, "planet", "choices", "Venus");
    let mercury = option(&attempt, "planet", "choices", "Mercury");
    for (name, answer) in [
        ("planet", json!({ "choice": venus })),
        ("gravity", json!({ "number": "12" })),
        ("capital", json!({ "text": "Paris" })),
    ] {
        taker.answer(&attempt["id"], name, &answer).await.assert_success(200, &[]);
    }
    let scored = taker.submit(&attempt["id"]).await;
    let planet = marked(&scored, "planet");
    assert_eq!((&planet["earned"], &planet["verdict"]), (&json!(2_500), &json!("partial")));
    assert_eq!(planet["right"], json!({ "choices": [mercury] }));
    assert_eq!(planet["explanation"], "Mercury is.");
    assert_eq!(planet["feedback"], json!({ venus.as_str().unwrap(): "Hotter, not nearer." }));
    let gravity = marked(&scored, "gravity");
    assert_eq!((&gravity["earned"], &gravity["verdict"]), (&json!(-5_000), &json!("wrong")));
    assert_eq!(gravity["right"], json!({ "numbers": [{ "from": "9.8", "to": "9.82" }] }));
    assert_eq!(marked(&scored, "capital")["right"], json!({ "texts": ["Rome"] }));
    assert_eq!(marked(&scored, "garden")["verdict"], "unanswered");
    // 2,500 less 5,000: never less than nothing.
    assert_eq!(
        (&scored["result"]["earned"], &scored["result"]["passed"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(scored["result"].get("certificate"), None);
}
