//! `GET /health` and `GET /health/detailed`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::Fault;
use minigate_tests::{Answer, Cloud, Deployment};
use serde_json::{Value, json};

#[tokio::test]
async fn anyone_may_ask_whether_the_api_answers() {
    let api = Deployment::shared();
    let health = api.get("/health").send().await.assert_success(200, &[]);
    assert_eq!(health["status"], "ok");
    assert!(health["version"]["minigate"].as_str().unwrap().starts_with("0."));
    let with_bad_credentials = api.get("/health").header("authorization", "nonsense").send().await;
    assert_eq!(with_bad_credentials.assert_success(200, &[])["status"], "ok");
}

async fn detailed(api: &Deployment) -> Answer {
    api.get("/health/detailed").tma(&api.bot.init_data(api.admin_id)).send().await
}

/// Names and statuses of the checks, once their shape has been checked.
#[track_caller]
fn checks(health: &Value) -> Vec<(String, String)> {
    let checks = health["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            assert!(check["latency_ms"].as_f64().is_some_and(|latency| latency >= 0.0), "{check}");
            let has_message = check["message"].as_str().is_some_and(|text| !text.is_empty());
            assert_eq!(check.as_object().unwrap().len(), 3 + usize::from(has_message), "{check}");
            let text = |name: &str| check[name].as_str().unwrap().to_owned();
            (text("name"), text("status"))
        })
        .collect()
}

#[tokio::test]
async fn an_administrator_learns_how_each_dependency_is_doing() {
    let api = Deployment::shared();
    let answer = detailed(&api).await;
    let health = answer.assert_success(200, &[]);
    answer.assert_keeps_secrets();
    let members: Vec<_> = health.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["checks", "score", "status", "version"]);
    let checks = checks(&health);
    assert_eq!(checks[0].0, "dynamodb");
    assert!(checks.len() >= 3, "{checks:?}");
    assert!(checks[1..].iter().all(|(name, _)| name.starts_with("secret ")), "{checks:?}");
    assert!(checks.iter().all(|(_, status)| status != "down"), "{checks:?}");
    assert!(health["score"].as_u64().is_some_and(|score| score <= 100));
}

#[tokio::test]
async fn an_administrators_session_will_do() {
    let api = Deployment::shared();
    let session = api.open_session(api.admin_id).await.tokens;
    let answer = api.get("/health/detailed").bearer(&session.access).send().await;
    answer.assert_success(200, &[]);
}

#[tokio::test]
async fn nobody_else_does() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let request = || api.get("/health/detailed");
    let with_token = request().bearer(&session.tokens.access).send().await;
    with_token.assert_problem(403, "admin_required", &[]);
    let with_init_data = request().tma(&api.bot.init_data(session.user_id)).send().await;
    with_init_data.assert_problem(403, "admin_required", &[]);
    let anonymous = request().send().await;
    anonymous.assert_problem(401, "authorization_missing", &["authorization"]);
    let forged = request().tma(&api.bot.init_data(api.admin_id).replace("Ada", "Eve")).send().await;
    forged.assert_problem(401, "hash_mismatch", &["init_data"]);
}

mod local_only {
    use super::*;

    /// An answer about bad news is still an answer.
    #[tokio::test]
    async fn what_is_down_is_said_to_be_down() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let secrets =
            ["secret minigate/development/bot", "secret minigate/development/signing-key"];
        let statuses = async || {
            let answer = detailed(&api).await;
            let health = answer.assert_success(200, &[]);
            answer.assert_keeps_secrets();
            let checks = checks(&health);
            let names: Vec<_> = checks.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["dynamodb", secrets[0], secrets[1]]);
            let statuses: Vec<_> = checks.into_iter().map(|(_, status)| status).collect();
            (statuses.join(" "), health["status"].clone(), health["score"].as_u64().unwrap())
        };
        assert_eq!(statuses().await, ("ok ok ok".to_owned(), json!("ok"), 100));

        let dynamodb = cloud.inject(Service::DynamoDb, Fault::ServerError);
        assert_eq!(statuses().await, ("down ok ok".to_owned(), json!("down"), 66));

        let secrets_manager = cloud.inject(Service::SecretsManager, Fault::Refuse);
        let both = ("down degraded degraded".to_owned(), json!("down"), 33);
        assert_eq!(statuses().await, both);

        drop(dynamodb);
        let degraded = ("ok degraded degraded".to_owned(), json!("degraded"), 66);
        assert_eq!(statuses().await, degraded);

        drop(secrets_manager);
        minigate_tests::eventually("good health", async || {
            (statuses().await.0 == "ok ok ok").then_some(())
        })
        .await;
    }

    /// Another function calls the provider, and this one knows only what that one has reported.
    #[tokio::test]
    async fn a_provider_is_as_it_was_last_seen() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: u64| AttributeValue::N(number.to_string());
        for (provider, is_down) in [("stripe", false), ("telegram", true)] {
            let report = HashMap::from([
                ("is_down".to_owned(), AttributeValue::Bool(is_down)),
                ("latency_ms".to_owned(), number(120)),
                ("at".to_owned(), number(1_760_000_000_000)),
            ]);
            let update = cloud.dynamodb().await.update_item().table_name("minigate-Main");
            update
                .key("PK", text("PROVIDERS"))
                .key("SK", text("PROVIDERS"))
                .update_expression("SET #provider = :report")
                .expression_attribute_names("#provider", provider)
                .expression_attribute_values(":report", AttributeValue::M(report))
                .send()
                .await
                .unwrap();
        }
        let health = detailed(&api).await.assert_success(200, &[]);
        let checks = checks(&health);
        let status = |name: &str| {
            let check = checks.iter().find(|(found, _)| found == name);
            check.map(|(_, status)| status.as_str())
        };
        assert_eq!(status("provider stripe"), Some("ok"), "{checks:?}");
        assert_eq!(status("provider telegram"), Some("down"), "{checks:?}");
        assert_eq!(health["status"], "down");
    }
}
