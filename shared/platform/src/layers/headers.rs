//! Security headers of every response.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

/// Only Telegram's web clients may frame a page of this host. Mobile and desktop clients use a web view,
/// where this does not apply. `X-Frame-Options` cannot list hosts, and would block Telegram.
///
/// Source of the hosts: <https://core.telegram.org/bots/webapps> and the clients themselves, which
/// are served from `web.telegram.org/k` and `/a`; the others are their older hosts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors https://web.telegram.org https://webk.telegram.org https://webz.telegram.org \
     https://weba.telegram.org";

/// Two years, the minimum for browsers' preload lists.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=63072000; includeSubDomains";

const PERMISSIONS_POLICY: &str =
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

/// Adds the headers. Responses are uncacheable unless the route sets `Cache-Control`.
pub(super) fn add(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}
