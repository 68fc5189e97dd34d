use minigate_tests::Deployment;
use serde_json::{Value, json};

use super::{Author, draft_of, random_name};

#[tokio::test]
async fn a_quiz_is_drafted_published_changed_and_archived() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let (id, topic) = (random_name("quiz"), random_name("topic"));
    let path = format!("/v1/quizzes/{id}");
    let draft = draft_of("One", &topic);
    let created = author.put(&id, &draft).await;
    let state = created.assert_success(201, &["etag", "location"]);
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(
        (&state["id"], &state["status"], &state["owner"], &state["draft"], state.get("version")),
        (&id.as_str().into(), &"draft".into(), &author.user.into(), &1.into(), None)
    );
    api.get(&path).send().await.assert_problem(404, "quiz_not_found", &[]);
    let read = author.read_draft(&id).await;
    assert_eq!(read.assert_success(200, &["etag"]), draft, "as it was written");
    assert_eq!(read.header("cache-control"), Some("private, no-store"));

    let state = author.post(&id, "publish").await.assert_success(200, &["etag"]);
    assert_eq!((&state["status"], &state["version"]), (&"published".into(), &1.into()));
    let again = author.post(&id, "publish").await.assert_success(200, &["etag"]);
    assert_eq!(again, state, "a repetition changes nothing");
    assert_eq!(api.get(&path).send().await.json()["title"], "One");

    let changed = author.put(&id, &draft_of("Two", &topic)).await;
    assert_eq!(changed.assert_success(200, &["etag"])["draft"], 2);
    assert_eq!(api.get(&path).send().await.json()["title"], "One", "a draft is nobody's business");
    let state = author.post(&id, "publish").await.assert_success(200, &["etag"]);
    assert_eq!(state["version"], 2);
    let fresh = api.get(&path).header("cache-control", "no-cache").send().await;
    assert_eq!(fresh.json()["title"], "Two");
    let first = api.get(&format!("{path}/versions/1")).send().await;
    assert_eq!(first.json()["title"], "One", "a version never changes");

    let archived = author.post(&id, "archive").await.assert_success(200, &["etag"]);
    assert_eq!(archived["status"], "archived");
    author.post(&id, "archive").await.assert_success(200, &["etag"]);
    let gone = api.get(&path).header("cache-control", "no-cache").send().await;
    gone.assert_problem(410, "quiz_archived", &[]);
    assert_eq!(api.get(&format!("{path}/versions/2")).send().await.json()["title"], "Two");
    let back = author.post(&id, "publish").await.assert_success(200, &["etag"]);
    assert_eq!((&back["status"], &back["version"]), (&"published".into(), &2.into()));
}

#[tokio::test]
async fn of_two_drafts_on_one_version_the_second_is_refused() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    let put = async |header: &str, tag: &str, title: &str| {
        let draft = draft_of(title, "general");
        author.putting(&id).header(header, tag).json(&draft).send().await
    };
    put("if-match", "*", "A").await.assert_problem(412, "version_mismatch", &["if-match"]);
    put("if-none-match", "*", "A").await.assert_success(201, &["etag", "location"]);
    put("if-none-match", "*", "A").await.assert_success(200, &["etag"]);
    put("if-none-match", "*", "B").await.assert_problem(
        412,
        "version_mismatch",
        &["if-none-match"],
    );
    put("if-match", "\"1\"", "B").await.assert_success(200, &["etag"]);
    put("if-match", "\"1\"", "B").await.assert_success(200, &["etag"]);
    put("if-match", "\"1\"", "C").await.assert_problem(412, "version_mismatch", &["if-match"]);
    put("if-match", "W/\"2\"", "C").await.assert_problem(412, "version_mismatch", &["if-match"]);
    put("if-match", "2", "C").await.assert_problem(400, "header_invalid", &["if-match"]);
    let publish = async |tag: &str| {
        let post = author.sign(api.post(&format!("/v1/quizzes/{id}/publish")));
        post.header("if-match", tag).send().await
    };
    publish("\"1\"").await.assert_problem(412, "version_mismatch", &["if-match"]);
    publish("\"2\"").await.assert_success(200, &["etag"]);
}

#[tokio::test]
async fn only_its_author_and_administrators_change_a_quiz_or_read_its_draft() {
    let api = Deployment::shared();
    let (author, other) = (Author::new(&api).await, Author::new(&api).await);
    let id = random_name("quiz");
    author.put(&id, &draft_of("Mine", "general")).await.assert_success(201, &["etag", "location"]);
    let draft = draft_of("Theirs", "general");
    other.put(&id, &draft).await.assert_problem(403, "quiz_not_yours", &[]);
    other.read_draft(&id).await.assert_problem(403, "quiz_not_yours", &[]);
    for action in ["publish", "archive"] {
        other.post(&id, action).await.assert_problem(403, "quiz_not_yours", &[]);
    }
    let administrator = Author { api: &api, user: api.admin_id };
    administrator.put(&id, &draft).await.assert_success(200, &["etag"]);
    assert_eq!(administrator.read_draft(&id).await.json()["title"]["en"], "Theirs");
    let state = administrator.post(&id, "publish").await.assert_success(200, &["etag"]);
    assert_eq!(state["owner"], author.user, "it stays its author's");
    administrator.post(&id, "archive").await.assert_success(200, &["etag"]);
    let trail = api.get("/v1/system/audit").tma(&api.bot.init_data(api.admin_id)).send().await;
    let trail = trail.json();
    let of_quiz = trail["entries"].as_array().unwrap().iter();
    let of_quiz: Vec<_> = of_quiz.filter(|entry| entry["subject"] == id.as_str()).collect();
    assert_eq!(of_quiz.len(), 2, "{trail}");
}

#[tokio::test]
async fn a_user_without_the_role_writes_nothing() {
    let api = Deployment::shared();
    let user = Author { api: &api, user: api.new_session().await.user_id };
    let id = random_name("quiz");
    user.put(&id, &draft_of("A", "general")).await.assert_problem(403, "role_required", &[]);
    user.read_draft(&id).await.assert_problem(403, "role_required", &[]);
    user.post(&id, "publish").await.assert_problem(403, "role_required", &[]);
    let nobody = api.put(&format!("/v1/quizzes/{id}")).json(&json!({})).send().await;
    nobody.assert_problem(401, "authorization_missing", &["authorization"]);
}

#[tokio::test]
async fn a_draft_with_every_kind_survives_the_way_there_and_back() {
    let api = Deployment::shared();
    let author = Author::new(&api).await;
    let id = random_name("quiz");
    let draft: Value = super::draft();
    author.put(&id, &draft).await.assert_success(201, &["etag", "location"]);
    let read = author.read_draft(&id).await.assert_success(200, &["etag"]);
    assert_eq!(read, draft);
    author.put(&id, &read).await.assert_success(200, &["etag"]);
    assert_eq!(author.read_draft(&id).await.header("etag"), Some("\"1\""), "nothing changed");
}
