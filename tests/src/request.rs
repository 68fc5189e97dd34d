//! A request.

use reqwest::{RequestBuilder, header};
use serde_json::Value;

use crate::{Answer, answer::Sent, eventually};

/// A request that is being put together. It remembers the secrets in it, so that the answer can be
/// searched for them.
pub struct Request {
    builder: RequestBuilder,
    sent: Sent,
}

impl Request {
    pub(crate) fn new(builder: RequestBuilder) -> Self {
        Self { builder, sent: Sent::default() }
    }

    /// Adds a header, also beside one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let text = String::from_utf8_lossy(value).into_owned();
        match name {
            "authorization" => self.sent.secrets.push(text),
            "origin" => self.sent.origin = Some(text),
            _ => {}
        }
        self.builder = self.builder.header(name, value);
        self
    }

    /// Presents init data.
    #[must_use]
    pub fn tma(self, init_data: &str) -> Self {
        self.header("authorization", format!("tma {init_data}"))
    }

    /// Presents an access token.
    #[must_use]
    pub fn bearer(self, access_token: &str) -> Self {
        self.header("authorization", format!("Bearer {access_token}"))
    }

    /// Names the request.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sends this JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        if let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(&body) {
            let texts = members.into_iter().filter_map(|(name, value)| {
                let is_secret = matches!(name.as_str(), "init_data" | "refresh_token");
                value.as_str().filter(|_| is_secret).map(str::to_owned)
            });
            self.sent.secrets.extend(texts);
        }
        self.builder = self.builder.header(header::CONTENT_TYPE, content_type).body(body);
        self
    }

    /// Says that this, somewhere in the request, must not come back.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.sent.secrets.push(secret.to_owned());
        self
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        Answer::read(self.builder.send().await.expect("the API does not answer"), self.sent).await
    }

    /// Sends such a request until its answer comes through. For bodies that are too large: the
    /// server refuses them before it has read all, and a client that is still sending then may lose
    /// the connection and the answer with it.
    pub async fn send_oversized(make: impl Fn() -> Self) -> Answer {
        eventually("an answer", async || {
            let Self { builder, sent } = make();
            let response = builder.send().await.ok()?;
            Some(Answer::read(response, sent).await)
        })
        .await
    }
}
