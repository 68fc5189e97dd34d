//! Secrets Manager is down, slow, or has a secret that is none.

use std::time::{Duration, Instant};

use minigate_embedded_aws::protocol::Service;
use minigate_local::development;
use minigate_testkit::faults::Fault;
use minigate_tests::{Answer, Bot, Cloud, Deployment, eventually, random_user};
use serde_json::json;

async fn open(api: &Deployment) -> Answer {
    api.post("/v1/sessions").tma(&api.bot.init_data(random_user())).send().await
}

/// The API begins to serve by itself, without a restart.
async fn until_it_serves(api: &Deployment) {
    eventually("a session", async || {
        let answer = open(api).await;
        if answer.status == 201 {
            return Some(());
        }
        answer.assert_problem(503, "secrets_unavailable", &[]);
        None
    })
    .await;
}

/// A start while Secrets Manager does this.
async fn check_start(fault: Fault) {
    let cloud = Cloud::start().await;
    let down = cloud.inject(Service::SecretsManager, fault);
    let started = Instant::now();
    let api = cloud.serve(&[]).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    let (opened, with_token, refreshed) = tokio::join!(
        open(&api),
        api.get("/v1/me").bearer("abc.def.ghi").send(),
        api.refresh("abc.def.ghi")
    );
    for answer in [opened, with_token, refreshed] {
        answer.assert_problem(503, "secrets_unavailable", &[]);
    }
    // What needs no secret does not notice.
    api.get("/health").send().await.assert_success(200, &[]);
    api.get("/nowhere").send().await.assert_problem(404, "route_not_found", &[]);
    api.get("/v1/me").send().await.assert_problem(401, "authorization_missing", &["authorization"]);
    assert_eq!(cloud.count(Service::DynamoDb), 0);

    drop(down);
    until_it_serves(&api).await;
}

#[tokio::test]
async fn down_at_the_start() {
    check_start(Fault::Refuse).await;
}

#[tokio::test]
async fn failing_at_the_start() {
    check_start(Fault::ServerError).await;
}

#[tokio::test]
async fn silent_at_the_start() {
    check_start(Fault::DelayRequest(Duration::from_secs(30))).await;
}

/// While it is down, it is not asked by every request that comes.
#[tokio::test]
async fn a_service_in_trouble_is_left_alone() {
    let cloud = Cloud::start().await;
    let _down = cloud.inject(Service::SecretsManager, Fault::Throttle);
    let api = cloud.serve(&[]).await;
    cloud.reset_counts();
    let started = Instant::now();
    for _ in 0..100 {
        open(&api).await.assert_problem(503, "secrets_unavailable", &[]);
    }
    // Each second one fetch of two versions, three times each.
    let most = 6 * (usize::try_from(started.elapsed().as_secs()).unwrap() + 2);
    let asked = cloud.count(Service::SecretsManager);
    assert!(asked <= most, "{asked} calls, {most} at most");
}

#[tokio::test]
async fn a_passing_fault_at_the_start_is_not_noticed() {
    let cloud = Cloud::start().await;
    for fault in [Fault::Throttle, Fault::ServerError, Fault::Refuse] {
        let once = cloud.inject_times(1, Service::SecretsManager, fault);
        let api = cloud.serve(&[]).await;
        assert_eq!(once.hits(), 1);
        open(&api).await.assert_success(201, &["location"]);
    }
}

#[tokio::test]
async fn down_later_the_last_good_values_serve() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    for fault in [Fault::Refuse, Fault::Throttle] {
        let _down = cloud.inject(Service::SecretsManager, fault);
        api.assert_alive(&session.tokens).await;
        // Each forgery makes it look for a newer key, in vain.
        for _ in 0..3 {
            let forged = api.bot.init_data(session.user_id).replace("Ada", "Eve");
            let refused = api.get("/v1/me").tma(&forged).send().await;
            refused.assert_problem(401, "hash_mismatch", &["init_data"]);
            let opened = open(&api).await.assert_success(201, &["location"]);
            let refresh = opened["refresh_token"].as_str().unwrap();
            api.refresh(refresh).await.assert_success(200, &[]);
        }
    }
}

/// What an operator may have put there by mistake.
const MALFORMED: [&str; 7] = [
    "",
    "1000000000:DEVELOPMENT-TOKEN-OF-NO-REAL-BOT",
    "{}",
    r#"{"bot_id":1000000000}"#,
    r#"{"bot_id":1000000000,"token":""}"#,
    r#"{"bot_id":1000000000,"token":"1000000000"}"#,
    r#"{"bot_id":1000000001,"token":"1000000000:DEVELOPMENT-TOKEN-OF-NO-REAL-BOT"}"#,
];

