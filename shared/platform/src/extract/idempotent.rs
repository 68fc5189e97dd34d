//! Requests that must be named by their client, because a repetition would cost something.

use std::{fmt::Write, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, MatchedPath, Request},
    http::HeaderMap,
};
use minigate_domain::{NamedRequest, Repetition, UserId};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    headers::{IDEMPOTENCY_KEY, IdempotencyKey},
    json,
};
use crate::{Code, Problem};

/// A JSON body, or none, of a request with an `Idempotency-Key`. An absent body counts as an empty
/// object.
///
/// The store writes a record of the [`NamedRequest`] in the transaction of the effect, and finds it when
/// the request comes again; [`repeated`] answers what it finds.
#[derive(Clone, Debug)]
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    key: minigate_domain::IdempotencyKey,
    route: String,
    fingerprint: String,
}

impl<T> Idempotent<T> {
    /// The request as one of this user, and its body.
    pub fn of(self, user_id: UserId) -> (NamedRequest, T) {
        let Self { body, key, route, fingerprint } = self;
        (NamedRequest { user_id, route, key, fingerprint }, body)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let key = key.ok_or_else(|| {
            Problem::new(Code::IDEMPOTENCY_KEY_MISSING)
                .field(IDEMPOTENCY_KEY.as_str(), "is missing")
        })?;
        let pattern = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {pattern}", parts.method);
        let path = parts.uri.path().to_owned();
        let headers = parts.headers.clone();
        let bytes = json::read(Request::from_parts(parts, body), state).await?;
        let body = parse_or_empty(&headers, &bytes)?;
        Ok(Self { body, key, route, fingerprint: fingerprint(&path, &bytes) })
    }
}

fn parse_or_empty<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if !bytes.is_empty() {
        return json::parse(headers, bytes);
    }
    serde_json::from_value(serde_json::Value::Object(serde_json::Map::new()))
        .map_err(|_| Problem::new(Code::BODY_MALFORMED).detail("The body is missing."))
}

/// A digest of the path and of what the body says: the order of its members and white space do not count.
fn fingerprint(path: &str, body: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(path);
    hasher.update("\n");
    match serde_json::from_slice::<serde_json::Value>(body) {
        // Without the feature `preserve_order`, members are sorted by their names.
        Ok(value) => hasher.update(value.to_string()),
        Err(_) => hasher.update("{}"),
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the first of several equal requests recorded of its answer, so that this one is answered alike.
///
/// # Errors
/// [`Code::IDEMPOTENCY_KEY_REUSED`] if the key named another request, and [`Code::REQUEST_UNDER_WAY`]
/// if the request may succeed in a second.
pub fn repeated(repetition: Repetition) -> Result<String, Problem> {
    match repetition {
        Repetition::Answered(answer) => Ok(answer),
        Repetition::OtherPayload => Err(Problem::new(Code::IDEMPOTENCY_KEY_REUSED)
            .field(IDEMPOTENCY_KEY.as_str(), "named another request")),
        Repetition::UnderWay => {
            Err(Problem::new(Code::REQUEST_UNDER_WAY).retry_after(Duration::from_secs(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        count: Option<u8>,
    }

    async fn extract(path: &str, key: Option<&str>, body: &str) -> Result<Idempotent<Order>, Code> {
        let mut request = Request::post(path).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        Idempotent::from_request(request, &()).await.map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn equal_requests_have_one_fingerprint_and_others_do_not() {
        let of = async |path: &str, body: &str| {
            extract(path, Some("k"), body).await.unwrap().fingerprint
        };
        let first = of("/a", r#"{"count":1}"#).await;
        assert_eq!(of("/a", r#" { "count" : 1 } "#).await, first);
        assert_ne!(of("/b", r#"{"count":1}"#).await, first);
        assert_ne!(of("/a", r#"{"count":2}"#).await, first);
        assert_eq!(of("/a", "").await, of("/a", "{}").await);
    }

    #[tokio::test]
    async fn a_request_without_a_name_is_refused() {
        assert_eq!(extract("/a", None, "").await.unwrap_err(), Code::IDEMPOTENCY_KEY_MISSING);
        assert_eq!(extract("/a", Some("?"), "").await.unwrap_err(), Code::HEADER_INVALID);
        let (named, body) =
            extract("/a", Some("\"k\""), "").await.unwrap().of(UserId::new(7).unwrap());
        assert_eq!((named.key.to_string().as_str(), body.count), ("k", None));
    }

    #[test]
    fn what_is_known_of_a_repetition_is_answered() {
        assert_eq!(repeated(Repetition::Answered("7".to_owned())).unwrap(), "7");
        let refused = repeated(Repetition::OtherPayload).unwrap_err();
        assert_eq!(refused.code().status(), StatusCode::UNPROCESSABLE_ENTITY);
        let refused = repeated(Repetition::UnderWay).unwrap_err();
        assert_eq!(refused.code().status(), StatusCode::CONFLICT);
    }
}
