//! What is asked of a provider.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
    uri::PathAndQuery,
};
use serde::Serialize;

use crate::Secret;

/// Whether a request may be sent again after one that may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// A second one changes nothing more: it reads, it sets, or it carries an idempotency key.
    Safe,
    /// A second one may do it twice.
    Never,
}

/// A request. `Debug` shows its operation and method, and neither path, headers nor body.
///
/// ```
/// use minigate_outbound::{Repeat, Request, Secret};
///
/// let token = "1000000000:TOKEN";
/// let message = Request::post("sendMessage", format!("/bot{token}/sendMessage"))
///     .json(&serde_json::json!({ "chat_id": 1, "text": "Hello" }));
/// assert_eq!(message.repeat(), Repeat::Never);
///
/// let refund = Request::post("refund", "/v1/refunds")
///     .header("authorization", Secret::from("Bearer sk_test_1"))
///     .body("application/x-www-form-urlencoded", "charge=ch_1")
///     .idempotency_key("refund-ch_1");
/// assert_eq!(refund.repeat(), Repeat::Safe);
/// assert_eq!(format!("{refund:?}"), r#"Request { operation: "refund", method: POST, repeat: Safe, .. }"#);
/// ```
#[derive(Clone)]
pub struct Request {
    operation: &'static str,
    method: Method,
    path: Option<PathAndQuery>,
    headers: HeaderMap,
    body: Bytes,
    repeat: Repeat,
    timeout: Option<Duration>,
    /// What is wrong with it. It then is not sent.
    pub(crate) fault: Option<&'static str>,
}

impl Request {
    /// A request. `operation` names it in errors and metrics: a word, the same for every request of its
    /// kind. The path, with its query, counts as a secret.
    pub fn new(method: Method, operation: &'static str, path: impl Into<Secret>) -> Self {
        let path = PathAndQuery::try_from(path.into().expose()).ok();
        let path = path.filter(|path| path.as_str().starts_with('/'));
        let is_safe = method.is_idempotent();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            operation,
            method,
            fault: path.is_none().then_some("the path is not valid"),
            path,
            headers,
            body: Bytes::new(),
            repeat: if is_safe { Repeat::Safe } else { Repeat::Never },
            timeout: None,
        }
    }

    /// A `GET`, which may be repeated.
    pub fn get(operation: &'static str, path: impl Into<Secret>) -> Self {
        Self::new(Method::GET, operation, path)
    }

    /// A `POST`, which is not repeated unless it [has a key](Self::idempotency_key) or
    /// [may be](Self::repeatable).
    pub fn post(operation: &'static str, path: impl Into<Secret>) -> Self {
        Self::new(Method::POST, operation, path)
    }

    /// Sets a header. Its value counts as a secret.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Secret>) -> Self {
        match (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value.into().expose()),
        ) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.fault = Some("a header is not valid"),
        }
        self
    }

    /// Sets a body of this media type.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        match HeaderValue::from_str(media_type) {
            Ok(media_type) => drop(self.headers.insert(CONTENT_TYPE, media_type)),
            Err(_) => self.fault = Some("the media type is not valid"),
        }
        self.body = body.into();
        self
    }

    /// Sets a body of JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body("application/json", body),
            Err(_) => {
                self.fault = Some("the body does not serialise");
                self
            }
        }
    }

    /// Sets the header `Idempotency-Key`, by which the provider knows a second one: the request may
    /// then be repeated.
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<Secret>) -> Self {
        self.header("idempotency-key", key).repeatable()
    }

    /// Says that a second one changes nothing more, although its method does not say so.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }

    /// Gives the call less time than the policy does: what is left of the caller's own deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Its name in errors and metrics.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether it may be sent again after one that may have arrived.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Bytes of its body.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn call_timeout(&self, policy: Duration) -> Duration {
        self.timeout.map_or(policy, |timeout| timeout.min(policy))
    }

    /// For the wire.
    pub(crate) fn parts(&self) -> Option<(&Method, &PathAndQuery, &HeaderMap, &Bytes)> {
        Some((&self.method, self.path.as_ref()?, &self.headers, &self.body))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}
