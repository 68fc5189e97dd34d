//! Sessions are opened rarely, and a robot is told so.

use std::time::Duration;

use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::Fault;
use minigate_tests::{Answer, Cloud, Deployment, Tokens, random_user};
use serde_json::json;

const FEW: [(&str, &str); 1] = [("MINIGATE_LIMITS", "login=2/3600,login-address=3/3600")];

async fn open(api: &Deployment, user_id: u64) -> Answer {
    api.post("/v1/sessions").tma(&api.bot.init_data(user_id)).send().await
}

#[tokio::test]
async fn a_user_and_an_address_open_few_sessions() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&FEW).await;
    let [first, second, third] = [random_user(), random_user(), random_user()];
    for _ in 0..2 {
        open(&api, first).await.assert_success(201, &["location"]);
    }
    let refused = open(&api, first).await;
    refused.assert_problem(429, "rate_limited", &[]);
    assert_eq!(refused.json()["violated-policies"], json!(["login"]));
    let opened = open(&api, second).await;
    opened.assert_success(201, &["location"]);
    assert_eq!(
        opened.header("ratelimit-policy"),
        Some(r#""login";q=2;w=3600, "login-address";q=3;w=3600"#)
    );
    let refused = open(&api, third).await;
    refused.assert_problem(429, "rate_limited", &[]);
    assert_eq!(refused.json()["violated-policies"], json!(["login-address"]));
    // Refused by one limit, a request takes nothing from the other.
    let admin = api.get(&format!("/v1/system/limits/keys/user/{third}"));
    let state = admin.tma(&api.bot.init_data(api.admin_id)).send().await;
    let limits = state.assert_success(200, &[])["limits"].clone();
    let login = limits.as_array().unwrap().iter().find(|limit| limit["policy"] == "login").cloned();
    assert_eq!(login.unwrap()["remaining"], 2);
    // A robot with bad init data is not even counted.
    let forged = api.bot.init_data(third).replace("Ada", "Eve");
    cloud.reset_counts();
    let refused = api.post("/v1/sessions").tma(&forged).send().await;
    refused.assert_problem(401, "hash_mismatch", &["init_data"]);
    assert_eq!(cloud.proxy().count(Cloud::limiter()), 0);
}

/// The account is read while the limit is asked; nothing more comes of a login that is denied.
#[tokio::test]
async fn a_denied_login_writes_nothing_and_a_remembered_denial_reads_nothing() {
    let cloud = Cloud::start().await;
    let user = random_user();
    let api = cloud.serve(&FEW).await;
    for _ in 0..2 {
        open(&api, user).await.assert_success(201, &["location"]);
    }
    let other = cloud.serve(&FEW).await;
    for (time, calls_at_most) in [("the table denies", 1), ("memory denies", 0)] {
        cloud.reset_counts();
        open(&other, user).await.assert_problem(429, "rate_limited", &[]);
        let calls = cloud.calls();
        assert!(calls.keys().all(|call| call.operation == "Query"), "{time}: {calls:?}");
        assert!(calls.values().sum::<usize>() <= calls_at_most, "{time}: {calls:?}");
    }
}

/// One round trip for both: the limits do not answer, and the account was asked for all the same.
#[tokio::test]
async fn the_account_is_read_while_the_limits_are_asked() {
    let cloud = Cloud::start().await;
    // Long enough for the read to arrive on a busy machine.
    let api = cloud.serve(&[("MINIGATE_LIMITER_MILLISECONDS", "1000")]).await;
    let never = Fault::DelayRequest(Duration::from_secs(60));
    let _silent = cloud.proxy().inject(Cloud::limiter(), never);
    cloud.reset_counts();
    open(&api, random_user()).await.assert_problem(503, "store_unavailable", &[]);
    assert_eq!(cloud.count("Query"), 1, "{:?}", cloud.calls());
    assert_eq!(cloud.count(Service::DynamoDb), 1, "{:?}", cloud.calls());
}

#[tokio::test]
async fn tokens_are_refreshed_as_often_as_they_need_to_be() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_LIMITS", "refresh=1/3600")]).await;
    let session = api.new_session().await;
    let refreshed = api.refresh(&session.tokens.refresh).await;
    let next = refreshed.assert_success(200, &[]);
    let refused = api.refresh(next["refresh_token"].as_str().unwrap()).await;
    refused.assert_problem(429, "rate_limited", &[]);
    assert_eq!(refused.json()["violated-policies"], json!(["refresh"]));
    api.assert_alive(&session.tokens).await;
}

/// Whoever has stolen a token that is dead takes nothing from its user.
#[tokio::test]
async fn a_dead_token_costs_its_user_nothing() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_LIMITS", "refresh=3/3600")]).await;
    let session = api.new_session().await;
    let stolen = api.open_session(session.user_id).await.tokens;
    let path = format!("/v1/sessions/{}", stolen.session_id);
    let revoked = api.delete(&path).bearer(&session.tokens.access).send().await;
    revoked.assert_success(204, &[]);
    cloud.reset_counts();
    for replay in 0..30 {
        let refused = api.refresh(&stolen.refresh).await;
        if replay < 3 {
            refused.assert_problem(401, "session_revoked", &["refresh_token"]);
        } else {
            refused.assert_problem(429, "rate_limited", &[]);
        }
    }
    assert_eq!(cloud.proxy().count(Cloud::cache()), 0, "nothing is invalidated");
    let mut tokens = session.tokens;
    for _ in 0..3 {
        tokens = Tokens::of(&api.refresh(&tokens.refresh).await.assert_success(200, &[]));
    }
}
