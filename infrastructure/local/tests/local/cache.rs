//! The cache over functions' own processes, as Lambda runs and freezes them.

use std::path::Path;

use minigate_embedded_aws::EmbeddedAws;
use minigate_local::{Options, development, start_aws};
use minigate_testkit::lambda::{Function, rest_event};
use serde_json::Value;

use crate::{
    functions::{binary, body, deadline, now_unix_seconds, variables},
    limits::metrics,
};

const USER: u64 = 4_242_424_242;

async fn start(aws: &EmbeddedAws, binary: &Path) -> Function {
    // A machine that is busy with tests takes its time.
    let patient = ("MINIGATE_CACHE_MILLISECONDS".to_owned(), "5000".to_owned());
    let variables: Vec<_> = variables(aws).into_iter().chain([patient]).collect();
    Function::start(binary, &variables).await.unwrap()
}

async fn ask(function: &mut Function, method: &str, path: &str, authorization: &str) -> Value {
    let event = rest_event(method, path, &[("Authorization", authorization)], None);
    function.invoke(event, deadline()).await.unwrap()
}

/// What is told of a namespace.
fn lines_of(lines: &[String], namespace: &str) -> Vec<String> {
    let name = format!(r#""cache":"{namespace}""#);
    lines.iter().filter(|line| line.contains(&name)).cloned().collect()
}

fn init_data(user: u64) -> String {
    format!("tma {}", development::init_data(user, now_unix_seconds()).unwrap())
}

#[tokio::test]
async fn a_session_that_one_process_ends_is_refused_by_those_that_know_it_and_all_is_counted() {
    let aws = start_aws(&Options::default()).await.unwrap();
    // All of them first: building one keeps this thread, which answers the processes.
    let [sessions, profile, system] = ["sessions", "profile", "system"].map(binary);
    let mut sessions = start(&aws, &sessions).await;
    let opened = ask(&mut sessions, "POST", "/v1/sessions", &init_data(USER)).await;
    let bearer = format!("Bearer {}", body(&opened)["access_token"].as_str().unwrap());

    let mut processes = [start(&aws, &profile).await, start(&aws, &profile).await];
    for process in &mut processes {
        for _ in 0..3 {
            let read = ask(process, "GET", "/v1/me", &bearer).await;
            assert_eq!(read["statusCode"], 200, "{read}");
        }
        process.freeze().await.unwrap();
    }
    let ended = ask(&mut sessions, "DELETE", "/v1/sessions", &bearer).await;
    assert_eq!(ended["statusCode"], 204, "{ended}");
    let (mut hits, mut misses, mut policies) = (0, 0, 0);
    for mut process in processes {
        let refused = ask(&mut process, "GET", "/v1/me", &bearer).await;
        assert_eq!(body(&refused)["code"], "session_revoked", "{refused}");
        let (status, lines) = process.stop().await.unwrap();
        assert!(status.success(), "{status}: {lines:?}");
        hits += metrics(&lines_of(&lines, "account"), "CacheHits");
        misses += metrics(&lines_of(&lines, "account"), "CacheMisses");
        policies += metrics(&lines_of(&lines, "policies"), "CacheMisses");
        let all = lines.join("\n");
        assert!(!all.contains(&USER.to_string()), "a user is in the log: {all}");
    }
    assert_eq!((hits, policies), (4, 2), "all but the first of each");

    let mut system = start(&aws, &system).await;
    let admin = init_data(development::USER_ID);
    let told = body(&ask(&mut system, "GET", "/v1/system/cache", &admin).await);
    let account = &told["namespaces"]["account"];
    assert_eq!(account["hits"], hits, "{account}");
    assert_eq!((&account["misses"], &account["loads"]), (&misses.into(), &misses.into()));
    assert_eq!((&account["invalidated"], &account["level_errors"]), (&2.into(), &0.into()));
    assert_eq!(told["namespaces"]["policies"]["misses"], policies, "{told}");
    let since = account["since"].as_u64().unwrap();
    assert!(since <= now_unix_seconds() && since + 60 > now_unix_seconds(), "{since}");
}

#[tokio::test]
async fn the_keys_are_rendered_once_and_told_in_the_log_only() {
    let aws = start_aws(&Options::default()).await.unwrap();
    let [keys, system] = ["keys", "system"].map(binary);
    let mut keys = start(&aws, &keys).await;
    let event = rest_event("GET", "/.well-known/jwks.json", &[], None);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = keys.invoke(event.clone(), deadline()).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        answers.push(answer["body"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let (_, lines) = keys.stop().await.unwrap();
    let of_keys = lines_of(&lines, "jwks");
    let counts = ["CacheMisses", "CacheHits", "CacheTableCalls"];
    let counts = counts.map(|name| metrics(&of_keys, name));
    assert_eq!(counts, [1, 2, 0], "{lines:?}");

    let mut system = start(&aws, &system).await;
    let admin = init_data(development::USER_ID);
    let told = body(&ask(&mut system, "GET", "/v1/system/cache", &admin).await);
    let names: Vec<_> = told["namespaces"].as_object().unwrap().keys().collect();
    assert!(!names.iter().any(|name| *name == "jwks"), "{names:?}");
}
