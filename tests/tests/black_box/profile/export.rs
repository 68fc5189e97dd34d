//! `GET /v1/me/export`.

use minigate_tests::{Deployment, now, random_user};
use serde_json::{Value, json};

const PATH: &str = "/v1/me/export";
const MORE: &[&str] = &["content-disposition"];

#[tokio::test]
async fn a_user_gets_everything_that_is_stored_of_them() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let user_id = session.user_id;
    let as_admin = api.bot.init_data(api.admin_id);
    let role = format!("/v1/system/users/{user_id}/roles/author");
    api.put(&role).tma(&as_admin).json(&json!({})).send().await.assert_success(200, &[]);
    let answer = api.get(PATH).bearer(&session.tokens.access).send().await;
    let export = answer.assert_success(200, MORE);
    assert_eq!(export["user_id"], user_id);
    assert!(now() - export["exported_at"].as_u64().unwrap() < 60);
    let data = export["data"].as_object().unwrap();
    let nouns: Vec<&str> = data.keys().map(String::as_str).collect();
    assert_eq!(
        nouns,
        ["attempts", "certificates", "leaderboards", "profile", "roles", "sessions", "tier"]
    );
    assert_eq!(data["profile"]["display_name"], "Ada Lovelace");
    assert_eq!(data["tier"], "free");
    assert_eq!(data["roles"]["author"]["granted_by"], api.admin_id);
    let kept = data["sessions"].as_object().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), [&session.tokens.session_id]);
    assert!(kept[&session.tokens.session_id]["origin"]["address"].is_string());

    let by_init_data = api.get("/v1/me/export").tma(&api.bot.init_data(user_id)).send().await;
    let mut again = by_init_data.assert_success(200, MORE);
    again["exported_at"] = export["exported_at"].clone();
    assert_eq!(again, export);
}

#[tokio::test]
async fn an_export_takes_fresh_credentials_of_a_user_who_is_there() {
    let api = Deployment::shared();
    api.get(PATH).send().await.assert_problem(401, "authorization_missing", &["authorization"]);
    let session = api.new_session().await;
    let old = api.bot.init_data_at(session.user_id, now() - 700);
    let answer = api.get(PATH).tma(&old).send().await;
    answer.assert_problem(401, "credentials_not_fresh", &["authorization"]);
    let recent = api.bot.init_data_at(session.user_id, now() - 500);
    api.get(PATH).tma(&recent).send().await.assert_success(200, MORE);
    let stranger = api.bot.init_data(random_user());
    api.get(PATH).tma(&stranger).send().await.assert_problem(404, "profile_not_found", &[]);
    api.delete("/v1/sessions").bearer(&session.tokens.access).send().await.assert_success(204, &[]);
    let answer = api.get(PATH).bearer(&session.tokens.access).send().await;
    answer.assert_problem(401, "session_revoked", &[]);
}

mod local_only {
    use aws_sdk_dynamodb::types::AttributeValue;
    use minigate_tests::Cloud;

    use super::*;

    /// A refresh proves nothing: a stolen refresh token does it too.
    #[tokio::test]
    async fn a_session_that_was_opened_long_ago_is_not_fresh_however_new_its_token_is() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let session = api.new_session().await;
        let update = cloud.dynamodb().await.update_item().table_name("minigate-Main");
        let opened_at = (now() - 700) * 1_000;
        update
            .key("PK", AttributeValue::S(format!("USER#{}", session.user_id)))
            .key("SK", AttributeValue::S("ACCOUNT#SESSIONS".to_owned()))
            .update_expression("SET #sessions.#session.opened_at = :then")
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#session", &session.tokens.session_id)
            .expression_attribute_values(":then", AttributeValue::N(opened_at.to_string()))
            .send()
            .await
            .unwrap();
        let refreshed: Value = api.refresh(&session.tokens.refresh).await.json();
        let access = refreshed["access_token"].as_str().unwrap();
        let answer = api.get(PATH).bearer(access).send().await;
        answer.assert_problem(401, "credentials_not_fresh", &["authorization"]);
        let opened = api.open_session(session.user_id).await;
        let answer = api.get(PATH).bearer(&opened.tokens.access).send().await;
        answer.assert_success(200, MORE);
    }
}
