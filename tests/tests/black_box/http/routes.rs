//! Paths and methods.

use minigate_tests::Deployment;
use reqwest::Method;

#[tokio::test]
async fn paths_that_nobody_serves() {
    let api = Deployment::shared();
    let session = api.new_session().await.tokens;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/me/",
        "/v1/ME",
        "/v2/me",
        "/v1/sessions/",
        "/v1/sessions/a/b",
        "/health/",
        "/v1/me%00",
        "/v1/%FF",
        "/favicon.ico",
    ] {
        println!("{path}");
        api.get(path).send().await.assert_problem(404, "route_not_found", &[]);
        let known = api.post(path).bearer(&session.access).send().await;
        known.assert_problem(404, "route_not_found", &[]);
    }
}

#[tokio::test]
async fn methods_that_a_path_does_not_take() {
    let api = Deployment::shared();
    let id = "/v1/sessions/00000000000000000000000000000000";
    for (path, methods, allowed) in [
        ("/v1/me", &[Method::POST, Method::PUT][..], "DELETE GET HEAD PATCH"),
        ("/v1/sessions", &[Method::PUT, Method::PATCH], "DELETE GET HEAD POST"),
        ("/v1/sessions/refresh", &[Method::GET, Method::PUT, Method::DELETE], "POST"),
        (id, &[Method::GET, Method::POST, Method::PUT, Method::PATCH], "DELETE"),
        ("/health", &[Method::POST, Method::PATCH, Method::DELETE], "GET HEAD"),
        ("/health/detailed", &[Method::POST, Method::TRACE], "GET HEAD"),
    ] {
        for method in methods {
            println!("{method} {path}");
            let answer = api.request(method.clone(), path).send().await;
            answer.assert_problem(405, "method_not_allowed", &[]);
            let mut allow: Vec<_> =
                answer.header("allow").unwrap().split(',').map(str::trim).collect();
            allow.sort_unstable();
            assert_eq!(allow.join(" "), allowed);
        }
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let api = Deployment::shared();
    let answer = api.request(Method::HEAD, "/health").send().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    answer.assert_headers(&["content-type"]);
}

/// What a client adds to the path makes no difference.
#[tokio::test]
async fn a_query_is_passed_over() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    let answer = api.get("/v1/me?admin=1&user=2").bearer(&access).send().await;
    answer.assert_success(200, &["etag"]);
}
