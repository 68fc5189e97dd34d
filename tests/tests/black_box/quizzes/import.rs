//! `POST /v1/quizzes/import`, and the quizzes that `cargo dev` begins with.

use minigate_tests::{Answer, Deployment, Request};
use serde_json::json;

use super::{Author, random_name};

const GIFT: &str = "::planet:: Which planet is nearest to the sun? {=Mercury ~Venus ~Mars}\n\n\
                    ::rome:: What is the capital of Italy? {=Rome =Roma}\n\n\
                    ::essay:: Why? {}\n";

async fn import(author: &Author<'_>, query: &str, body: &str) -> Answer {
    let post = author.api.post(&format!("/v1/quizzes/import?{query}"));
    author.sign(post).body("text/plain", body).send().await
}

#[tokio::test]
async fn a_file_is_looked_at_then_imported_and_a_second_time_changes_nothing() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let file = random_name("astronomy");
    let topic = random_name("topic");
    let query = format!("file={file}.gift&topic={topic}");
    let dry = import(&author, &format!("{query}&dry_run=true"), GIFT).await;
    let dry = dry.assert_success(200, &[]);
    assert_eq!(
        (&dry["dry_run"], &dry["quizzes"][0]["outcome"]),
        (&true.into(), &"not_written".into())
    );
    let id = dry["quizzes"][0]["id"].as_str().unwrap().to_owned();
    let questions = dry["report"]["questions"].as_array().unwrap();
    assert_eq!(questions.len(), 3, "{dry}");
    assert_eq!(questions[2]["imported"], false, "an essay is reported, and in no quiz");
    author.read_draft(&id).await.assert_problem(404, "quiz_not_found", &[]);

    let drafted = import(&author, &query, GIFT).await.assert_success(200, &[]);
    assert_eq!(
        drafted["quizzes"],
        json!([{ "id": id, "questions": 2, "outcome": "drafted", "draft": 1 }])
    );
    api.get(&format!("/v1/quizzes/{id}")).send().await.assert_problem(404, "quiz_not_found", &[]);
    for _ in 0..2 {
        let published = import(&author, &format!("{query}&publish=true"), GIFT).await;
        assert_eq!(
            published.assert_success(200, &[])["quizzes"],
            json!([{ "id": id, "questions": 2, "outcome": "published", "version": 1 }])
        );
    }
    assert_eq!(author.read_draft(&id).await.header("etag"), Some("\"1\""));

    let other = Author::new(&api).await;
    let refused = import(&other, &query, GIFT).await.assert_success(200, &[]);
    assert_eq!(refused["quizzes"][0]["outcome"], "not_yours");
}

#[tokio::test]
async fn a_file_that_contradicts_itself_is_refused_with_its_line_and_nothing_is_written() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let broken = "First? {=a ~b}\n\nSecond? {=a ~b\n";
    let answer = import(&author, "file=broken.gift", broken).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "import_refused"), "{}", answer.body);
    let field = answer.json()["errors"][0]["field"].as_str().unwrap().to_owned();
    assert!(field.starts_with("broken.gift:"), "{field}");
    for (query, field) in [
        ("format=qti", "format"),
        ("dry_run=yes", "dry_run"),
        ("language=klingon", "language"),
        ("topic=A", "topic"),
        ("file=", "file"),
        ("name=x", "name"),
    ] {
        let answer = import(&author, query, GIFT).await;
        answer.assert_problem(400, "query_invalid", &[field]);
    }
    let large = "x".repeat(1_100_000);
    let post = || author.sign(api.post("/v1/quizzes/import")).body("text/plain", large.as_str());
    Request::send_oversized(post).await.assert_problem(413, "body_too_large", &[]);
    let user = Author { api: &api, user: api.new_session().await.user_id };
    import(&user, "", GIFT).await.assert_problem(403, "role_required", &[]);
}

/// No deployment begins with quizzes.
mod local_only {
    use super::*;

    #[tokio::test]
    async fn a_development_server_begins_with_the_quizzes_of_the_repository() {
        let api = Deployment::shared();
        for id in ["first-aid", "rust-ownership", "telegram-mini-apps", "web-security", "welcome"] {
            let quiz = api.get(&format!("/v1/quizzes/{id}")).send().await.json();
            assert_eq!(quiz["version"], 1, "{quiz}");
            assert_eq!(quiz["languages"].as_array().unwrap().len(), 2);
        }
    }
}
