//! The distributed limits. Extractors and handlers charge them; this layer awaits the charges that run
//! concurrently with the handler, and adds the `RateLimit` headers.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    Platform,
    limits::{self, Tab},
};

pub(super) async fn settle(platform: &Platform, mut request: Request, next: Next) -> Response {
    let tab = Tab::default();
    request.extensions_mut().insert(tab.clone());
    let answer = next.run(request).await;
    let mut response = match tab.settle().await {
        Ok(()) => answer,
        Err(refused) => refused.into_response(),
    };
    let states = tab.states();
    if !states.is_empty() {
        limits::add_headers(response.headers_mut(), &states);
        platform.limits.after_request();
    }
    platform.caches.after_request();
    response
}
