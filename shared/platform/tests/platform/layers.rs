use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
    routing::{get, post},
};
use http_body_util::BodyExt;
use minigate_platform::{Platform, Problem, Router, extract::Json, layers};
use serde_json::Value;
use tower::ServiceExt;

use crate::bed::Bed;

fn routes(platform: &Platform) -> axum::Router {
    let router = Router::new()
        .route("/ok", get(async || "ok"))
        .route("/panic", get(async || -> &'static str { panic!("the secret is 1234") }))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .route("/internal", get(async || Problem::internal(std::io::Error::other("1234"))))
        .route("/echo", post(async |Json(value): Json<Value>| Json(value)));
    layers::around(router, platform)
}

async fn call(
    bed: &Bed,
    request: axum::http::request::Builder,
    body: impl Into<Body>,
) -> Response<Body> {
    let request: Request<Body> = request.body(body.into()).unwrap();
    routes(&bed.platform).oneshot(request).await.unwrap()
}

async fn get_problem(bed: &Bed, path: &str) -> (StatusCode, Value) {
    let response = call(bed, Request::get(path), Body::empty()).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["instance"], id.as_str());
    (status, problem)
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_is_served() {
    let bed = Bed::start().await;
    let (status, problem) = get_problem(&bed, "/panic").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &"internal_error".into())
    );
    assert!(!problem.to_string().contains("1234"), "{problem}");
    let response = call(&bed, Request::get("/ok"), Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_cause_does_not_reach_the_client() {
    let bed = Bed::start().await;
    let (status, problem) = get_problem(&bed, "/internal").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!problem.to_string().contains("1234"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_at_its_deadline() {
    // Paused time runs ahead while everything waits, which servers on sockets do not like.
    let platform = Bed::without_server().await;
    let request = Request::get("/slow").body(Body::empty()).unwrap();
    let started = tokio::time::Instant::now();
    let response = routes(&platform).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(started.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_request_ends_before_lambda_cuts_it_off() {
    let bed = Bed::start().await;
    let mut context = lambda_http::Context::default();
    context.deadline = minigate_platform::Clock::now(&bed.clock).unix_millis() + 300;
    let request = Request::get("/slow").extension(context);
    let started = std::time::Instant::now();
    let response = call(&bed, request, Body::empty()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_duration_is_not_taken_for_a_deadline() {
    let bed = Bed::start().await;
    let mut context = lambda_http::Context::default();
    context.deadline = 600_000;
    let response = call(&bed, Request::get("/ok").extension(context), Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_are_taken_up_to_64_kib() {
    let bed = Bed::start().await;
    let json = |bytes: usize| format!(r#"{{"":"{}"}}"#, "x".repeat(bytes - 7));
    for (bytes, expected) in [(65_536, StatusCode::OK), (65_537, StatusCode::PAYLOAD_TOO_LARGE)] {
        let request = Request::post("/echo").header(header::CONTENT_TYPE, "application/json");
        assert_eq!(call(&bed, request, json(bytes)).await.status(), expected, "{bytes} bytes");
    }
}
