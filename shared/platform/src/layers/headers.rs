//! Security headers of every response.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

/// Who may show a page of this host in a frame: Telegram's web clients, and nobody else. The mobile
/// and desktop clients use a web view, where this does not apply. `X-Frame-Options` cannot say "only
/// these" and would shut Telegram out.
///
/// Source of the hosts: <https://core.telegram.org/bots/webapps> and the clients themselves, which
/// are served from `web.telegram.org/k` and `/a`; the others are their older hosts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors https://web.telegram.org https://webk.telegram.org https://webz.telegram.org \
     https://weba.telegram.org";

/// Two years, the least that browsers' preload lists ask for.
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

/// Adds the headers. A route that may be cached says so itself; others are not to be.
pub(super) fn add(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}
