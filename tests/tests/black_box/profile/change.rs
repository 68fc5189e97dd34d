//! `PATCH /v1/me`.

use minigate_tests::{Deployment, random_user};
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let access = &session.tokens.access;
    let mut expected = api.profile(session.user_id).await;
    for (version, change) in (2..).zip([
        json!({ "display_name": "Countess" }),
        json!({ "language": "pt-BR" }),
        json!({ "notifications": "all" }),
        json!({ "notifications": "none" }),
        json!({ "leaderboard_name": "shown" }),
        json!({ "leaderboard_name": "hidden" }),
        json!({ "display_name": "Артём 🌈", "language": "zh-hans", "notifications": "important" }),
        json!({ "display_name": "x".repeat(64) }),
        json!({ "display_name": "🌈".repeat(64) }),
    ]) {
        let answer = api.patch("/v1/me").bearer(access).json(&change).send().await;
        let changed = answer.assert_success(200, &["etag"]);
        assert_eq!(answer.header("etag"), Some(&*format!("\"{version}\"")));
        for (name, value) in change.as_object().unwrap() {
            expected[name] = match (name.as_str(), value) {
                ("language", Value::String(tag)) => json!(tag.to_lowercase()),
                _ => value.clone(),
            };
        }
        expected["version"] = json!(version);
        assert!(changed["updated_at"].as_u64() >= expected["updated_at"].as_u64());
        expected["updated_at"] = changed["updated_at"].clone();
        assert_eq!(changed, expected);
        assert_eq!(api.profile(session.user_id).await, expected);
    }
}

#[tokio::test]
async fn with_init_data() {
    let api = Deployment::shared();
    let user = api.new_session().await.user_id;
    let request = api.patch("/v1/me").tma(&api.bot.init_data(user));
    let changed = request.json(&json!({ "language": "de" })).send().await;
    assert_eq!(changed.assert_success(200, &["etag"])["language"], "de");
}

#[tokio::test]
async fn one_user_does_not_change_another() {
    let api = Deployment::shared();
    let (one, other) = (api.new_session().await, api.new_session().await);
    let before = api.profile(other.user_id).await;
    let request = api.patch("/v1/me").bearer(&one.tokens.access);
    request.json(&json!({ "language": "de" })).send().await.assert_success(200, &["etag"]);
    assert_eq!(api.profile(other.user_id).await, before);
}

#[tokio::test]
async fn credentials_come_before_the_body() {
    let api = Deployment::shared();
    let anonymous = api.patch("/v1/me").body("text/plain", "?").send().await;
    anonymous.assert_problem(401, "authorization_missing", &["authorization"]);
    let ended = api.open_session(random_user()).await.tokens;
    api.delete("/v1/sessions").bearer(&ended.access).send().await.assert_success(204, &[]);
    let revoked = api.patch("/v1/me").bearer(&ended.access).body("text/plain", "?").send().await;
    revoked.assert_problem(401, "session_revoked", &[]);
}
