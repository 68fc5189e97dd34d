//! Security headers of every response.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// What a page of this host may load, without who may frame it: nothing. A page with a style of its own
/// permits that one ([`crate::public::allow_style`]).
const NOTHING_IS_LOADED: &str = "default-src 'none'; base-uri 'none'; form-action 'none'";

/// Only Telegram's web clients may frame a page of this host. Mobile and desktop clients use a web view,
/// where this does not apply. `X-Frame-Options` cannot list hosts, and would block Telegram.
///
/// Source of the hosts: <https://core.telegram.org/bots/webapps> and the clients themselves, which
/// are served from `web.telegram.org/k` and `/a`; the others are their older hosts.
const FRAMES: &str = "frame-ancestors https://web.telegram.org https://webk.telegram.org \
     https://webz.telegram.org https://weba.telegram.org";

/// Two years, the minimum for browsers' preload lists.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=63072000; includeSubDomains";

const PERMISSIONS_POLICY: &str =
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()";

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));

/// The policy with these directives on top.
#[expect(clippy::expect_used, reason = "all of it is plain text of this crate")]
fn policy(more: &str) -> HeaderValue {
    let text = format!("{NOTHING_IS_LOADED}; {more}{FRAMES}");
    HeaderValue::from_str(&text).expect("a policy of printable characters")
}

/// The policy of a page with this style and nothing else to load.
pub(crate) fn policy_of_page(style: &str) -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(style));
    policy(&format!("style-src 'sha256-{hash}'; "))
}

/// Adds the headers. Responses are uncacheable unless the route sets `Cache-Control`.
pub(super) fn add(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| POLICY.clone());
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}
