//! A panic in a handler is a 500, not a dead instance.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::{Code, Metric, Metrics, Problem};

/// Answers for a handler that panicked. The message of a panic may hold anything, so it is not
/// passed on; where it happened, the hook of [`crate::start_logs`] has logged.
#[derive(Clone)]
pub(super) struct Answer {
    metrics: Metrics,
}

impl ResponseForPanic for Answer {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send>) -> Response {
        self.metrics.count(Metric::Panic);
        Problem::new(Code::InternalError).into_response()
    }
}

pub(super) fn layer(metrics: Metrics) -> CatchPanicLayer<Answer> {
    CatchPanicLayer::custom(Answer { metrics })
}