#[tokio::test]
async fn a_malformed_bot_secret_is_never_a_key() {
    let cloud = Cloud::start().await;
    for text in MALFORMED.into_iter().filter(|text| !text.is_empty()) {
        println!("{text}");
        cloud.put_bot_secret(text).await;
        let api = cloud.serve(&[]).await;
        let answer = open(&api).await;
        answer.assert_problem(503, "secrets_unavailable", &[]);
        assert!(!answer.body.contains("DEVELOPMENT-TOKEN"), "{}", answer.body);
        api.get("/health").send().await.assert_success(200, &[]);
    }
    let api = cloud.serve(&[]).await;
    cloud.put_bot_secret(&api.bot.secret()).await;
    until_it_serves(&api).await;
}

/// One bot's secret is broken: the other bots' users do not notice, and nobody is called a forger
/// whose bot's key is missing.
#[tokio::test]
async fn a_malformed_secret_is_one_bots_trouble() {
    let cloud = Cloud::start().await;
    let second = Bot::new("2000000000:SECOND-BOT-OF-THE-BLACK-BOX-TESTS-0");
    cloud.put_secret("bots/second", "{").await;
    let secrets = "minigate/development/bot,bots/second";
    let api = cloud.serve(&[("MINIGATE_BOT_SECRETS", secrets)]).await;

    open(&api).await.assert_success(201, &["location"]);
    let of_second =
        async || api.post("/v1/sessions").tma(&second.init_data(random_user())).send().await;
    of_second().await.assert_problem(503, "secrets_unavailable", &[]);
    let named = json!({ "init_data": second.init_data(random_user()), "bot_id": second.id });
    let named = api.post("/v1/sessions").json(&named).send().await;
    named.assert_problem(503, "secrets_unavailable", &[]);

    let health = api.get("/health/detailed").tma(&api.bot.init_data(api.admin_id)).send().await;
    let health = health.assert_success(200, &[]);
    let check = health["checks"].as_array().unwrap().iter();
    let check = check.clone().find(|check| check["name"] == "secret bots/second").unwrap();
    assert_eq!(check["status"], "down");
    assert!(check["message"].as_str().unwrap().contains("must be JSON"), "{check}");

    cloud.put_secret("bots/second", &second.secret()).await;
    eventually("a session of the second bot", async || {
        (of_second().await.status == 201).then_some(())
    })
    .await;
    open(&api).await.assert_success(201, &["location"]);
}

/// A rotation that goes wrong does not take what is running down.
#[tokio::test]
async fn a_secret_that_is_broken_later_changes_nothing() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    cloud.put_bot_secret("{}").await;
    cloud.put_signing_secret("{}").await;
    for _ in 0..3 {
        let forged = api.bot.init_data(session.user_id).replace("Ada", "Eve");
        let refused = api.get("/v1/me").tma(&forged).send().await;
        refused.assert_problem(401, "hash_mismatch", &["init_data"]);
        open(&api).await.assert_success(201, &["location"]);
    }
    api.assert_alive(&session.tokens).await;
}

#[tokio::test]
async fn a_malformed_signing_key_signs_nothing() {
    let cloud = Cloud::start().await;
    for text in [
        "{}",
        r#"{"key_id":"","seed":"bWluaWdhdGUgZGV2ZWxvcG1lbnQgc2lnbmluZyBrZXk"}"#,
        r#"{"key_id":"a b","seed":"bWluaWdhdGUgZGV2ZWxvcG1lbnQgc2lnbmluZyBrZXk"}"#,
        r#"{"key_id":"short","seed":"bWluaWdhdGU"}"#,
        r#"{"key_id":"padded","seed":"bWluaWdhdGUgZGV2ZWxvcG1lbnQgc2lnbmluZyBrZXk="}"#,
    ] {
        println!("{text}");
        cloud.put_signing_secret(text).await;
        let api = cloud.serve(&[]).await;
        cloud.reset_counts();
        open(&api).await.assert_problem(503, "secrets_unavailable", &[]);
        assert_eq!(cloud.count(Service::DynamoDb), 0, "no session without tokens for it");
    }
    let api = cloud.serve(&[]).await;
    cloud.put_signing_secret(&development::signing_secret()).await;
    until_it_serves(&api).await;
}
