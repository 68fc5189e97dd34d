//! `DELETE /v1/me` and `DELETE /v1/me/erasure`.

use minigate_tests::{Deployment, now, random_user};
use serde_json::json;

const ME: &str = "/v1/me";
const ERASURE: &str = "/v1/me/erasure";
const DAYS: u64 = 24 * 60 * 60;

#[tokio::test]
async fn an_erasure_is_due_after_a_week_and_ends_all_sessions_at_once() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let (user_id, access) = (session.user_id, &session.tokens.access);
    let requested = api.delete(ME).bearer(access).send().await.assert_success(202, &[]);
    let due_at = requested["due_at"].as_u64().unwrap();
    assert_eq!(due_at - requested["requested_at"].as_u64().unwrap(), 7 * DAYS);
    assert!(now() - requested["requested_at"].as_u64().unwrap() < 60);
    api.get(ME).bearer(access).send().await.assert_problem(401, "session_revoked", &[]);

    let init_data = api.bot.init_data(user_id);
    let again = api.delete(ME).tma(&init_data).send().await;
    again.assert_problem(409, "erasure_already_requested", &[]);
    let profile = api.get(ME).tma(&init_data).header("if-none-match", "*").send().await;
    assert_eq!(profile.assert_success(200, &[])["erasure"], requested);
    let more = &["content-disposition"];
    let export = api.get("/v1/me/export").tma(&init_data).send().await.assert_success(200, more);
    assert!(export["data"]["erasure"]["due_at"].is_number());
    // Where init data is only exchanged, a session is all by which the user can take it back.
    let opened = api.post("/v1/sessions").tma(&init_data).send().await.json();
    assert_eq!(opened["erases_at"], due_at);
}

#[tokio::test]
async fn an_erasure_is_taken_back_once() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let init_data = api.bot.init_data(session.user_id);
    let take_back = async || api.delete("/v1/me/erasure").tma(&init_data).send().await;
    take_back().await.assert_problem(404, "erasure_not_requested", &[]);
    api.delete(ME).tma(&init_data).send().await.assert_success(202, &[]);
    take_back().await.assert_success(204, &[]);
    take_back().await.assert_problem(404, "erasure_not_requested", &[]);
    let profile = api.get(ME).tma(&init_data).send().await.assert_success(200, &["etag"]);
    assert!(profile.get("erasure").is_none());
    let opened = api.post("/v1/sessions").tma(&init_data).send().await.json();
    assert!(opened.get("erases_at").is_none());
    api.delete(ME).tma(&init_data).send().await.assert_success(202, &[]);
}

#[tokio::test]
async fn an_erasure_takes_fresh_credentials_of_a_user_who_does_not_administer() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let old = api.bot.init_data_at(session.user_id, now() - 700);
    for path in [ME, ERASURE] {
        let missing = api.delete(path).send().await;
        missing.assert_problem(401, "authorization_missing", &["authorization"]);
        let stale = api.delete(path).tma(&old).send().await;
        stale.assert_problem(401, "credentials_not_fresh", &["authorization"]);
    }
    let stranger = api.bot.init_data(random_user());
    api.delete(ME).tma(&stranger).send().await.assert_problem(404, "profile_not_found", &[]);
    let as_admin = api.bot.init_data(api.admin_id);
    let refused = api.delete(ME).tma(&as_admin).send().await;
    refused.assert_problem(409, "administrator_not_erasable", &[]);
    let role = format!("/v1/system/users/{}/roles/admin", session.user_id);
    api.put(&role).tma(&as_admin).json(&json!({})).send().await.assert_success(200, &[]);
    let init_data = api.bot.init_data(session.user_id);
    let refused = api.delete(ME).tma(&init_data).send().await;
    refused.assert_problem(409, "administrator_not_erasable", &[]);
    api.delete(&role).tma(&as_admin).send().await.assert_success(200, &[]);
    api.delete(ME).tma(&init_data).send().await.assert_success(202, &[]);
    let granted = api.put(&role).tma(&as_admin).json(&json!({})).send().await;
    granted.assert_problem(409, "account_being_erased", &[]);
}

mod local_only {
    use aws_sdk_dynamodb::types::AttributeValue;
    use minigate_tests::Cloud;

    use super::*;

    #[tokio::test]
    async fn an_account_whose_grace_is_over_is_neither_used_nor_brought_back() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let session = api.new_session().await;
        let init_data = api.bot.init_data(session.user_id);
        api.delete(ME).tma(&init_data).send().await.assert_success(202, &[]);
        let update = cloud.dynamodb().await.update_item().table_name("minigate-Main");
        update
            .key("PK", AttributeValue::S(format!("USER#{}", session.user_id)))
            .key("SK", AttributeValue::S("ACCOUNT#ERASURE".to_owned()))
            .update_expression("SET due_at = :then")
            .expression_attribute_values(":then", AttributeValue::N("1000".to_owned()))
            .send()
            .await
            .unwrap();
        for request in [api.post("/v1/sessions"), api.get("/v1/me/export"), api.delete(ERASURE)] {
            let answer = request.tma(&init_data).send().await;
            answer.assert_problem(409, "account_being_erased", &[]);
        }
    }
}
