//! Which origins a browser lets call the API and read its answers.

use minigate_tests::{Answer, Deployment};
use reqwest::Method;

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

async fn preflight(api: &Deployment, path: &str, origin: &str) -> Answer {
    let request = api.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "PATCH");
    let wanted = "authorization,content-type,if-match";
    request.header("access-control-request-headers", wanted).send().await
}

fn words(text: Option<&str>) -> Vec<String> {
    let mut words: Vec<_> =
        text.unwrap_or_default().split(',').map(|word| word.trim().to_lowercase()).collect();
    words.sort_unstable();
    words
}

#[tokio::test]
async fn a_preflight_of_the_mini_app() {
    let api = Deployment::shared();
    // A browser asks before it knows whether there is anything at the path.
    for path in ["/v1/me", "/v1/sessions", "/health", "/nowhere"] {
        let answer = preflight(&api, path, &api.origin).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header(ALLOW_ORIGIN), Some(api.origin.as_str()));
        assert_eq!(
            words(answer.header("access-control-allow-methods")),
            ["delete", "get", "patch", "post", "put"]
        );
        assert_eq!(
            words(answer.header("access-control-allow-headers")),
            ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match"]
        );
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(words(answer.header("vary")).contains(&"origin".to_owned()));
    }
}

/// Origins that look like an allowed one, and the one that a sandboxed frame or a file has.
fn strangers(api: &Deployment) -> Vec<String> {
    let origin = &api.origin;
    vec![
        "https://attacker.example".to_owned(),
        "null".to_owned(),
        format!("{origin}.attacker.example"),
        format!("{origin}/"),
        format!("{origin}0"),
        origin.to_uppercase(),
        origin.replace("http", "ftp"),
        origin.rsplit_once(':').unwrap().0.to_owned(),
        "*".to_owned(),
        String::new(),
    ]
}

#[tokio::test]
async fn a_preflight_of_anybody_else() {
    let api = Deployment::shared();
    for origin in strangers(&api) {
        println!("{origin}");
        let answer = preflight(&api, "/v1/me", &origin).await;
        assert_eq!(answer.header(ALLOW_ORIGIN), None);
    }
}

#[tokio::test]
async fn the_mini_app_may_read_answers_and_problems() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    for (status, request) in [
        (200, api.get("/v1/me").bearer(&access)),
        (200, api.get("/health")),
        (401, api.get("/v1/me")),
        (404, api.get("/nowhere")),
        (405, api.post("/health")),
        (415, api.patch("/v1/me").bearer(&access).body("text/plain", "{}")),
    ] {
        let answer = request.header("origin", &api.origin).send().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header(ALLOW_ORIGIN), Some(api.origin.as_str()));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(words(answer.header("vary")).contains(&"origin".to_owned()));
        let exposed = words(answer.header("access-control-expose-headers"));
        for name in ["etag", "location", "retry-after", "x-request-id"] {
            assert!(exposed.contains(&name.to_owned()), "{exposed:?}");
        }
    }
}

#[tokio::test]
async fn nobody_else_may() {
    let api = Deployment::shared();
    for origin in strangers(&api) {
        println!("{origin}");
        for path in ["/health", "/v1/me", "/nowhere"] {
            let answer = api.get(path).header("origin", &origin).send().await;
            assert_eq!(answer.header(ALLOW_ORIGIN), None);
            assert!(words(answer.header("vary")).contains(&"origin".to_owned()));
        }
    }
}
