//! What happens to every request before and after its handler, in one place and one order.
//!
//! ```text
//! request  ─▶ observe ─▶ security headers ─▶ CORS ─▶ panics ─▶ deadline ─▶ body limit ─▶ edge ─▶ address limit ─▶ rate limits ─▶ handler
//! response ◀─ observe ◀─ security headers ◀─ CORS ◀─ panics ◀─ deadline ◀─────────────────────────────────────── rate limits ◀─ handler
//! ```
//!
//! *Observe* is outermost: it assigns the request id, serializes and logs problems, and writes the
//! access log. Security headers and CORS come next, so that a 503 of the deadline and a 500 of a
//! panic carry them too and a browser can read them. Credentials are read by the extractors in
//! [`crate::auth`], after the address limit; they and the handler charge the request to the limits
//! that hold over all instances ([`crate::limits`]).

mod address_limit;
mod cors;
mod deadline;
mod edge;
mod headers;
mod observe;
mod panics;
mod rate_limits;

use axum::{
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

pub(crate) use address_limit::AddressLimit;
pub(crate) use deadline::{time_left, within};
pub use edge::EdgeKeyHash;
pub(crate) use headers::policy_of_page;
pub use observe::RequestId;
pub(crate) use observe::{RequestLine, log_causes};

use crate::{Code, Platform, Problem, Router};

/// The default limit of a body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// The routes as a service, with the layers around them.
///
/// There are two middlewares, one on each side of CORS, instead of one for each layer: axum clones a
/// middleware for each request, with everything inside it.
pub fn around(router: Router, platform: &Platform) -> axum::Router {
    let (routes, _) = router.split_for_parts();
    let without = middleware::from_fn_with_state(platform.clone(), outside_of_cors);
    let within = middleware::from_fn_with_state(platform.clone(), within_cors);
    routes
        .fallback(async || Problem::new(Code::ROUTE_NOT_FOUND))
        .method_not_allowed_fallback(async || Problem::new(Code::METHOD_NOT_ALLOWED))
        .layer((without, cors::layer(platform), within))
        .with_state(platform.clone())
}

async fn outside_of_cors(
    State(platform): State<Platform>,
    request: Request,
    next: Next,
) -> Response {
    // First, because CORS depends on the settings.
    platform.live.follow();
    let answer = async |request| headers::add(next.run(request).await);
    observe::observe(&platform, request, answer).await
}

async fn within_cors(State(platform): State<Platform>, request: Request, next: Next) -> Response {
    let answer = async {
        let end = deadline::of(&request);
        within(&platform, end, guarded(&platform, request, next)).await.flatten().into_response()
    };
    panics::caught(&platform.metrics, answer).await
}

/// The part that the deadline bounds.
async fn guarded(
    platform: &Platform,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    DefaultBodyLimit::max(BODY_LIMIT).apply(&mut request);
    edge::enforce(platform, &mut request)?;
    address_limit::enforce(platform, &request)?;
    Ok(rate_limits::settle(platform, request, next).await)
}
