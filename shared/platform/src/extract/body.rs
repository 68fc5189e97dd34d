//! A body whose media type says what it is.

use axum::{
    extract::{FromRequest, Request},
    http::header,
};

use super::json;
use crate::{Code, Problem};

/// A text, with its media type in lower case and without parameters; empty if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextBody {
    /// The media type.
    pub media_type: String,
    /// The text.
    pub text: String,
}

impl<S: Send + Sync> FromRequest<S> for TextBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        let text = String::from_utf8(json::read(request, state).await?.into());
        let text =
            text.map_err(|_| Problem::new(Code::BODY_MALFORMED).detail("The body is not UTF-8."))?;
        Ok(Self { media_type, text })
    }
}
