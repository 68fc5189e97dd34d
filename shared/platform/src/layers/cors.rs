//! CORS: which origins a browser lets read the answers.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Platform;

/// How long a browser may remember an answer to a preflight. Chromium keeps none longer than this.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Exactly the origins of the settings, compared byte by byte. Credentials travel in the
/// `Authorization` header, not in cookies, so no origin is ever allowed "with credentials".
pub(super) fn layer(platform: &Platform) -> CorsLayer {
    let platform = platform.clone();
    let is_allowed =
        move |origin: &HeaderValue, _: &Parts| platform.settings().allowed_origins.contains(origin);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(MAX_AGE)
}
