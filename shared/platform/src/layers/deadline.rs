//! Every request has an end: a client would rather have a 503 than a connection that Lambda cuts.
//!
//! Stopping a handler in the middle leaves nothing half-written, because each write is one atomic
//! call.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use lambda_http::RequestExt;

use crate::{Code, Platform, Problem};

/// What is kept back of Lambda's remaining time for writing the answer.
const MARGIN: Duration = Duration::from_millis(250);

pub(super) async fn enforce(
    State(platform): State<Platform>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let limit = time_left(&request, &platform).min(platform.config.request_timeout);
    tokio::time::timeout(limit, next.run(request))
        .await
        .map_err(|_| Problem::new(Code::DeadlineExceeded).retry_after(Duration::from_secs(1)))
}

/// The first second of September 2001. No function has a deadline before it, but `cargo lambda watch`
/// gives a duration in its place.
const EARLIEST_UNIX_MILLIS: u64 = 1_000_000_000_000;

/// Lambda's remaining time less the margin; without Lambda, no end of its own.
fn time_left(request: &Request, platform: &Platform) -> Duration {
    match request.lambda_context_ref() {
        Some(context) if context.deadline > EARLIEST_UNIX_MILLIS => {
            let now = platform.now().unix_millis();
            Duration::from_millis(context.deadline.saturating_sub(now)).saturating_sub(MARGIN)
        }
        _ => Duration::MAX,
    }
}
