use minigate_tests::{Deployment, Request};
use serde_json::json;

use super::{Author, draft, draft_of, random_name};

#[tokio::test]
async fn what_is_not_there() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    let get = async |path: &str| api.get(&format!("/v1/quizzes/{id}{path}")).send().await;
    get("").await.assert_problem(404, "quiz_not_found", &[]);
    get("/versions/1").await.assert_problem(404, "quiz_version_not_found", &[]);
    author.read_draft(&id).await.assert_problem(404, "quiz_not_found", &[]);
    for action in ["publish", "archive"] {
        author.post(&id, action).await.assert_problem(404, "quiz_not_found", &[]);
    }
    author.put(&id, &draft()).await.assert_success(201, &["etag", "location"]);
    author.post(&id, "archive").await.assert_problem(409, "quiz_not_published", &[]);
    author.publish(&id, &draft()).await;
    get("/versions/2").await.assert_problem(404, "quiz_version_not_found", &[]);
}

#[tokio::test]
async fn a_path_or_a_query_that_is_none() {
    let api = Deployment::shared();
    let get = async |path: &str| api.get(&format!("/v1/quizzes{path}")).send().await;
    for name in ["ab", "Upper", "-a-", "a_b", "global", &"a".repeat(41)] {
        get(&format!("/{name}")).await.assert_problem(400, "path_invalid", &["id"]);
    }
    for version in ["0", "10000", "-1", "x"] {
        let answer = get(&format!("/quiz/versions/{version}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "path_invalid"), "{version}");
    }
    for (query, field) in [
        ("topic=A", "topic"),
        ("topic=", "topic"),
        ("language=english", "language"),
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=x", "limit"),
        ("page=2", "page"),
        ("limit=1&limit=2", "limit"),
    ] {
        get(&format!("?{query}")).await.assert_problem(400, "query_invalid", &[field]);
    }
    get("/quiz?language=x").await.assert_problem(404, "quiz_not_found", &[]);
    get("/quiz?title=x").await.assert_problem(400, "query_invalid", &["title"]);
}

#[tokio::test]
async fn a_cursor_that_was_altered_or_is_of_another_list() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let topic = random_name("topic");
    for title in ["A", "B"] {
        author.publish(&random_name("quiz"), &draft_of(title, &topic)).await;
    }
    let path = format!("/v1/quizzes?topic={topic}&limit=1");
    let first = api.get(&path).header("cache-control", "no-cache").send().await.json();
    let next = first["next"].as_str().unwrap();
    let altered = next.replacen(&next[..1], if next.starts_with('A') { "B" } else { "A" }, 1);
    for cursor in [altered.as_str(), "", "x", "%00", &next[1..], &"A".repeat(900)] {
        let answer = api.get(&format!("{path}&cursor={cursor}")).send().await;
        answer.assert_problem(400, "cursor_invalid", &["cursor"]);
    }
    let other = api.get(&format!("/v1/quizzes?limit=1&cursor={next}")).send().await;
    other.assert_problem(400, "cursor_invalid", &["cursor"]);
    let good = api.get(&format!("{path}&cursor={next}")).send().await;
    assert_eq!(good.json()["quizzes"][0]["title"], "B");
}

#[tokio::test]
async fn a_draft_with_faults_is_refused_with_all_of_them_and_nothing_is_written() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    let mut bad = draft();
    bad["topics"] = json!([]);
    bad["pools"][0]["questions"][0]["choices"][1]["credit"] = 10_000.into();
    bad["pools"][0]["draw"] = 7.into();
    bad["language"] = "fr".into();
    let refused = author.put(&id, &bad).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "draft_invalid"));
    let errors = refused.json()["errors"].clone();
    let fields: Vec<_> = errors.as_array().unwrap().iter().map(|error| &error["field"]).collect();
    for field in ["title", "topics", "pools[0].draw", "pools[0].questions[0].choices"] {
        assert!(fields.contains(&&field.into()), "{field}: {errors}");
    }
    for (change, field) in [
        (json!({ "title": { "en": "" } }), "title.en"),
        (json!({ "title": {} }), "title"),
        (json!({ "titel": {} }), "titel"),
        (json!({ "rules": { "pass_mark": 10_001 } }), "rules.pass_mark"),
        (json!({ "topics": ["Not a slug"] }), "topics[0]"),
        (
            json!({ "pools": [{ "questions": [{ "kind": "essay" }] }] }),
            "pools[0].questions[0].kind",
        ),
    ] {
        let mut draft = draft();
        for (name, value) in change.as_object().unwrap() {
            draft[name] = value.clone();
        }
        let answer = author.put(&id, &draft).await;
        answer.assert_problem(422, "body_invalid", &[field]);
    }
    author.read_draft(&id).await.assert_problem(404, "quiz_not_found", &[]);
}

/// A misspelt field is a fault of the author, and must not be lost in silence.
#[tokio::test]
async fn an_unknown_field_of_a_question_is_refused_with_its_place() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    for (field, value) in [
        ("explenation", json!({ "en": "Because" })),
        // Of another kind.
        ("steps", json!([])),
    ] {
        let mut draft = draft();
        draft["pools"][0]["questions"][1][field] = value;
        let answer = author.put(&id, &draft).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "body_invalid"),
            "{}",
            answer.body
        );
        let named = answer.json()["errors"][0]["field"].as_str().unwrap().to_owned();
        assert!(named.starts_with("pools[0].questions[1]"), "{named}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_json() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    let large = json!({ "title": "x".repeat(400_000) });
    let answer = Request::send_oversized(|| author.putting(&id).json(&large)).await;
    answer.assert_problem(413, "body_too_large", &[]);
    let text = author.putting(&id).body("text/plain", "{}").send().await;
    text.assert_problem(415, "unsupported_media_type", &["content-type"]);
    let broken = author.putting(&id).body("application/json", "{").send().await;
    broken.assert_problem(400, "body_malformed", &[]);
}
