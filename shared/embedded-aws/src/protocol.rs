//! The AWS JSON protocol as far as a server between client and service needs it: which call a
//! request makes, and what an error answer looks like.
//!
//! All services speak it: every request is a `POST /` whose `X-Amz-Target` header names service
//! and operation, every error is a JSON object whose `__type` names the code.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

/// An answer: made here, or passed on from an upstream server as it arrives.
pub type Answer = http::Response<Either<Full<Bytes>, Incoming>>;

/// A service that the endpoint embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Tables and items.
    DynamoDb,
    /// The change streams of tables: a service of its own, served by the same engine.
    DynamoDbStreams,
    /// Secrets and their versions.
    SecretsManager,
    /// Queues and their messages.
    Sqs,
}

impl Service {
    /// The part of `X-Amz-Target` before the dot.
    const TARGET_PREFIXES: [(&'static str, Self); 4] = [
        ("DynamoDB_20120810", Self::DynamoDb),
        ("DynamoDBStreams_20120810", Self::DynamoDbStreams),
        ("secretsmanager", Self::SecretsManager),
        ("AmazonSQS", Self::Sqs),
    ];

    /// An error answer in the shape of this service, which its SDK reads as the exception `code`.
    pub fn error(self, status: StatusCode, code: &str, message: &str) -> Answer {
        // DynamoDB and SQS qualify the code and write `message`, Secrets Manager does neither.
        let body = match self {
            Self::DynamoDb | Self::DynamoDbStreams => serde_json::json!({
                "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
                "message": message,
            }),
            Self::SecretsManager => serde_json::json!({ "__type": code, "Message": message }),
            Self::Sqs => serde_json::json!({
                "__type": format!("com.amazonaws.sqs#{code}"),
                "message": message,
            }),
        };
        self.answer(status, &body)
    }

    /// An answer of this service with a JSON body.
    pub fn answer(self, status: StatusCode, body: &serde_json::Value) -> Answer {
        let content_type = match self {
            Self::DynamoDb | Self::DynamoDbStreams | Self::Sqs => "application/x-amz-json-1.0",
            Self::SecretsManager => "application/x-amz-json-1.1",
        };
        let mut answer = Answer::new(Either::Left(Full::from(body.to_string())));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }
}

/// One operation of one service, as a request asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The service asked.
    pub service: Service,
    /// The operation's name, such as `GetItem`. Taken from the request: it may not exist.
    pub operation: String,
}

impl Call {
    /// The call that a request with these headers makes, or `None` if they name no embedded
    /// service.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let (prefix, operation) = headers.get("x-amz-target")?.to_str().ok()?.split_once('.')?;
        let (_, service) =
            Service::TARGET_PREFIXES.into_iter().find(|(name, _)| *name == prefix)?;
        Some(Self { service, operation: operation.to_owned() })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.service, self.operation)
    }
}
