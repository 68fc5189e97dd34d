//! Every refusal and failure as a client sees it: RFC 9457 problem documents.
//!
//! A [`Problem`] is created where a request is refused, travels with the response as an extension, and is
//! serialized and logged once, by [`crate::layers`]. `detail` is for the client and `cause` for the
//! operator: a cause never reaches a response.

use std::{borrow::Cow, error::Error as StdError, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_service::{accounts::AccountsError, leaderboards::LeaderboardsError};
use minigate_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{schemas, secrets::SecretError};

/// Why a request is refused. The codes are a contract: clients branch on them.
///
/// Those of the platform are constants of this type. A code of one noun is a constant of that noun,
/// which its [`Function`](crate::Function) lists, so that it is documented and known to be unique:
///
/// ```
/// use axum::http::StatusCode;
/// use minigate_platform::Code;
///
/// const QUIZ_CLOSED: Code = Code::new("quiz_closed", StatusCode::CONFLICT, "The quiz is closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
}

impl Code {
    /// A code of a noun: lower-case words joined by `_`, the status that goes with it, and what it means,
    /// the same each time.
    pub const fn new(code: &'static str, status: StatusCode, title: &'static str) -> Self {
        Self { code, status, title }
    }

    /// The code as it stands in a problem document.
    pub const fn as_str(self) -> &'static str {
        self.code
    }

    /// The status that goes with it.
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// What it means, the same each time.
    pub const fn title(self) -> &'static str {
        self.title
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $status:ident $title:literal,)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self::new($code, StatusCode::$status, $title);)*

            /// The codes of the platform, in the order of docs/problems.md.
            pub const OF_PLATFORM: &[Self] = &[$(Self::$name,)*];
        }
    };
}

codes! {
    AUTHORIZATION_MISSING "authorization_missing" UNAUTHORIZED "The request has no credentials",
    AUTHORIZATION_MALFORMED "authorization_malformed" UNAUTHORIZED "The Authorization header is neither `tma <init data>` nor `Bearer <token>`",
    // Refusals of init data carry the codes of the crate minigate-init-data.
    TOO_LARGE "too_large" UNAUTHORIZED "The init data is longer than 8,192 bytes or has more than 64 fields",
    MALFORMED "malformed" UNAUTHORIZED "The init data is not a form-encoded query",
    DUPLICATE_KEY "duplicate_key" UNAUTHORIZED "The init data contains a field twice",
    HASH_MISSING "hash_missing" UNAUTHORIZED "The init data has no hash",
    HASH_MALFORMED "hash_malformed" UNAUTHORIZED "The hash is not 64 lower-case hexadecimal digits",
    HASH_MISMATCH "hash_mismatch" UNAUTHORIZED "The init data was not signed by a bot of this deployment",
    SIGNATURE_MISSING "signature_missing" UNAUTHORIZED "The init data has no signature",
    SIGNATURE_MALFORMED "signature_malformed" UNAUTHORIZED "The signature is not unpadded base64url of 64 bytes",
    SIGNATURE_INVALID "signature_invalid" UNAUTHORIZED "The signature was not made by Telegram",
    AUTH_DATE_MISSING "auth_date_missing" UNAUTHORIZED "The init data has no auth_date",
    AUTH_DATE_INVALID "auth_date_invalid" UNAUTHORIZED "The auth_date is not a Unix time",
    EXPIRED "expired" UNAUTHORIZED "The init data has expired",
    FROM_FUTURE "from_future" UNAUTHORIZED "The auth_date is in the future",
    USER_INVALID "user_invalid" UNAUTHORIZED "The user field of the init data is invalid",
    USER_MISSING "user_missing" UNAUTHORIZED "The init data has no user field",
    INIT_DATA_NOT_ACCEPTED "init_data_not_accepted" UNAUTHORIZED "This deployment accepts init data only in exchange for a session",
    TOKEN_MALFORMED "token_malformed" UNAUTHORIZED "The access token is not a token of this API",
    TOKEN_INVALID "token_invalid" UNAUTHORIZED "The access token was not signed by this deployment",
    TOKEN_EXPIRED "token_expired" UNAUTHORIZED "The access token has expired",
    REFRESH_TOKEN_MALFORMED "refresh_token_malformed" UNAUTHORIZED "The refresh token is not a token of this API",
    REFRESH_TOKEN_INVALID "refresh_token_invalid" UNAUTHORIZED "The refresh token was not signed by this deployment",
    REFRESH_TOKEN_EXPIRED "refresh_token_expired" UNAUTHORIZED "The refresh token has expired",
    REFRESH_TOKEN_REUSED "refresh_token_reused" UNAUTHORIZED "The refresh token was already used; its session has been revoked",
    SESSION_REVOKED "session_revoked" UNAUTHORIZED "The session has ended",
    CREDENTIALS_NOT_FRESH "credentials_not_fresh" UNAUTHORIZED "This route requires credentials of the last minutes",
    ADMIN_REQUIRED "admin_required" FORBIDDEN "Only administrators may do this",
    ROLE_REQUIRED "role_required" FORBIDDEN "Only users with a certain role may do this",
    EDGE_REQUIRED "edge_required" FORBIDDEN "This API is available only through its own domain",
    ROUTE_NOT_FOUND "route_not_found" NOT_FOUND "No route matches this path",
    METHOD_NOT_ALLOWED "method_not_allowed" METHOD_NOT_ALLOWED "This path does not support this method",
    ACCOUNT_BEING_ERASED "account_being_erased" CONFLICT "This account is being erased",
    VERSION_MISMATCH "version_mismatch" PRECONDITION_FAILED "The resource has changed since the version named in If-Match",
    BODY_TOO_LARGE "body_too_large" PAYLOAD_TOO_LARGE "The body exceeds the limit of this route",
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body must be application/json",
    BODY_MALFORMED "body_malformed" BAD_REQUEST "The body is not JSON",
    BODY_INVALID "body_invalid" UNPROCESSABLE_ENTITY "The body has an invalid field",
    HEADER_INVALID "header_invalid" BAD_REQUEST "A header is invalid",
    PATH_INVALID "path_invalid" BAD_REQUEST "A path parameter is invalid",
    QUERY_INVALID "query_invalid" BAD_REQUEST "A query parameter is invalid",
    IDEMPOTENCY_KEY_MISSING "idempotency_key_missing" BAD_REQUEST "This route needs the header Idempotency-Key",
    IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" UNPROCESSABLE_ENTITY "Another request had the same Idempotency-Key",
    REQUEST_UNDER_WAY "request_under_way" CONFLICT "The same request, or another change of the same resource, is under way",
    UNKNOWN_BOT "unknown_bot" UNPROCESSABLE_ENTITY "This deployment does not serve that bot",
    RATE_LIMITED "rate_limited" TOO_MANY_REQUESTS "Too many requests",
    STORE_UNAVAILABLE "store_unavailable" SERVICE_UNAVAILABLE "The database is unavailable; retry later",
    ACCOUNT_BUSY "account_busy" SERVICE_UNAVAILABLE "Too many concurrent changes to this account; retry later",
    SECRETS_UNAVAILABLE "secrets_unavailable" SERVICE_UNAVAILABLE "The keys are unavailable; retry later",
    DEADLINE_EXCEEDED "deadline_exceeded" SERVICE_UNAVAILABLE "The request timed out; retry later",
    INTERNAL_ERROR "internal_error" INTERNAL_SERVER_ERROR "An internal error, which has been logged",
}

