use std::path::PathBuf;

use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{Options, development, start_aws};
use minigate_platform::{Clock, SystemClock};
use minigate_testkit::lambda::{self, Function, rest_event};
use serde_json::Value;

pub(crate) fn binary(name: &str) -> PathBuf {
    lambda::binary(name).unwrap()
}

pub(crate) fn now_unix_seconds() -> u64 {
    SystemClock.now().unix_seconds()
}

pub(crate) fn deadline() -> u64 {
    SystemClock.now().unix_millis() + 10_000
}

pub(crate) fn variables(aws: &EmbeddedAws) -> Vec<(String, String)> {
    let sdk = [
        ("AWS_ENDPOINT_URL", aws.endpoint_url().as_str()),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "development"),
        ("AWS_SECRET_ACCESS_KEY", "development"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    development::variables().into_iter().chain(sdk).collect()
}

pub(crate) fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn sessions_and_profile_share_their_state() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let mut sessions = Function::start(&binary("sessions"), &variables(&aws)).await.unwrap();
    let init_data = development::init_data(4_242_424_242, now_unix_seconds()).unwrap();
    let authorization = format!("tma {init_data}");
    let headers = [("Authorization", authorization.as_str())];
    let event = rest_event("POST", "/v1/sessions", &headers, None);
    let opened = sessions.invoke(event, deadline()).await.unwrap();
    assert_eq!(opened["statusCode"], 201, "{opened}");
    assert_eq!(opened["multiValueHeaders"]["x-request-id"][0], "gateway-request-id");
    let opened = body(&opened);
    let access_token = opened["access_token"].as_str().unwrap().to_owned();

    let mut profile = Function::start(&binary("profile"), &variables(&aws)).await.unwrap();
    let bearer = format!("Bearer {access_token}");
    let event = rest_event("GET", "/v1/me", &[("Authorization", &bearer)], None);
    let read = profile.invoke(event.clone(), deadline()).await.unwrap();
    assert_eq!(body(&read)["id"], 4_242_424_242_u64);
    profile.invoke(event, deadline()).await.unwrap();
    let event = rest_event("GET", "/v1/nothing", &[], None);
    let refused = profile.invoke(event, deadline()).await.unwrap();
    assert_eq!(body(&refused)["code"], "route_not_found");
    assert_eq!(refused["isBase64Encoded"], false, "problems travel as text");

    for (function, expected_lines) in [(sessions, 1), (profile, 3)] {
        let (status, lines) = function.stop().await.unwrap();
        assert!(status.success(), "{status}: {lines:?}");
        assert_logs(
            &lines,
            expected_lines,
            &[&init_data, &access_token, "4242424242", "192.0.2.1", "DEVELOPMENT-TOKEN"],
        );
    }
}

/// One line a request, with everything an operator asks for and nothing that is nobody's business.
pub(crate) fn assert_logs(lines: &[String], expected_lines: usize, secrets: &[&str]) {
    let all = lines.join("\n");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} is in the log: {all}");
    }
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = events.iter().filter(|event| event["message"] == "request").collect();
    assert_eq!(requests.len(), expected_lines, "{all}");
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(request["cold_start"], index == 0);
        assert_eq!(request["request_id"], "gateway-request-id");
        assert!(request["duration_ms"].is_f64(), "{request}");
        assert!(request["status"].is_u64(), "{request}");
        assert!(request["route"].is_string(), "{request}");
    }
}

