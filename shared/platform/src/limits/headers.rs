//! The header fields that tell a client where it stands: the one place that knows how they look.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-11, which expires on 2026-11-24. Earlier versions had
//! other fields, and later ones may.
//!
//! ```text
//! RateLimit-Policy: "api";q=100;w=60      100 units in 60 seconds
//! RateLimit: "api";r=42;t=35              42 are left, and in 35 seconds all 100 are back
//! ```

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use minigate_limiter::{Mode, State};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Describes every enforced limit. Limits in shadow mode stay invisible to clients.
pub(crate) fn add(headers: &mut HeaderMap, states: &[State]) {
    let enforced = states.iter().filter(|state| state.policy().mode() == Mode::Enforce);
    let (policies, limits): (Vec<String>, Vec<String>) = enforced.map(items).unzip();
    for (name, items) in [(POLICY, policies), (LIMIT, limits)] {
        if let Ok(value) = HeaderValue::from_str(&items.join(", "))
            && !items.is_empty()
        {
            headers.insert(name, value);
        }
    }
}

fn items(state: &State) -> (String, String) {
    let policy = state.policy();
    let (name, quota, window) = (policy.name(), policy.limit(), policy.period().as_secs());
    let (remaining, reset) = (state.remaining(), seconds(state.full_after()));
    (format!("\"{name}\";q={quota};w={window}"), format!("\"{name}\";r={remaining};t={reset}"))
}

fn seconds(duration: Duration) -> u128 {
    duration.as_millis().div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use minigate_limiter::{Limiter, MemoryTable, Policy};

    use super::*;

    async fn headers_of(policies: &[Policy]) -> HeaderMap {
        let limiter =
            Limiter::builder(MemoryTable::default(), || std::time::UNIX_EPOCH + 9 * YEAR).build();
        let limits: Vec<_> = policies.iter().map(|policy| policy.on("key").unwrap()).collect();
        let mut headers = HeaderMap::new();
        add(&mut headers, limiter.check_all(&limits).await.states());
        headers
    }

    const YEAR: Duration = Duration::from_secs(31_536_000);

    fn policy(name: &str, limit: u32, mode: Mode) -> Policy {
        Policy::rate(name, limit, Duration::from_secs(60)).mode(mode).build().unwrap()
    }

    #[tokio::test]
    async fn one_item_for_each_policy_that_is_enforced() {
        let policies = [
            policy("login", 5, Mode::Enforce),
            policy("quiet", 9, Mode::Shadow),
            policy("login-address", 20, Mode::Enforce),
        ];
        let headers = headers_of(&policies).await;
        assert_eq!(headers[POLICY], r#""login";q=5;w=60, "login-address";q=20;w=60"#);
        assert_eq!(headers[LIMIT], r#""login";r=4;t=12, "login-address";r=19;t=3"#);
    }

    #[tokio::test]
    async fn nothing_to_tell_is_no_header() {
        assert!(headers_of(&[policy("quiet", 9, Mode::Shadow)]).await.is_empty());
    }
}
