use std::{
    path::PathBuf,
    process::Command,
    sync::{LazyLock, Mutex},
};

use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{Options, development, start_aws};
use minigate_platform::{Clock, SystemClock};
use minigate_testkit::lambda::{Function, rest_event};
use serde_json::Value;

/// The binary of a function. Cargo has most likely built it already; a test cannot be sure.
pub(crate) fn binary(name: &str) -> PathBuf {
    static BUILDING: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
    let _one_at_a_time = BUILDING.lock().unwrap();
    let mut build = Command::new(env!("CARGO"));
    // Build scripts watch these. With the test's own values, cargo would build half of the tree
    // again, and the next cargo without them once more.
    for name in [
        "MANIFEST_DIR",
        "PKG_NAME",
        "PKG_VERSION_MAJOR",
        "PKG_VERSION_MINOR",
        "PKG_VERSION_PATCH",
        "PKG_VERSION_PRE",
    ] {
        build.env_remove(format!("CARGO_{name}"));
    }
    let output = build
        .args(["build", "--quiet", "--package", name, "--bin", name, "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables =
        artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    executables.next_back().unwrap()
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
fn assert_logs(lines: &[String], expected_lines: usize, secrets: &[&str]) {
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

#[tokio::test]
async fn health_needs_no_dependency() {
    let nowhere: Vec<_> = development::variables()
        .into_iter()
        .chain(
            [
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "development"),
                ("AWS_SECRET_ACCESS_KEY", "development"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        )
        .collect();
    let mut health = Function::start(&binary("health"), &nowhere).await.unwrap();
    let answer = health.invoke(rest_event("GET", "/health", &[], None), deadline()).await.unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(body(&answer)["version"]["function_version"], "7");
    let (_, lines) = health.stop().await.unwrap();
    let metric = lines.iter().any(|line| line.contains(r#""SecretUnavailable":1"#));
    assert!(metric, "no metric tells of the missing secrets: {lines:?}");
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