/// A request to each function that cannot be answered without the secrets.
fn requests_that_need_secrets() -> [(&'static str, Value); 4] {
    let init_data = development::init_data(7, now_unix_seconds()).unwrap();
    let authorization = format!("tma {init_data}");
    let headers = [("Authorization", authorization.as_str())];
    let json = [("Content-Type", "application/json")];
    let items = serde_json::json!({ "items": [{ "init_data": init_data }] }).to_string();
    [
        ("sessions", rest_event("POST", "/v1/sessions", &headers, None)),
        ("profile", rest_event("GET", "/v1/me", &headers, None)),
        ("verify", rest_event("POST", "/v1/verify", &json, Some(&items))),
        ("keys", rest_event("GET", "/.well-known/jwks.json", &[], None)),
    ]
}

/// Lambda starts a function that crashes anew with each request, which costs and hides the reason.
async fn answers_503_and_lives(
    function: &str,
    event: &Value,
    variables: &[(String, String)],
) -> String {
    let mut running = Function::start(&binary(function), variables).await.unwrap();
    for _ in 0..2 {
        let refused = running.invoke(event.clone(), deadline()).await.unwrap();
        assert_eq!(refused["statusCode"], 503, "{function}: {refused}");
        assert_eq!(body(&refused)["code"], "secrets_unavailable", "{function}: {refused}");
        assert_eq!(refused["multiValueHeaders"]["retry-after"][0], "1", "{function}");
    }
    let (status, lines) = running.stop().await.unwrap();
    assert!(status.success(), "{function}: {status}");
    lines.join("\n")
}

#[tokio::test]
async fn a_missing_secret_is_a_503_and_a_metric() {
    // It has no secrets.
    let aws = EmbeddedAws::start(minigate_embedded_aws::Options::default()).await.unwrap();
    for (function, event) in requests_that_need_secrets() {
        let log = answers_503_and_lives(function, &event, &variables(&aws)).await;
        assert!(log.contains(r#""SecretUnavailable":1"#), "{function}: {log}");
        assert!(log.contains("there is no such secret"), "{function}: {log}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_the_expected_json_is_a_503_and_a_metric() {
    let aws = EmbeddedAws::start(minigate_embedded_aws::Options::default()).await.unwrap();
    let shared = minigate_platform::aws::configuration_of_emulator(&aws.endpoint_url()).await;
    let client = aws_sdk_secretsmanager::Client::new(&shared);
    let broken = r#"{"token":"7:NOT-THE-WHOLE-OF-IT"}"#;
    for name in [development::BOT_SECRET, development::SIGNING_SECRET] {
        client.create_secret().name(name).secret_string(broken).send().await.unwrap();
    }
    for (function, event) in requests_that_need_secrets() {
        let log = answers_503_and_lives(function, &event, &variables(&aws)).await;
        assert!(log.contains(r#""SecretMalformed":1"#), "{function}: {log}");
        let named =
            if function == "keys" { development::SIGNING_SECRET } else { development::BOT_SECRET };
        assert!(log.contains(named), "{function}: {log}");
        assert!(!log.contains("NOT-THE-WHOLE-OF-IT"), "{function}: {log}");
    }
}

/// Where nobody answers.
fn nowhere() -> Vec<(String, String)> {
    let mut nowhere = development::variables();
    nowhere.extend(
        [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "development"),
            ("AWS_SECRET_ACCESS_KEY", "development"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    nowhere
}

#[tokio::test]
async fn a_secrets_manager_that_is_down_is_a_503_and_a_metric() {
    for (function, event) in requests_that_need_secrets() {
        let log = answers_503_and_lives(function, &event, &nowhere()).await;
        assert!(log.contains(r#""SecretUnavailable":1"#), "{function}: {log}");
    }
}

#[tokio::test]
async fn health_needs_no_dependency() {
    let mut health = Function::start(&binary("health"), &nowhere()).await.unwrap();
    let answer = health.invoke(rest_event("GET", "/health", &[], None), deadline()).await.unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(body(&answer)["version"]["function_version"], "7");
    let (_, lines) = health.stop().await.unwrap();
    let metric = lines.iter().any(|line| line.contains(r#""SecretUnavailable":1"#));
    assert!(metric, "no metric tells of the missing secrets: {lines:?}");
}

#[tokio::test]
async fn a_function_asks_for_the_secrets_that_it_needs_only() {
    for (name, needs, needs_not) in
        [("verify", "BOT_SECRETS", "SIGNING_SECRET"), ("keys", "SIGNING_SECRET", "BOT_SECRETS")]
    {
        let (_, lines) = Function::start(&binary(name), &[]).await.unwrap().end().await.unwrap();
        assert!(lines[0].contains(&format!("MINIGATE_{needs} is missing")), "{lines:?}");
        assert!(!lines[0].contains(needs_not), "{lines:?}");
    }
}

#[tokio::test]
async fn a_wrong_environment_ends_a_function_with_one_message() {
    let function = Function::start(&binary("health"), &[]).await.unwrap();
    let (status, lines) = function.end().await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(lines.len(), 1, "{lines:?}");
    for variable in ["TABLE_MAIN", "TABLE_VOLATILE", "TABLE_AUDIT", "BOT_SECRETS", "SIGNING_SECRET"]
    {
        assert!(lines[0].contains(&format!("MINIGATE_{variable} is missing")), "{lines:?}");
    }
}
