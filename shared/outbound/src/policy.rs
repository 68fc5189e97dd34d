//! Every number of a client.

use std::time::Duration;

use crate::{BreakerPolicy, BudgetPolicy};

/// How long a client waits, how often it tries, and how much it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Time for a call: all attempts and the waits between them.
    pub call_timeout: Duration,
    /// Time for one attempt: connecting, sending, and the whole answer.
    pub attempt_timeout: Duration,
    /// Time to resolve the name, connect and do the TLS handshake.
    pub connect_timeout: Duration,
    /// Attempts of a call, the first included.
    pub attempts: u32,
    /// The wait before the first retry is a random time of up to this, and each further one of up to
    /// twice the one before (full jitter).
    /// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
    pub first_backoff: Duration,
    /// What that grows to at most.
    pub max_backoff: Duration,
    /// How long a `Retry-After` is waited for at most. A longer one ends the call: the caller has a
    /// queue to wait in, and a Lambda function is paid for while it sleeps.
    pub max_retry_after: Duration,
    /// Where the body of an answer says how many seconds to wait, as a JSON pointer: for providers
    /// that do not use the header, such as Telegram's `/parameters/retry_after`.
    pub retry_after_in_body: Option<&'static str>,
    /// Bytes of a request's body at most. A larger request is not sent.
    pub max_request_bytes: usize,
    /// Bytes of an answer's body at most. A larger answer is not read to its end.
    pub max_answer_bytes: usize,
    /// How long a connection may idle. It must be below what the provider closes connections after:
    /// a request that crosses such a close on the wire has an unknown outcome.
    pub max_idle: Duration,
    /// Connections that are kept for later requests.
    pub idle_connections: usize,
    /// How many retries there are.
    pub budget: BudgetPolicy,
    /// When a provider counts as down.
    pub breaker: BreakerPolicy,
}

impl Default for Policy {
    /// For APIs that usually answer within a second: 3 attempts of 4 s within 10 s, `Retry-After` up
    /// to 3 s, 256 KiB out, 1 MiB in, connections idle for up to 15 s. Load balancers commonly close
    /// them after 60 s or more.
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(2),
            attempts: 3,
            first_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(2),
            max_retry_after: Duration::from_secs(3),
            retry_after_in_body: None,
            max_request_bytes: 256 * 1024,
            max_answer_bytes: 1024 * 1024,
            max_idle: Duration::from_secs(15),
            idle_connections: 8,
            budget: BudgetPolicy::default(),
            breaker: BreakerPolicy::default(),
        }
    }
}
