//! What happens to every request before and after its handler, in one place and one order.
//!
//! ```text
//! request  ─▶ observe ─▶ security headers ─▶ CORS ─▶ panics ─▶ deadline ─▶ body limit ─▶ edge ─▶ address limit ─▶ rate limits ─▶ handler
//! response ◀─ observe ◀─ security headers ◀─ CORS ◀─ panics ◀─ deadline ◀─────────────────────────────────────── rate limits ◀─ handler
//! ```
//!
//! *Observe* is outermost: it names the request, writes out and logs problems, and writes the
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

use axum::{extract::DefaultBodyLimit, middleware};

pub(crate) use address_limit::AddressLimit;
pub(crate) use deadline::{time_left, within};
pub use edge::EdgeKeyHash;
pub use observe::RequestId;
pub(crate) use observe::{RequestLine, log_causes};

use crate::{Code, Platform, Problem, Router};

/// The longest body that a route takes unless it says otherwise, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// The routes as a service, with the layers around them.
pub fn around(router: Router, platform: &Platform) -> axum::Router {
    let (routes, _) = router.split_for_parts();
    let state = || platform.clone();
    routes
        .fallback(async || Problem::new(Code::RouteNotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(middleware::from_fn_with_state(state(), rate_limits::settle))
        .layer(middleware::from_fn_with_state(state(), address_limit::enforce))
        .layer(middleware::from_fn_with_state(state(), edge::enforce))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state(), deadline::enforce))
        .layer(panics::layer(platform.metrics.clone()))
        .layer(cors::layer(&platform.config))
        .layer(middleware::map_response(headers::add))
        .layer(middleware::from_fn_with_state(state(), observe::observe))
        .with_state(platform.clone())
}
