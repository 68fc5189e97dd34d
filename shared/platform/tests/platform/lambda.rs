//! The life of a function's process, under a stub of Lambda that freezes it and whose Extensions API
//! may fail. What is run are the examples of this package.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use minigate_platform::{Clock, SystemClock};
use minigate_testkit::lambda::{ExtensionsApi, Function, example, rest_event};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

/// Secrets that nobody has: these functions do not need any.
fn variables() -> Vec<(String, String)> {
    [
        ("MINIGATE_TABLE_MAIN", "main"),
        ("MINIGATE_TABLE_VOLATILE", "volatile"),
        ("MINIGATE_TABLE_AUDIT", "audit"),
        ("MINIGATE_BOT_SECRETS", "bot"),
        ("MINIGATE_SIGNING_SECRET", "signing"),
        ("MINIGATE_LOG_LEVEL", "debug"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "development"),
        ("AWS_SECRET_ACCESS_KEY", "development"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn in_millis(millis: u64) -> u64 {
    SystemClock.now().unix_millis() + millis
}

async fn start(name: &str, extensions: ExtensionsApi) -> Function {
    let binary = example("minigate-platform", name).unwrap();
    Function::start_on(extensions, &binary, &variables()).await.unwrap()
}

/// Where the function's work connects to, and goes on until the connection is dropped.
struct Gate(TcpListener);

impl Gate {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn event(&self) -> Value {
        let address = self.0.local_addr().unwrap().to_string();
        rest_event("POST", "/work", &[("content-type", "text/plain")], Some(&address))
    }

    /// Work that has begun, and ends when this is dropped.
    async fn work(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_response_does_not_wait_for_work_and_the_freeze_does() {
    let (gate, mut function) = (Gate::new().await, start("background", ExtensionsApi::Works).await);
    for round in 1..=3 {
        let answer = function.invoke(gate.event(), in_millis(60_000)).await.unwrap();
        assert_eq!(answer["statusCode"], 202);
        let work = gate.work().await;
        // The response is here while the work lasts, and nobody may freeze the process.
        assert!(!function.is_idle(), "round {round}: Lambda would freeze the work");
        assert_eq!(count(&function.lines(), "work done"), round - 1);
        drop(work);
        function.freeze().await.unwrap();
        function.printed("work done").await.unwrap();
        assert_eq!(count(&function.lines(), "work done"), round, "done before the freeze");
    }
    let (status, _) = function.stop().await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_request_without_work_and_an_event_without_a_handler_end_at_once() {
    let mut function = start("background", ExtensionsApi::Works).await;
    for _ in 0..2 {
        let event = rest_event("GET", "/nothing", &[], None);
        assert_eq!(function.invoke(event, in_millis(60_000)).await.unwrap()["statusCode"], 404);
        function.freeze().await.unwrap();
        // It does not reach the routes. The extension must not wait for it either.
        let error = function.invoke(json!({ "no": "request" }), in_millis(60_000)).await;
        assert!(error.is_err(), "{error:?}");
        function.freeze().await.unwrap();
    }
}

#[tokio::test]
async fn work_that_is_stuck_keeps_the_process_awake_until_shortly_before_the_deadline() {
    let (gate, mut function) = (Gate::new().await, start("background", ExtensionsApi::Works).await);
    function.idle().await.unwrap();
    let started = Instant::now();
    function.invoke(gate.event(), in_millis(1_250)).await.unwrap();
    let work = gate.work().await;
    function.idle().await.unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1_250), "{took:?}: Lambda would have ended the process");
    assert!(took > Duration::from_millis(500), "{took:?}: the work was not waited for");
    function.printed("background work is unfinished").await.unwrap();
    // It goes on with the next event, and is waited for then.
    function.freeze().await.unwrap();
    let event = rest_event("GET", "/nothing", &[], None);
    function.invoke(event, in_millis(60_000)).await.unwrap();
    assert!(!function.is_idle());
    drop(work);
    function.idle().await.unwrap();
    function.printed("work done").await.unwrap();
}

#[tokio::test]
async fn the_end_waits_for_work() {
    let (gate, mut function) = (Gate::new().await, start("background", ExtensionsApi::Works).await);
    function.invoke(gate.event(), in_millis(60_000)).await.unwrap();
    let work = gate.work().await;
    function.tell_to_stop().await.unwrap();
    function.printed("told to stop").await.unwrap();
    drop(work);
    let (status, lines) = function.end().await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(count(&lines, "work done"), 1, "{lines:?}");
}

#[tokio::test]
async fn the_end_does_not_wait_for_work_that_is_stuck() {
    let (gate, mut function) = (Gate::new().await, start("background", ExtensionsApi::Works).await);
    function.invoke(gate.event(), in_millis(60_000)).await.unwrap();
    let _work = gate.work().await;
    let (status, lines) = function.stop().await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(count(&lines, "work done"), 0, "{lines:?}");
}

#[tokio::test]
async fn without_an_extension_a_response_waits_for_work_but_not_for_long() {
    for extensions in [
        ExtensionsApi::Refuses(StatusCode::NOT_FOUND),
        ExtensionsApi::Refuses(StatusCode::FORBIDDEN),
        ExtensionsApi::Refuses(StatusCode::INTERNAL_SERVER_ERROR),
        ExtensionsApi::Anonymous,
    ] {
        let (gate, mut function) = (Gate::new().await, start("background", extensions).await);
        let ends_at_once = async { drop(gate.work().await) };
        let invocation = function.invoke(gate.event(), in_millis(60_000));
        let (answer, ()) = tokio::join!(invocation, ends_at_once);
        assert_eq!(answer.unwrap()["statusCode"], 202, "{extensions:?}");
        function.printed("work done").await.unwrap();
        let started = Instant::now();
        function.invoke(gate.event(), in_millis(60_000)).await.unwrap();
        assert!(started.elapsed() >= Duration::from_millis(500), "{extensions:?}");
        let (status, lines) = function.stop().await.unwrap();
        assert!(status.success(), "{extensions:?}: {status}");
        assert_eq!(count(&lines, "responses wait for work"), 1, "{extensions:?}: {lines:?}");
    }
}

#[tokio::test]
async fn a_process_that_may_or_may_not_be_an_extension_does_not_go_on() {
    let function = start("background", ExtensionsApi::Silent).await;
    let (status, lines) = function.end().await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(count(&lines, "does not answer `register`"), 1, "{lines:?}");
}

#[tokio::test]
async fn an_extension_that_lambda_no_longer_knows_ends_the_process_with_a_message() {
    let function = start("background", ExtensionsApi::Breaks).await;
    let (status, lines) = function.end().await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(count(&lines, "`next` with the status 500"), 1, "{lines:?}");
}

#[tokio::test]
async fn a_panic_is_an_answer_and_a_metric() {
    let mut function = start("background", ExtensionsApi::Works).await;
    for _ in 0..2 {
        let event = rest_event("GET", "/panic", &[], None);
        assert_eq!(function.invoke(event, in_millis(60_000)).await.unwrap()["statusCode"], 500);
    }
    let (_, lines) = function.stop().await.unwrap();
    assert_eq!(count(&lines, r#""Panic":1"#), 2, "{lines:?}");
    assert_eq!(count(&lines, r#""ServerErrors":1"#), 2, "what takes a version back: {lines:?}");
    assert_eq!(count(&lines, "1234"), 0, "{lines:?}");
}

#[tokio::test]
async fn events_are_answered_refused_and_ended() {
    let mut function = start("events", ExtensionsApi::Works).await;
    let invoke = async |function: &mut Function, what: &str, millis: u64| {
        let answer = function.invoke(json!({ "do": what }), in_millis(millis)).await;
        answer.map_err(|error| serde_json::from_str::<Value>(&error).unwrap())
    };
    assert_eq!(invoke(&mut function, "echo", 60_000).await, Ok(json!({ "do": "echo" })));
    for (what, code) in
        [("nonsense", "body_invalid"), ("panic", "internal_error"), ("hang", "deadline_exceeded")]
    {
        let error = invoke(&mut function, what, 400).await.unwrap_err();
        assert_eq!((&error["errorMessage"], &error["errorType"]), (&code.into(), &code.into()));
    }
    assert_eq!(invoke(&mut function, "echo", 60_000).await, Ok(json!({ "do": "echo" })));
    let (status, lines) = function.stop().await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(count(&lines, r#""Panic":1"#), 1, "{lines:?}");
    assert_eq!(count(&lines, r#""ServerErrors":1"#), 2, "the panic and the deadline: {lines:?}");
    assert_eq!(count(&lines, "1234"), 0, "{lines:?}");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    let statuses: Vec<_> = requests.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 422, 500, 503, 200]);
    assert_eq!(requests[0]["cold_start"], true);
    assert_eq!(requests[1]["cold_start"], false);
    assert_eq!(requests[0]["request_id"], "invocation-1");
    assert_eq!(
        (&requests[0]["method"], &requests[0]["route"]),
        (&"EVENT".into(), &"example".into())
    );
}
