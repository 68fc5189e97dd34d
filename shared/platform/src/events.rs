//! Functions whose events are no HTTP requests: what [`crate::layers`] does for a route, for them.
//!
//! An event has one line in the log, of the form that requests have. It ends at its deadline, and a
//! panic is an error and a metric, not a dead instance.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::http::StatusCode;
use futures_util::FutureExt;
use lambda_http::{Context, lambda_runtime::Diagnostic};
use serde_json::Value;
use tracing::Instrument;

use crate::{
    Code, Metric, Platform, Problem,
    layers::{RequestLine, log_causes, within},
};

/// What a function does with its events.
pub trait Events: Send + Sync + 'static {
    /// What the log says of an event. Nothing of it may tell who asks.
    fn subject(&self, event: &Value) -> Subject;

    /// Answers an event. It is any JSON at all: whoever may invoke the function chooses it.
    fn handle(
        &self,
        platform: &Platform,
        event: &Value,
    ) -> impl Future<Output = Result<Answer, Problem>> + Send;

    /// The `errorMessage` that Lambda is told of a problem. Whoever invoked the function reads it.
    fn error_message(&self, problem: &Problem) -> &'static str {
        problem.code().as_str()
    }
}

/// What an event is about, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The id of the request behind the event; Lambda's own without.
    pub request_id: Option<String>,
    /// The method of the request behind it.
    pub method: String,
    /// The template of the route behind it, never a path.
    pub route: String,
}

/// An answer to an event.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What Lambda hands over.
    pub payload: Value,
    /// The refusal that it stands for, which the log tells of.
    pub refusal: Option<Code>,
}

/// A problem as Lambda is told of it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: &'static str,
    code: Code,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.code.as_str().to_owned(),
            error_message: failure.message.to_owned(),
        }
    }
}

/// Answers one event.
pub(crate) async fn answer(
    events: &impl Events,
    platform: &Platform,
    event: &Value,
    context: &Context,
) -> Result<Value, Failure> {
    let started = Instant::now();
    let is_cold = platform.take_cold_start();
    platform.live.follow();
    let Subject { request_id, method, route } = events.subject(event);
    let request_id = request_id.unwrap_or_else(|| context.request_id.clone());
    let span = tracing::info_span!("request", request_id);
    async {
        // Boxed: the SDK's types within each other are too deep for the compiler.
        let handled = AssertUnwindSafe(Box::pin(events.handle(platform, event))).catch_unwind();
        let outcome = match within(platform, context.deadline, handled).await {
            Ok(Ok(outcome)) => outcome,
            // Its message may hold anything; where it happened, the hook of `start_logs` has logged.
            Ok(Err(_)) => {
                platform.metrics.count(Metric::PANIC);
                Err(Problem::new(Code::INTERNAL_ERROR))
            }
            Err(too_late) => Err(too_late),
        };
        if let Err(problem) = &outcome {
            log_causes(problem);
            if !problem.is_refusal() {
                platform.metrics.count(Metric::SERVER_ERRORS);
            }
        }
        let code = outcome.as_ref().map_or_else(|problem| Some(problem.code()), |it| it.refusal);
        let line = RequestLine { request_id: &request_id, method: &method, route: &route, is_cold };
        line.write(code.map_or(StatusCode::OK, Code::status), code, started);
        outcome.map(|answer| answer.payload).map_err(|problem| Failure {
            message: events.error_message(&problem),
            code: problem.code(),
        })
    }
    .instrument(span)
    .await
}
