//! Headers of every answer. [`minigate_tests::Answer`] compares their names in every test; here are
//! their values.

use std::collections::BTreeSet;

use minigate_tests::{Answer, Deployment};
use serde_json::json;

/// A success, problems, what no route has made, and a preflight.
async fn answers(api: &Deployment) -> Vec<Answer> {
    let session = api.new_session().await.tokens;
    let preflight = api.request(reqwest::Method::OPTIONS, "/v1/me").header("origin", &api.origin);
    let preflight = preflight.header("access-control-request-method", "GET");
    let malformed = api.post("/v1/sessions").body("application/json", "{");
    let gone = json!({ "refresh_token": "a.b.c" });
    let mut answers = Vec::new();
    for request in [
        api.get("/health"),
        api.get("/v1/me").bearer(&session.access),
        api.post("/v1/sessions").tma(&api.bot.init_data(minigate_tests::random_user())),
        api.get("/v1/me"),
        api.get("/nowhere"),
        api.post("/health"),
        malformed,
        api.post("/v1/sessions/refresh").json(&gone),
        preflight,
        api.delete("/v1/sessions").bearer(&session.access),
    ] {
        answers.push(request.send().await);
    }
    let oversized = || api.post("/v1/sessions").body("application/json", "x".repeat(65_537));
    answers.push(minigate_tests::Request::send_oversized(oversized).await);
    answers
}

#[tokio::test]
async fn the_security_headers() {
    let api = Deployment::shared();
    for answer in answers(&api).await {
        println!("{}", answer.status);
        for (name, expected) in [
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors \
                 https://web.telegram.org https://webk.telegram.org https://webz.telegram.org \
                 https://weba.telegram.org",
            ),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            (
                "permissions-policy",
                "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), \
                 payment=(), usb=()",
            ),
            ("cache-control", "private, no-store"),
        ] {
            assert_eq!(answer.header(name), Some(expected));
        }
        // It would shut Telegram's web clients out.
        assert_eq!(answer.header("x-frame-options"), None);
        let says_what_it_runs = ["server", "x-powered-by"].map(|name| answer.header(name));
        assert_eq!(says_what_it_runs, [None, None]);
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let api = Deployment::shared();
    let answers = answers(&api).await;
    let ids = answers.iter().map(|answer| answer.header("x-request-id").unwrap());
    assert_eq!(ids.clone().collect::<BTreeSet<_>>().len(), answers.len());
    assert!(ids.clone().all(|id| (16..=64).contains(&id.len())), "{:?}", ids.collect::<Vec<_>>());
}

/// A client that chose its id could hide among the log lines of another.
#[tokio::test]
async fn a_client_does_not_choose_the_id() {
    let api = Deployment::shared();
    let answer = api.get("/health").header("x-request-id", "chosen-by-the-client").send().await;
    assert_ne!(answer.header("x-request-id"), Some("chosen-by-the-client"));
}
