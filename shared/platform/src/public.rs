//! Answers that anyone may read and keep: any origin, a strong entity tag, how long a cache may serve
//! them, and 304.

use std::{borrow::Cow, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Problem, layers};

/// How long a cache may serve an answer without asking, while asking, and when asking fails
/// (RFC 9111, RFC 5861).
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// `max-age`.
    pub fresh: Duration,
    /// `stale-while-revalidate`.
    pub while_revalidating: Duration,
    /// `stale-if-error`.
    pub if_error: Duration,
}

/// What is answered, with its strong entity tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    text: Cow<'static, str>,
    tag: String,
}

impl Document {
    /// A document with this text. Its tag is made of all of it, so a document that is served often is
    /// better made once.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let digest = Sha256::digest(text.as_bytes());
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..15]));
        Self { text, tag }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The entity tags that a client has (`If-None-Match`).
#[derive(Clone, Debug)]
pub struct IfNoneMatch(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.headers.get(header::IF_NONE_MATCH).cloned()))
    }
}

impl IfNoneMatch {
    /// Whether the client has the answer with this tag. Weak comparison, as RFC 9110 (13.1.2) wants
    /// it here.
    pub fn has(&self, tag: &str) -> bool {
        let Some(Ok(text)) = self.0.as_ref().map(HeaderValue::to_str) else { return false };
        let tags = text.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        text.trim() == "*" || tags.into_iter().any(|other| other == tag)
    }
}

/// A public answer with this document, which is of this media type, or 304 if the client has it.
pub fn answer(
    document: &Document,
    media_type: &'static str,
    freshness: Freshness,
    if_none_match: &IfNoneMatch,
) -> Response {
    let Document { text, tag } = document;
    let mut headers = HeaderMap::new();
    let Freshness { fresh, while_revalidating, if_error } = freshness;
    let cache_control = format!(
        "public, max-age={}, stale-while-revalidate={}, stale-if-error={}",
        fresh.as_secs(),
        while_revalidating.as_secs(),
        if_error.as_secs()
    );
    for (name, value) in [(header::CACHE_CONTROL, &cache_control), (header::ETAG, tag)] {
        headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }
    // Nothing in it depends on who asks.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if if_none_match.has(tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    (headers, text.clone()).into_response()
}

/// Lets a page that an answer holds apply the one style that it has in its head, byte by byte. Everything
/// else stays forbidden.
pub fn allow_style(response: &mut Response, style: &str) {
    let policy = layers::policy_of_page(style);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const FRESHNESS: Freshness =
        Freshness { fresh: MINUTE, while_revalidating: MINUTE, if_error: MINUTE };

    fn answer_to(if_none_match: Option<&str>) -> Response {
        let value = if_none_match.map(|text| HeaderValue::from_str(text).unwrap());
        answer(&Document::new("{}"), "application/json", FRESHNESS, &IfNoneMatch(value))
    }

    #[test]
    fn who_has_it_is_told_so() {
        let first = answer_to(None);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let second = answer_to(Some(&value));
            assert_eq!(second.status(), StatusCode::NOT_MODIFIED, "{value}");
            assert_eq!(second.headers()[header::ETAG], tag.as_str());
            assert!(second.headers().contains_key(header::CACHE_CONTROL));
            assert_eq!(second.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
        for value in ["\"x\"", "", "x"] {
            assert_eq!(answer_to(Some(value)).status(), StatusCode::OK, "{value}");
        }
    }
}
