//! How a call ends.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// How a call ended: the first question is what the caller knows about the effect.
///
/// See the [table](crate#what-a-call-tells) of what to do with each.
#[derive(Clone, Debug)]
#[must_use = "an outcome says whether the request did something"]
pub enum Outcome {
    /// The provider answered, with any status.
    Answered(Answer),
    /// The request certainly did nothing: no attempt reached the provider, or one that did was told to
    /// come later.
    NotSent(NotSent),
    /// The request may have done something: it was sent, and the answer was lost.
    Unknown(Unknown),
}

/// What is known about the effect of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The provider says that it is done.
    Done,
    /// Nothing was done.
    NotDone,
    /// Perhaps.
    Unknown,
}

impl Outcome {
    /// What is known about the effect. An answer with a 5xx or 408 says nothing about it, and neither
    /// does a refusal that follows an attempt whose answer was lost: "this was done before" is one.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Answered(answer) if answer.is_success() => Effect::Done,
            Self::Answered(answer) if answer.in_doubt || says_nothing(answer.status) => {
                Effect::Unknown
            }
            Self::Answered(_) | Self::NotSent(_) => Effect::NotDone,
            Self::Unknown(_) => Effect::Unknown,
        }
    }

    /// The wait that was asked for: by the provider, or by an open circuit.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(answer) => answer.retry_after,
            Self::NotSent(not_sent) => not_sent.retry_after,
            Self::Unknown(_) => None,
        }
    }

    /// The answer, if there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

/// Whether an answer leaves open what was done.
pub(crate) fn says_nothing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// Whether the same request may be answered otherwise a moment later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    use StatusCode as S;
    let is_final = matches!(status, S::NOT_IMPLEMENTED | S::HTTP_VERSION_NOT_SUPPORTED);
    says_nothing(status) && !is_final || status == S::TOO_MANY_REQUESTS || status == S::TOO_EARLY
}

/// An answer of the provider. `Debug` shows its status, and neither headers nor body.
#[derive(Clone)]
pub struct Answer {
    pub(crate) provider: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) attempts: u32,
    pub(crate) in_doubt: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, which is never longer than the policy's limit.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The wait that the provider asks for, in the header or where the policy says.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether an earlier attempt of the same call may have done it: its answer was lost, or was a
    /// 5xx. A refusal then may come from what that attempt did.
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Attempts that it took, the one that was answered included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`Undecodable`], which does not repeat what the body says.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Undecodable> {
        serde_json::from_slice(&self.body).map_err(|error| Undecodable {
            provider: self.provider,
            operation: self.operation,
            status: self.status.as_u16(),
            problem: match error.classify() {
                serde_json::error::Category::Data => "of another shape",
                _ => "not JSON",
            },
            line: error.line(),
            column: error.column(),
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Answer")
            .field("provider", &self.provider)
            .field("operation", &self.operation)
            .field("status", &self.status.as_u16())
            .field("body_bytes", &self.body.len())
            .field("attempts", &self.attempts)
            .field("in_doubt", &self.in_doubt)
            .finish_non_exhaustive()
    }
}

/// A body that does not decode. It says where, and not what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "{provider} {operation}: the body of the answer ({status}) is {problem}, \
     at line {line} column {column}"
)]
pub struct Undecodable {
    /// Whose answer it is.
    pub provider: &'static str,
    /// To what.
    pub operation: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// `not JSON` or `of another shape`.
    pub problem: &'static str,
    /// The line of the body, from one.
    pub line: usize,
    /// The column of the body, from one.
    pub column: usize,
}

/// What went wrong. It carries no text of the provider and none of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Cause {
    /// The request cannot be sent, for a fault of the program. Never retried.
    #[error("{0}")]
    Invalid(&'static str),
    /// The provider was down a moment ago, so it is not asked.
    #[error("the circuit is open")]
    CircuitOpen,
    /// The name of the host does not resolve.
    #[error("the name does not resolve")]
    Dns,
    /// Connection refused or unreachable, or the TLS handshake broke off.
    #[error("no connection")]
    Connect,
    /// The certificate of the host is not valid for it. Never retried.
    #[error("the certificate is not trusted")]
    Certificate,
    /// There was no time left.
    #[error("timeout")]
    Timeout,
    /// The connection closed before the answer was complete.
    #[error("the connection closed")]
    Closed,
    /// The answer is not HTTP.
    #[error("the answer is not HTTP")]
    Garbage,
    /// The body of the answer is larger than the policy allows. Never retried.
    #[error("the answer is too large")]
    TooLarge,
}

/// A request that certainly did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{provider} {operation}: not sent: {cause} (attempts: {attempts})")]
pub struct NotSent {
    /// Who was not asked.
    pub provider: &'static str,
    /// For what.
    pub operation: &'static str,
    /// Why, the last time.
    pub cause: Cause,
    /// Attempts that were made.
    pub attempts: u32,
    /// When an open circuit lets the next call through.
    pub retry_after: Option<Duration>,
}

/// A request that may have done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{provider} {operation}: outcome unknown: {cause} (attempts: {attempts})")]
pub struct Unknown {
    /// Who was asked.
    pub provider: &'static str,
    /// For what.
    pub operation: &'static str,
    /// Why the answer was lost, the last time.
    pub cause: Cause,
    /// The status of the answer, if that much of one came.
    pub status: Option<u16>,
    /// Attempts that were made.
    pub attempts: u32,
}
