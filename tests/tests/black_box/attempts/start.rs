use minigate_tests::{Deployment, random_user};
use serde_json::json;

use super::{Taker, all_kinds, question};

#[tokio::test]
async fn an_attempt_has_its_questions_and_nothing_of_their_answers() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let answer = taker.starting("first").send().await;
    let attempt = answer.assert_success(201, &["location"]);
    let id = attempt["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/v1/attempts/{id}").as_str()));
    assert_eq!(attempt["state"], "open");
    assert_eq!((&attempt["version"], &attempt["answered"]), (&json!(1), &json!(0)));
    let seconds = |name: &str| attempt[name].as_u64().unwrap();
    assert_eq!(seconds("deadline") - seconds("started_at"), 600);
    assert_eq!(attempt["questions"].as_array().unwrap().len(), 6);
    let planet = question(&attempt, "planet");
    assert_eq!((&planet["kind"], &planet["weight"]), (&json!("single"), &json!(1)));
    assert_eq!(planet["choices"].as_array().unwrap().len(), 2);
    assert_eq!(question(&attempt, "countries")["prompts"].as_array().unwrap().len(), 3);
    // The same attempt again, in the same order.
    assert_eq!(taker.read(&attempt["id"]).await.assert_success(200, &[]), attempt);
    for secret in ["right", "explanation", "Mercury is", "9.8", "credit", "Rome", "result"] {
        assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
    }
}

#[tokio::test]
async fn texts_are_in_the_language_asked_for_where_they_exist_in_it() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let start = taker.starting("k").json(&json!({ "language": "DE" }));
    let attempt = start.send().await.assert_success(201, &["location"]);
    assert_eq!(
        (&attempt["language"], &attempt["title"]),
        (&json!("de"), &json!("Von allem etwas"))
    );
    assert_eq!(question(&attempt, "garden")["text"], "In which order?");
}

#[tokio::test]
async fn a_repeated_start_is_answered_alike_and_another_needs_another_key() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let first = taker.starting("k").send().await.assert_success(201, &["location"]);
    taker
        .answer(&first["id"], "gravity", &json!({ "number": "9.8" }))
        .await
        .assert_success(200, &[]);
    let again = taker.starting("k").send().await.assert_success(201, &["location"]);
    assert_eq!(again, first);
    taker.submit(&first["id"]).await;
    let again = taker.starting("k").json(&json!({})).send().await;
    assert_eq!(again.assert_success(201, &["location"]), first);
    let other = taker.starting("k").json(&json!({ "language": "de" })).send().await;
    other.assert_problem(422, "idempotency_key_reused", &["idempotency-key"]);
    let second = taker.starting("l").send().await.assert_success(201, &["location"]);
    assert_ne!(second["id"], first["id"]);
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused() {
    let api = Deployment::shared();
    let mut draft = all_kinds();
    draft["rules"]["attempts_a_day"] = json!(2);
    let taker = Taker::new(&api, &draft).await;
    let path = format!("/v1/quizzes/{}/attempts", taker.quiz);
    let unnamed = taker.sign(api.post(&path)).send().await;
    unnamed.assert_problem(400, "idempotency_key_missing", &["idempotency-key"]);
    let anonymous = api.post(&path).idempotency_key("k").send().await;
    anonymous.assert_problem(401, "authorization_missing", &["authorization"]);
    let misspelt = taker.starting("k").json(&json!({ "lang": "de" })).send().await;
    misspelt.assert_problem(422, "body_invalid", &["lang"]);
    let none = taker.sign(api.post("/v1/quizzes/there-is-none/attempts")).idempotency_key("k");
    none.send().await.assert_problem(404, "quiz_not_found", &["id"]);
    let wrong = taker.sign(api.post("/v1/quizzes/NONE/attempts")).idempotency_key("k");
    wrong.send().await.assert_problem(400, "path_invalid", &["id"]);
    let renewal = json!({ "renews": "00ff00ff00ff00ff00ff00ff00ff00ff" });
    let renewal = taker.starting("renewal").json(&renewal).send().await;
    renewal.assert_problem(422, "certificate_not_renewable", &["renews"]);

    let first = taker.start().await;
    let second = taker.starting("second").send().await;
    second.assert_problem(409, "attempt_open", &[]);
    let location = format!("/v1/attempts/{}", first["id"].as_str().unwrap());
    assert_eq!(second.header("location"), Some(location.as_str()));
    taker.submit(&first["id"]).await;
    let second = taker.start().await;
    taker.submit(&second["id"]).await;
    let third = taker.starting("third").send().await;
    third.assert_problem(429, "attempts_used_up", &[]);
    let wait: u64 = third.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
}

#[tokio::test]
async fn attempts_are_listed_for_their_user_only() {
    let api = Deployment::shared();
    let taker = Taker::new(&api, &all_kinds()).await;
    let first = taker.start().await;
    taker.submit(&first["id"]).await;
    let second = taker.start().await;
    let list = |query: &str| taker.sign(api.get(&format!("/v1/me/attempts{query}"))).send();
    let page = list("").await.assert_success(200, &[]);
    let ids: Vec<_> =
        page["attempts"].as_array().unwrap().iter().map(|a| a["id"].clone()).collect();
    assert_eq!(ids, [second["id"].clone(), first["id"].clone()]);
    assert_eq!(page["attempts"][0]["state"], "open");
    assert_eq!(
        (&page["attempts"][1]["state"], &page["attempts"][1]["score"]),
        (&json!("scored"), &json!(0))
    );
    let cursor = ids[0].as_str().unwrap();
    let page = list(&format!("?cursor={cursor}")).await.assert_success(200, &[]);
    assert_eq!(page["attempts"].as_array().unwrap().len(), 1);
    list("?cursor=x").await.assert_problem(400, "query_invalid", &["cursor"]);
    list("?page=2").await.assert_problem(400, "query_invalid", &["page"]);
    let stranger = Taker::of(&api, random_user(), taker.quiz.clone());
    let request = stranger.sign(api.get("/v1/me/attempts"));
    assert_eq!(request.send().await.assert_success(200, &[])["attempts"], json!([]));
}
