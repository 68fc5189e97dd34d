//! The two APIs that Lambda offers to a process, and what it knows of the process by them.

use std::{collections::HashMap, sync::Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use minigate_embedded_aws::protocol::Answer;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::lock;

/// How the Extensions API behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionsApi {
    /// As on Lambda.
    Works,
    /// It refuses to register, with this status.
    Refuses(StatusCode),
    /// It registers, and does not say under which identifier.
    Anonymous,
    /// It does not answer.
    Silent,
    /// It registers, and then fails.
    Breaks,
}

#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) event: Value,
    pub(super) deadline_unix_millis: u64,
    pub(super) answer: oneshot::Sender<Result<Value, String>>,
}

/// Who of the process waits for an event.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    is_registered: bool,
    runtime: bool,
    extension: bool,
}

impl Waits {
    fn is_idle(self) -> bool {
        self.runtime && (self.extension || !self.is_registered)
    }
}

#[derive(Debug)]
pub(super) struct Api {
    extensions: ExtensionsApi,
    waits: watch::Sender<Waits>,
    invocations: Queue<Invocation>,
    extension_events: Queue<Value>,
    unanswered: Mutex<HashMap<String, oneshot::Sender<Result<Value, String>>>>,
}

#[derive(Debug)]
struct Queue<T> {
    sender: mpsc::UnboundedSender<T>,
    receiver: tokio::sync::Mutex<mpsc::UnboundedReceiver<T>>,
}

impl<T> Queue<T> {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: tokio::sync::Mutex::new(receiver) }
    }

    async fn next(&self) -> Option<T> {
        self.receiver.lock().await.recv().await
    }
}

/// The identifier of the one extension.
const IDENTIFIER: &str = "extension-1";

impl Api {
    pub(super) fn new(extensions: ExtensionsApi) -> Self {
        Self {
            extensions,
            waits: watch::Sender::default(),
            invocations: Queue::new(),
            extension_events: Queue::new(),
            unanswered: Mutex::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waits.borrow().is_idle()
    }

    pub(super) async fn idle(&self) {
        // The sender is this very object, so that waiting cannot fail.
        let _ = self.waits.subscribe().wait_for(|waits| waits.is_idle()).await;
    }

    /// Gives an event to the runtime and to the extension, which both wait for one.
    pub(super) fn hand_over(&self, invocation: Invocation) {
        self.waits.send_modify(|waits| {
            (waits.runtime, waits.extension) = (false, false);
            if waits.is_registered {
                let _ = self.extension_events.sender.send(json!({
                    "eventType": "INVOKE",
                    "deadlineMs": invocation.deadline_unix_millis,
                    "requestId": invocation.id,
                    "invokedFunctionArn": "arn:aws:lambda:::function:test",
                    "tracing": { "type": "X-Amzn-Trace-Id", "value": "" },
                }));
            }
        });
        let _ = self.invocations.sender.send(invocation);
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Option<Answer> {
        let path = request.uri().path().to_owned();
        let path: Vec<_> = path.trim_start_matches('/').split('/').collect();
        match (request.method(), path.as_slice()) {
            (&Method::GET, [_, "runtime", "invocation", "next"]) => {
                self.waits.send_modify(|waits| waits.runtime = true);
                let invocation = self.invocations.next().await?;
                lock(&self.unanswered).insert(invocation.id.clone(), invocation.answer);
                Response::builder()
                    .header("lambda-runtime-aws-request-id", invocation.id)
                    .header("lambda-runtime-deadline-ms", invocation.deadline_unix_millis)
                    .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:::function:test")
                    .body(Either::Left(Full::from(invocation.event.to_string())))
                    .ok()
            }
            (&Method::POST, [_, "runtime", "invocation", id, kind]) => {
                let (id, is_response) = ((*id).to_owned(), *kind == "response");
                let body = request.into_body().collect().await.ok()?.to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                if let Some(waiting) = lock(&self.unanswered).remove(&id) {
                    let _ =
                        waiting.send(if is_response { Ok(body) } else { Err(body.to_string()) });
                }
                empty(StatusCode::ACCEPTED)
            }
            (&Method::POST, ["2020-01-01", "extension", "register"]) => {
                self.register(request).await
            }
            (&Method::GET, ["2020-01-01", "extension", "event", "next"]) => {
                self.next_for_extension(&request).await
            }
            _ => empty(StatusCode::ACCEPTED),
        }
    }

    async fn register(&self, request: Request<Incoming>) -> Option<Answer> {
        match self.extensions {
            ExtensionsApi::Refuses(status) => return empty(status),
            ExtensionsApi::Anonymous => return empty(StatusCode::OK),
            ExtensionsApi::Silent => return std::future::pending().await,
            ExtensionsApi::Works | ExtensionsApi::Breaks => {}
        }
        let is_too_late = self.waits.borrow().runtime;
        let has_name = request.headers().contains_key("lambda-extension-name");
        let body = request.into_body().collect().await.ok()?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        // An internal extension may take no other event.
        if is_too_late || !has_name || body != json!({ "events": ["INVOKE"] }) {
            return empty(StatusCode::FORBIDDEN);
        }
        self.waits.send_modify(|waits| waits.is_registered = true);
        Response::builder()
            .header("lambda-extension-identifier", IDENTIFIER)
            .body(Either::Left(Full::from(r#"{"functionName":"function-under-test"}"#)))
            .ok()
    }

    async fn next_for_extension(&self, request: &Request<Incoming>) -> Option<Answer> {
        let identifier = request.headers().get("lambda-extension-identifier");
        if identifier.is_none_or(|identifier| identifier != IDENTIFIER) {
            return empty(StatusCode::FORBIDDEN);
        }
        if self.extensions == ExtensionsApi::Breaks {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        self.waits.send_modify(|waits| waits.extension = true);
        let event = self.extension_events.next().await?;
        Response::builder().body(Either::Left(Full::from(event.to_string()))).ok()
    }
}

fn empty(status: StatusCode) -> Option<Answer> {
    Response::builder().status(status).body(Either::Left(Full::from("{}"))).ok()
}
