//! Headers that make writes safe: `Idempotency-Key` and `If-Match`.

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, header, request::Parts},
};

use crate::{Code, Problem};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header `Idempotency-Key`, by which a retry is recognised; `None` if it is absent.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub Option<minigate_domain::IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(Self(None)) };
        // The draft for this header makes it a quoted string; most clients send it bare.
        let key = value.to_str().unwrap_or_default().trim_matches('"').parse();
        key.map(|key| Self(Some(key))).map_err(|error: minigate_domain::InvalidIdempotencyKey| {
            Problem::new(Code::HEADER_INVALID).field(IDEMPOTENCY_KEY.as_str(), error.to_string())
        })
    }
}

/// The header `If-Match`: the version that the client intends to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// No header: no protection against a lost update.
    Absent,
    /// `*`: any version.
    Any,
    /// The entity tag of this version.
    Version(u64),
    /// Entity tags that match no version.
    Never,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self::Absent) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        // RFC 9110 allows several tags, and weak ones. They match nothing, because this API issues
        // one strong tag at a time.
        let is_tag = |part: &str| {
            let part = part.trim();
            let part = part.strip_prefix("W/").unwrap_or(part);
            part.len() >= 2 && part.starts_with('"') && part.ends_with('"')
        };
        if !text.split(',').all(is_tag) {
            return Err(Problem::new(Code::HEADER_INVALID).field(
                header::IF_MATCH.as_str(),
                "must be an entity tag such as `\"3\"`, or `*`",
            ));
        }
        let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let is_canonical = |text: &&str| *text == "0" || !text.starts_with(['+', '0']);
        let version = version.filter(is_canonical).map(str::parse);
        Ok(match version {
            Some(Ok(version)) => Self::Version(version),
            _ => Self::Never,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn if_match(value: &str) -> Result<IfMatch, Code> {
        let request = Request::builder().header(header::IF_MATCH, value).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await.map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn entity_tags() {
        for (value, expected) in [
            ("*", Ok(IfMatch::Any)),
            ("\"3\"", Ok(IfMatch::Version(3))),
            ("W/\"3\"", Ok(IfMatch::Never)),
            ("\"2\", \"3\"", Ok(IfMatch::Never)),
            ("\"abc\"", Ok(IfMatch::Never)),
            ("\"03\"", Ok(IfMatch::Never)),
            ("\"0\"", Ok(IfMatch::Version(0))),
            ("3", Err(Code::HEADER_INVALID)),
            ("\"", Err(Code::HEADER_INVALID)),
            ("", Err(Code::HEADER_INVALID)),
        ] {
            assert_eq!(if_match(value).await, expected, "{value}");
        }
    }
}
