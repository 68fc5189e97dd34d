//! Requests that may come again: a client that lost the answer sends the same request with the same key.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::UserId;

/// A text that cannot serve as an idempotency key.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("an idempotency key is 1 to 64 characters of A-Z a-z 0-9 - _")]
pub struct InvalidIdempotencyKey;

/// What a client names a request with, so that a repetition of it is known as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidIdempotencyKey) }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A request that its client has named, and what tells it from others of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRequest {
    /// Who asks. Two users may choose the same key.
    pub user_id: UserId,
    /// The method and the pattern of the path. A client may use one key on two routes.
    pub route: String,
    /// The name.
    pub key: IdempotencyKey,
    /// A digest of the path and the body.
    pub fingerprint: String,
}

impl NamedRequest {
    /// For how long an answer is repeated.
    pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
}

/// What is known of a request that was named before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// It was answered, and this was recorded of the answer.
    Answered(String),
    /// The same name with another path or body.
    OtherPayload,
    /// It, or another request that changes the same, is under way.
    UnderWay,
}