impl Code {
    /// The code of the platform with this text.
    pub fn find(text: &str) -> Option<Self> {
        Self::OF_PLATFORM.iter().copied().find(|code| code.as_str() == text)
    }

    /// The problem type. IANA registered one for quotas; the others are URNs of this project, because
    /// a type must not change when the documentation moves.
    pub fn type_uri(self) -> Cow<'static, str> {
        if self == Self::RATE_LIMITED {
            return "https://iana.org/assignments/http-problem-types#quota-exceeded".into();
        }
        format!("urn:minigate:problem:{}", self.code).into()
    }
}

/// An invalid field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field: a path into the body such as `notifications`, or the name of a header or parameter.
    #[schema(max_length = 8192)]
    pub field: String,
    /// Why it is invalid.
    #[schema(max_length = 8192)]
    pub message: String,
}

/// A problem document (RFC 9457), for the API reference. [`Problem`] writes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// A URI that identifies the kind of problem.
    #[schema(format = "uri", max_length = 128)]
    pub r#type: String,
    /// What the kind of problem means.
    #[schema(max_length = 256)]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Why this request was refused.
    #[schema(max_length = 8192)]
    pub detail: String,
    /// The request id, as in the header `X-Request-Id` and in the logs.
    #[schema(max_length = 256)]
    pub instance: String,
    /// A stable code to branch on.
    #[schema(value_type = schemas::Code)]
    pub code: String,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// With `rate_limited`: the names of the exceeded limits. `address` is the limit for a client's
    /// address that each instance keeps by itself.
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, value_type = Vec<schemas::ViolatedPolicy>)]
    pub violated_policies: Vec<String>,
}

/// A refusal or a failure on its way to the client.
#[derive(Clone, Debug)]
pub struct Problem(Box<Contents>);

