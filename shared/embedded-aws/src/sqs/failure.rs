//! Refusals in the shape of SQS: a JSON error type, and in a header the code that the former XML
//! protocol had, by which SDKs know the exception.

use http::{HeaderValue, StatusCode};

use crate::protocol::{Answer, Service};

/// A refusal.
#[derive(Debug)]
pub(super) struct Failure {
    /// The type in the body.
    kind: &'static str,
    /// The code in the header and in the entries of a batch.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into() }
    }

    /// A refusal whose type and code are the same.
    pub(super) fn plain(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, code, message)
    }

    pub(super) fn malformed(message: &str) -> Self {
        Self::plain("SerializationException", message)
    }

    pub(super) fn no_such_queue() -> Self {
        Self::new(
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        )
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::plain("InvalidParameterValue", message)
    }

    pub(super) fn into_answer(self) -> Answer {
        let mut answer = Service::Sqs.error(StatusCode::BAD_REQUEST, self.kind, &self.message);
        if let Ok(code) = HeaderValue::from_str(&format!("{};Sender", self.code)) {
            answer.headers_mut().insert("x-amzn-query-error", code);
        }
        answer
    }
}
