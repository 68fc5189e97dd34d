//! `GET /v1/me`.

use minigate_tests::{Deployment, now, random_user};
use serde_json::json;

#[tokio::test]
async fn the_whole_profile() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let answer = api.get("/v1/me").bearer(&session.tokens.access).send().await;
    let profile = answer.assert_success(200, &["etag"]);
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let created_at = profile["created_at"].as_u64().unwrap();
    assert!(created_at.abs_diff(now()) <= 60);
    assert_eq!(
        profile,
        json!({
            "id": session.user_id,
            "display_name": "Ada Lovelace",
            "language": "en",
            "notifications": "important",
            "leaderboard_name": "hidden",
            "created_at": created_at,
            "updated_at": created_at,
            "version": 1,
        })
    );
}

#[tokio::test]
async fn init_data_reads_it_too() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let with_token = api.get("/v1/me").bearer(&session.tokens.access).send().await;
    let with_init_data = api.get("/v1/me").tma(&api.bot.init_data(session.user_id)).send().await;
    assert_eq!(with_init_data.assert_success(200, &["etag"]), with_token.json());
}

#[tokio::test]
async fn who_never_had_a_session_has_none() {
    let api = Deployment::shared();
    let init_data = api.bot.init_data(random_user());
    let read = api.get("/v1/me").tma(&init_data).send().await;
    read.assert_problem(404, "profile_not_found", &[]);
    assert!(read.json()["detail"].as_str().unwrap().contains("POST /v1/sessions"));
    for if_match in [None, Some("*"), Some("\"1\"")] {
        let request = api.patch("/v1/me").tma(&init_data).json(&json!({ "language": "de" }));
        let request = match if_match {
            Some(tag) => request.header("if-match", tag),
            None => request,
        };
        request.send().await.assert_problem(404, "profile_not_found", &[]);
    }
    let still = api.get("/v1/me").tma(&init_data).send().await;
    still.assert_problem(404, "profile_not_found", &[]);
}

#[tokio::test]
async fn who_has_it_is_not_sent_it_again() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let read = api.get("/v1/me").bearer(&session.tokens.access);
    let answer = read.header("if-none-match", "\"1\"").send().await;
    assert_eq!((answer.status, answer.header("etag")), (304, Some("\"1\"")));
    let read = api.get("/v1/me").bearer(&session.tokens.access);
    read.header("if-none-match", "\"2\"").send().await.assert_success(200, &["etag"]);
}