#[derive(Clone, Debug)]
struct Contents {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: HeaderMap,
    violated_policies: Vec<String>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem whose detail is its title.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Contents {
            code,
            detail: code.title().into(),
            errors: Vec::new(),
            headers: HeaderMap::new(),
            violated_policies: Vec::new(),
            cause: None,
        }))
    }

    /// An internal error: the client sees only the request id.
    pub fn internal(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(Code::INTERNAL_ERROR).caused_by(cause)
    }

    /// Replaces the title with a detail about this request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds an invalid field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Adds a limit that has no units left.
    #[must_use]
    pub fn violated_policy(mut self, name: &str) -> Self {
        self.0.violated_policies.push(name.to_owned());
        self
    }

    /// Sets `Retry-After`, in whole seconds rounded up, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        let value = HeaderValue::from_str(&seconds.to_string());
        self.header(header::RETRY_AFTER, value.unwrap_or(HeaderValue::from_static("1")))
    }

    /// Attaches the cause for the log. It never reaches the client.
    #[must_use]
    pub fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whether the client is at fault: the status is a 4xx.
    pub fn is_refusal(&self) -> bool {
        self.0.code.status().is_client_error()
    }

    /// The chain of causes, outermost first.
    pub(crate) fn causes(&self) -> Option<String> {
        let mut next = self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static));
        let mut causes = Vec::new();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        (!causes.is_empty()).then(|| causes.join(": "))
    }

    /// The document of this problem in the request named `instance`.
    pub(crate) fn to_json(&self, instance: &str) -> Vec<u8> {
        let document = ProblemDocument {
            r#type: self.0.code.type_uri().into_owned(),
            title: self.0.code.title().to_owned(),
            status: self.0.code.status().as_u16(),
            detail: self.0.detail.clone().into_owned(),
            instance: instance.to_owned(),
            code: self.0.code.as_str().to_owned(),
            errors: self.0.errors.clone(),
            violated_policies: self.0.violated_policies.clone(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    /// Sets status and headers. [`crate::layers`], which knows the request id, writes the body.
    fn into_response(self) -> Response {
        let mut response = self.0.code.status().into_response();
        response.headers_mut().extend(self.0.headers.clone());
        if self.0.code.status() == StatusCode::UNAUTHORIZED {
            let schemes = HeaderValue::from_static("Bearer, tma");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, schemes);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => {
                Self::new(Code::STORE_UNAVAILABLE).retry_after(Duration::from_secs(1))
            }
            StoreError::Contended { .. } => {
                Self::new(Code::ACCOUNT_BUSY).retry_after(Duration::from_secs(1))
            }
            StoreError::Refused { .. } | StoreError::Corrupt { .. } => {
                Self::new(Code::INTERNAL_ERROR)
            }
        }
        .caused_by(error)
    }
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Store(error) => error.into(),
            error if error.is_passing() => Self::new(Code::STORE_UNAVAILABLE)
                .retry_after(Duration::from_secs(1))
                .caused_by(error),
            error => Self::internal(error),
        }
    }
}

impl From<LeaderboardsError> for Problem {
    fn from(error: LeaderboardsError) -> Self {
        match error {
            LeaderboardsError::Store(error) => error.into(),
            error if error.is_passing() => Self::new(Code::STORE_UNAVAILABLE)
                .retry_after(Duration::from_secs(1))
                .caused_by(error),
            error => Self::internal(error),
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        if matches!(error, SecretError::Undeclared { .. }) {
            return Self::internal(error);
        }
        Self::new(Code::SECRETS_UNAVAILABLE).retry_after(Duration::from_secs(1)).caused_by(error)
    }
}

impl From<minigate_init_data::Error> for Problem {
    fn from(error: minigate_init_data::Error) -> Self {
        let code = Code::find(error.code()).unwrap_or(Code::INTERNAL_ERROR);
        Self::new(code).field("init_data", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let codes: HashSet<_> = Code::OF_PLATFORM.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::OF_PLATFORM.len());
        let snake = |code: &str| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(codes.iter().all(|code| snake(code)));
    }

    #[test]
    fn a_document_has_the_members_of_the_rfc_and_ours() {
        let problem =
            Problem::new(Code::BODY_INVALID).field("language", "a tag").violated_policy("api");
        let document: Value = serde_json::from_slice(&problem.to_json("r-1")).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:minigate:problem:body_invalid",
                "title": "The body has an invalid field",
                "status": 422,
                "detail": "The body has an invalid field",
                "instance": "r-1",
                "code": "body_invalid",
                "errors": [{ "field": "language", "message": "a tag" }],
                "violated-policies": ["api"],
            })
        );
    }

    #[test]
    fn a_cause_is_for_the_log_only() {
        let problem = Problem::internal(std::io::Error::other("the password is 1234"));
        assert_eq!(problem.causes().as_deref(), Some("the password is 1234"));
        assert!(!String::from_utf8(problem.to_json("r-1")).unwrap().contains("1234"));
    }

    #[test]
    fn waits_are_whole_seconds_rounded_up() {
        let after = |wait| {
            let problem = Problem::new(Code::RATE_LIMITED).retry_after(wait);
            problem.0.headers[header::RETRY_AFTER].clone()
        };
        assert_eq!(after(Duration::ZERO), "1");
        assert_eq!(after(Duration::from_millis(1_001)), "2");
    }
}
