//! Every request has an end: a client would rather have a 503 than a connection that Lambda cuts.
//!
//! Stopping a handler in the middle leaves nothing half-written, because each write is one atomic
//! call.

use std::time::Duration;

use axum::extract::Request;
use lambda_http::RequestExt;
use minigate_domain::Timestamp;

use crate::{Code, Platform, Problem};

/// What is kept back of Lambda's remaining time for writing the answer.
const MARGIN: Duration = Duration::from_millis(250);

/// When Lambda cuts a request off, in milliseconds since the Unix epoch; 0 without Lambda.
pub(super) fn of(request: &Request) -> u64 {
    request.lambda_context_ref().map(|context| context.deadline).unwrap_or_default()
}

/// The outcome of `work`, or a refusal when it takes longer than a request may.
pub(crate) async fn within<T>(
    platform: &Platform,
    deadline_unix_millis: u64,
    work: impl Future<Output = T>,
) -> Result<T, Problem> {
    let left = time_left(deadline_unix_millis, platform.now());
    tokio::time::timeout(left.min(platform.config.request_timeout), work)
        .await
        .map_err(|_| Problem::new(Code::DEADLINE_EXCEEDED).retry_after(Duration::from_secs(1)))
}

/// The first second of September 2001. No function has a deadline before it, but `cargo lambda watch`
/// gives a duration in its place.
const EARLIEST_UNIX_MILLIS: u64 = 1_000_000_000_000;

/// Lambda's remaining time less the margin; without Lambda, no end of its own.
pub(crate) fn time_left(deadline_unix_millis: u64, now: Timestamp) -> Duration {
    if deadline_unix_millis <= EARLIEST_UNIX_MILLIS {
        return Duration::MAX;
    }
    let left = deadline_unix_millis.saturating_sub(now.unix_millis());
    Duration::from_millis(left).saturating_sub(MARGIN)
}
