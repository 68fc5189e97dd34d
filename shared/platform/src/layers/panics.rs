//! A panic in a handler is a 500, not a dead instance.

use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::{Code, Metric, Metrics, Problem};

/// The response, or a 500 if the handler panicked. A panic message may hold anything, so it is dropped;
/// the hook of [`crate::start_logs`] logs the location.
pub(super) async fn caught(metrics: &Metrics, answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        metrics.count(Metric::PANIC);
        Problem::new(Code::INTERNAL_ERROR).into_response()
    })
}
