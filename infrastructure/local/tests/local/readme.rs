//! What the documents tell people to paste: the README's first requests run, and every command of all
//! documents is one that a shell can read and whose variables are set.

use std::process::{Command, Output};

use minigate_local::{DevServer, Options};
use minigate_platform::{Clock, SystemClock};
use serde_json::Value;

const README: &str = include_str!("../../../../README.md");
/// Every document with commands in it.
const DOCUMENTS: [(&str, &str); 5] = [
    ("README.md", README),
    ("CONTRIBUTING.md", include_str!("../../../../CONTRIBUTING.md")),
    ("docs/development.md", include_str!("../../../../docs/development.md")),
    ("docs/deployment.md", include_str!("../../../../docs/deployment.md")),
    ("shared/init-data/README.md", include_str!("../../../../shared/init-data/README.md")),
];
/// Variables that are outputs of the delivery's stack (infrastructure/delivery.yaml), or a release's.
const FROM_ELSEWHERE: [&str; 3] = ["BUCKET", "DIGEST", "EXECUTION_ROLE"];
/// Where the README expects the API.
const BASE_URL: &str = "http://127.0.0.1:3000";

/// The section with this heading, up to the next one of its level.
fn section(heading: &str) -> &'static str {
    let start = README.find(&format!("\n## {heading}\n")).unwrap();
    let section = &README[start + 1..];
    let ends = ["\n## ", "\n### "].map(|next| section.find(next)).into_iter().flatten();
    ends.min().map_or(section, |end| &section[..end])
}

/// The blocks of a document in this language, those in lists too.
fn blocks(document: &'static str, language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    document.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The variables of upper-case letters that a script uses, and those that it sets.
fn variables(script: &str) -> (Vec<&str>, Vec<&str>) {
    let name_at = |from: usize| {
        let rest = &script[from..];
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
    };
    let used = script.match_indices('$').filter_map(|(index, _)| {
        let braced = script[index + 1..].starts_with('{');
        name_at(index + 1 + usize::from(braced))
    });
    let words = script.match_indices([' ', '\n', ';']).map(|(index, _)| index + 1);
    let set = std::iter::once(0).chain(words).filter_map(|from| {
        let name = name_at(from)?;
        let is_read = script[..from].ends_with("read -r ");
        (is_read || script[from + name.len()..].starts_with('=')).then_some(name)
    });
    (used.collect(), set.collect())
}

/// Runs all blocks in one shell, as a terminal would. `cargo dev` is the program that is tested.
fn paste(blocks: &[&str], base_url: &str) -> Output {
    let script = format!(
        "set -eu\ncargo() {{ shift; \"$MINIGATE_LOCAL\" \"$@\"; }}\n\
         curl() {{ command curl --fail --show-error --silent \"$@\"; echo; }}\n{}",
        blocks.join("\n").replace(BASE_URL, base_url),
    );
    Command::new("sh")
        .args(["-c", &script])
        .env("MINIGATE_LOCAL", env!("CARGO_BIN_EXE_minigate-local"))
        .output()
        .unwrap()
}

#[test]
fn every_command_can_be_read_and_has_its_variables() {
    for (name, document) in DOCUMENTS {
        let script = blocks(document, "sh").join("\n");
        let checked = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        let message = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{name}: {message}");
        let (used, set) = variables(&script);
        for variable in used {
            let is_known = set.contains(&variable) || FROM_ELSEWHERE.contains(&variable);
            assert!(is_known, "{name} uses ${variable}, which no command of it sets");
        }
    }
    let (used, set) = variables("A=1 B_2=x; read -r C\necho \"$A\" ${D%%:*} '$1' $(E=1 f) $F_G");
    assert_eq!((used, set), (vec!["A", "D", "F_G"], vec!["A", "B_2", "C"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_requests_work_as_they_are_printed() {
    let blocks = blocks(section("A first request"), "sh");
    assert!(blocks.len() >= 3, "the README has no first requests any more: {blocks:?}");
    let server = DevServer::start(Options::default()).await.unwrap();
    let base_url = server.base_url();
    let output = tokio::task::spawn_blocking(move || paste(&blocks, &base_url)).await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{printed}{message}");

    // A session, its user's profile, and its next tokens.
    let lines = printed.lines().filter(|line| !line.is_empty());
    let answers: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let [session, me, refreshed] = answers.as_slice() else { panic!("{printed}") };
    assert_eq!(session["user"]["display_name"], "Ada Lovelace");
    assert_eq!(me["id"], session["user"]["id"]);
    assert_ne!(refreshed["refresh_token"], session["refresh_token"]);

    let shown: Value =
        serde_json::from_str(self::blocks(section("A first request"), "json")[0]).unwrap();
    let names = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&shown), names(refreshed), "the README shows another answer");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_takes_a_quiz_as_it_is_printed() {
    let blocks = blocks(section("Take a quiz"), "sh");
    let server = DevServer::start(Options::default()).await.unwrap();
    let base_url = server.base_url();
    let output = tokio::task::spawn_blocking(move || paste(&blocks, &base_url)).await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{printed}{message}");

    let lines: Vec<_> = printed.lines().filter(|line| !line.is_empty()).collect();
    let [quiz, attempt, _, _, _, result, board, certificate, address] = lines[..] else {
        panic!("{printed}")
    };
    let [quiz, attempt, result, board] =
        [quiz, attempt, result, board].map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(quiz["id"], "welcome");
    assert_eq!(attempt["state"], "open");
    assert_eq!(
        (&result["result"]["score"], &result["result"]["passed"]),
        (&10_000.into(), &true.into())
    );
    assert_eq!(board["own"]["rank"], 1, "{board}");
    assert_eq!(certificate.split('.').count(), 3);
    assert!(address.ends_with(result["result"]["certificate"].as_str().unwrap()));
    server.shutdown().await;
}

#[tokio::test]
async fn origins_and_limits_are_those_of_the_readme() {
    let section = section("A first request");
    let server = DevServer::start(Options::default()).await.unwrap();
    let login = || {
        let init_data = minigate_local::development::init_data(1, now()).unwrap();
        let request = reqwest::Client::new().post(format!("{}/v1/sessions", server.base_url()));
        request.header("authorization", format!("tma {init_data}"))
    };
    let origins: Vec<_> = section
        .split('`')
        .filter(|code| code.starts_with("http") && !code.contains("/v1"))
        .collect();
    assert_eq!(origins.len(), 2, "{origins:?}");
    for origin in origins {
        let answer = login().header("origin", origin).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
    }
    let answer = login().header("origin", "http://localhost:8080").send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));

    let policies = answer.headers()["ratelimit-policy"].to_str().unwrap();
    assert_eq!(policies, r#""login";q=100;w=60, "login-address";q=100;w=60"#);
    for said in ["100 logins a minute per user and 100 per\naddress", "default is 5 and 20"] {
        assert!(section.contains(said), "{said:?} is not in the README");
    }
    let defaults = [sessions::LOGIN, sessions::LOGIN_ADDRESS].map(|limit| limit.units);
    assert_eq!(defaults, [5, 20]);
    server.shutdown().await;
}

fn now() -> u64 {
    SystemClock.now().unix_seconds()
}
