//! Functions whose events are not HTTP requests: the counterpart of [`crate::layers`].
//!
//! An event has one log line, in the form of a request's. It ends at its deadline. A panic is an error and
//! a metric, and the instance survives it.

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

/// Handles the events of a function.
pub trait Events: Send + Sync + 'static {
    /// Describes an event for the log, without anything that identifies the caller.
    fn subject(&self, event: &Value) -> Subject;

    /// Handles an event. It may be any JSON, because the invoker chooses it.
    fn handle(
        &self,
        platform: &Platform,
        event: &Value,
    ) -> impl Future<Output = Result<Answer, Problem>> + Send;

    /// The `errorMessage` of a problem, which the invoker sees.
    fn error_message(&self, problem: &Problem) -> &'static str {
        problem.code().as_str()
    }
}

/// The description of an event, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The id of the original request; Lambda's request id if there is none.
    pub request_id: Option<String>,
    /// The method of the original request.
    pub method: String,
    /// The template of the original route, never a path.
    pub route: String,
}

/// The response to an event.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The payload that Lambda returns.
    pub payload: Value,
    /// The refusal that it represents, for the log.
    pub refusal: Option<Code>,
}

/// What Lambda says of an invocation besides its event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    /// When Lambda cuts it off; 0 without Lambda.
    pub(crate) deadline_unix_millis: u64,
}

impl From<&Context> for Invocation {
    fn from(context: &Context) -> Self {
        Self { request_id: context.request_id.clone(), deadline_unix_millis: context.deadline }
    }
}

/// A kind of function that is invoked with JSON: of events, of a queue, of a schedule.
pub(crate) trait Answers: Send + Sync + 'static {
    fn answer(
        &self,
        platform: &Platform,
        event: &Value,
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Value, Failure>> + Send;
}

/// A function of [`Events`].
pub(crate) struct OfEvents<E>(pub(crate) E);

impl<E: Events> Answers for OfEvents<E> {
    async fn answer(
        &self,
        platform: &Platform,
        event: &Value,
        invocation: &Invocation,
    ) -> Result<Value, Failure> {
        answer(&self.0, platform, event, invocation).await
    }
}

/// A problem in the form that Lambda expects.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: &'static str,
    pub(crate) code: Code,
}

impl Failure {
    /// The failure of a function whose errors have no words of their own.
    pub(crate) const fn of(code: Code) -> Self {
        Self { message: code.as_str(), code }
    }
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
async fn answer(
    events: &impl Events,
    platform: &Platform,
    event: &Value,
    invocation: &Invocation,
) -> Result<Value, Failure> {
    let started = Instant::now();
    let is_cold = platform.take_cold_start();
    platform.live.follow();
    let Subject { request_id, method, route } = events.subject(event);
    let request_id = request_id.unwrap_or_else(|| invocation.request_id.clone());
    let span = tracing::info_span!("request", request_id);
    async {
        // Boxed, because the SDK's types nest too deeply for the compiler.
        let handled = AssertUnwindSafe(Box::pin(events.handle(platform, event))).catch_unwind();
        let outcome = match within(platform, invocation.deadline_unix_millis, handled).await {
            Ok(Ok(outcome)) => outcome,
            // The message may hold anything. The hook of `start_logs` logged the location.
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
