//! Limits over functions' own processes, as Lambda runs them.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{Options, development, start_aws};
use minigate_platform::aws::configuration_of_emulator;
use minigate_testkit::{
    faults::{Fault, FaultProxy, Target},
    lambda::{Function, rest_event},
};
use serde_json::Value;

use crate::functions::{binary, body, deadline, now_unix_seconds, variables};

const LIMIT: usize = 12;

fn limited(aws: &EmbeddedAws) -> Vec<(String, String)> {
    let limits = format!("api={LIMIT}/3600,login=99,login-address=99");
    // A machine that is busy with tests takes its time.
    let more = [("MINIGATE_LIMITS", limits.as_str()), ("MINIGATE_LIMITER_MILLISECONDS", "5000")];
    let mut variables = variables(aws);
    variables.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
    variables.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

async fn open_session(aws: &EmbeddedAws) -> String {
    let mut sessions = Function::start(&binary("sessions"), &limited(aws)).await.unwrap();
    let init_data = development::init_data(4_242, now_unix_seconds()).unwrap();
    let authorization = format!("tma {init_data}");
    let event =
        rest_event("POST", "/v1/sessions", &[("Authorization", authorization.as_str())], None);
    let opened = sessions.invoke(event, deadline()).await.unwrap();
    assert_eq!(opened["statusCode"], 201, "{opened}");
    format!("Bearer {}", body(&opened)["access_token"].as_str().unwrap())
}

pub(crate) fn metrics(lines: &[String], name: &str) -> u64 {
    let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter_map(|event| event[name].as_u64()).sum()
}

#[tokio::test]
async fn two_processes_admit_together_what_one_would_and_count_it() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let bearer = open_session(&aws).await;
    let profile = binary("profile");
    let mut processes = [
        Function::start(&profile, &limited(&aws)).await.unwrap(),
        Function::start(&profile, &limited(&aws)).await.unwrap(),
    ];
    let event = rest_event("GET", "/v1/me", &[("Authorization", &bearer)], None);
    let mut statuses = Vec::new();
    for _ in 0..LIMIT {
        let [first, second] = &mut processes;
        let (first, second) = tokio::join!(
            first.invoke(event.clone(), deadline()),
            second.invoke(event.clone(), deadline()),
        );
        for answer in [first.unwrap(), second.unwrap()] {
            let headers = &answer["multiValueHeaders"];
            let policy = format!("\"api\";q={LIMIT};w=3600");
            assert_eq!(headers["ratelimit-policy"][0], policy.as_str(), "{answer}");
            if answer["statusCode"] == 429 {
                assert_eq!(body(&answer)["violated-policies"][0], "api");
                let wait: u64 = headers["retry-after"][0].as_str().unwrap().parse().unwrap();
                assert!((1..=300).contains(&wait), "{wait}");
            }
            statuses.push(answer["statusCode"].as_u64().unwrap());
        }
    }
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((admitted, statuses.len()), (LIMIT, 2 * LIMIT), "{statuses:?}");

    let (mut counted, mut denied, mut calls) = (0, 0, 0);
    for process in processes {
        let (status, lines) = process.stop().await.unwrap();
        assert!(status.success(), "{status}: {lines:?}");
        counted += metrics(&lines, "LimitAdmitted");
        denied += metrics(&lines, "LimitDenied");
        calls += metrics(&lines, "LimitCalls");
        let all = lines.join("\n");
        assert!(!all.contains("4242"), "a user is in the log: {all}");
    }
    assert_eq!((counted, denied), (LIMIT as u64, LIMIT as u64));
    assert!((LIMIT as u64..=LIMIT as u64 * 3).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_bad_change_of_the_limits_is_told_by_a_metric() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let bearer = open_session(&aws).await;
    let client = Client::new(&configuration_of_emulator(&aws.endpoint_url()).await);
    let limit = [("limit".to_owned(), AttributeValue::N("0".to_owned()))];
    let api = [("api".to_owned(), AttributeValue::M(limit.into()))];
    let put = client.put_item().table_name("minigate-Main");
    put.item("PK", AttributeValue::S("LIMITS".to_owned()))
        .item("SK", AttributeValue::S("POLICIES".to_owned()))
        .item("version", AttributeValue::N("1".to_owned()))
        .item("policies", AttributeValue::M(api.into()))
        .send()
        .await
        .unwrap();
    let lines = lines_of_reads(&limited(&aws), &bearer).await;
    assert_eq!(metrics(&lines, "PoliciesMalformed"), 1, "{lines:?}");
    assert_eq!(metrics(&lines, "PoliciesUnavailable"), 0, "{lines:?}");
    let is_explained = lines.iter().any(|line| line.contains("policy api: the limit 0"));
    assert!(is_explained, "{lines:?}");
}

#[tokio::test]
async fn settings_of_a_newer_version_are_told_by_a_metric() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let bearer = open_session(&aws).await;
    let client = Client::new(&configuration_of_emulator(&aws.endpoint_url()).await);
    let put = client.put_item().table_name("minigate-Main");
    put.item("PK", AttributeValue::S("LIMITS".to_owned()))
        .item("SK", AttributeValue::S("SETTINGS".to_owned()))
        .item("version", AttributeValue::N("1".to_owned()))
        .item("format", AttributeValue::N("2".to_owned()))
        .item("settings", AttributeValue::M([].into()))
        .send()
        .await
        .unwrap();
    let lines = lines_of_reads(&limited(&aws), &bearer).await;
    assert_eq!(metrics(&lines, "PoliciesMalformed"), 1, "{lines:?}");
    assert_eq!(metrics(&lines, "PoliciesUnavailable"), 0, "{lines:?}");
    let is_explained = lines.iter().any(|line| line.contains("format is 2, of a newer version"));
    assert!(is_explained, "{lines:?}");
}

#[tokio::test]
async fn limits_that_cannot_be_read_are_told_by_a_metric() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let bearer = open_session(&aws).await;
    let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
    let read = Target::from("Query").within("LIMITS");
    let failing = faults.inject(read, Fault::ServerError);
    let mut variables = limited(&aws);
    for (_, value) in variables.iter_mut().filter(|(name, _)| name == "AWS_ENDPOINT_URL") {
        *value = faults.endpoint_url();
    }
    let lines = lines_of_reads(&variables, &bearer).await;
    assert_eq!(metrics(&lines, "PoliciesUnavailable"), 1, "{lines:?}");
    assert_eq!(metrics(&lines, "PoliciesMalformed"), 0, "{lines:?}");
    assert_eq!(failing.hits(), 3, "one call and two retries");
}

/// What a function says that has served three requests.
async fn lines_of_reads(variables: &[(String, String)], bearer: &str) -> Vec<String> {
    let mut profile = Function::start(&binary("profile"), variables).await.unwrap();
    let event = rest_event("GET", "/v1/me", &[("Authorization", bearer)], None);
    for _ in 0..3 {
        let answer = profile.invoke(event.clone(), deadline()).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    profile.stop().await.unwrap().1
}
