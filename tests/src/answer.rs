//! An answer, and what every answer must be like.

use std::collections::BTreeSet;

use reqwest::{
    Response,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use crate::Deployment;

/// What was sent, as far as the answer depends on it.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) secrets: Vec<String>,
    pub(crate) origin: Option<String>,
}

/// The answer to a request.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
    sent: Sent,
    is_of_gateway: bool,
}

/// What stands in every answer, whatever it says.
const ALWAYS: [&str; 9] = [
    "access-control-expose-headers",
    "cache-control",
    "content-security-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-request-id",
];

/// What stands in the answers of limited routes.
const LIMITS: [&str; 2] = ["ratelimit", "ratelimit-policy"];

/// Headers of the connection and of what stands between: API Gateway and CloudFront.
fn is_of_transport(name: &str) -> bool {
    matches!(
        name,
        "connection" | "content-length" | "date" | "server" | "transfer-encoding" | "via"
    ) || name.starts_with("x-amz")
        || name.starts_with("x-cache")
        || name == "apigw-requestid"
}

/// Makes one line of the lines of a header that is a list (RFC 9110, 5.3): who compresses an answer
/// adds a line of its own.
fn combine(headers: &mut HeaderMap, name: &HeaderName) {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
    if lines.len() > 1 {
        let line = HeaderValue::from_str(&lines.join(", ")).unwrap();
        headers.insert(name, line);
    }
}

impl Answer {
    pub(crate) async fn read(response: Response, sent: Sent) -> Self {
        let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
        combine(&mut headers, &header::VARY);
        let body = response.text().await.expect("the answer breaks off");
        // The servers that tests start answer by themselves.
        let is_of_gateway = Deployment::of_environment().is_some();
        Self { status, headers, body, sent, is_of_gateway }
    }

    /// The value of a header that stands at most once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} stands twice");
        value
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {} {}", self.status, self.body))
    }

    /// The code of a problem; empty for what is none.
    pub fn code(&self) -> String {
        let document: Value = serde_json::from_str(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Checks that this is a success with this status, and returns its document, `null` if there
    /// is none. `more` are the headers that it has beside those of every answer.
    #[track_caller]
    pub fn assert_success(&self, status: u16, more: &[&str]) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        if self.body.is_empty() {
            self.assert_headers(more);
            return Value::Null;
        }
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.assert_headers(&[more, &["content-type"]].concat());
        self.json()
    }

    /// Checks that this is a problem document with this status and code that names exactly these
    /// fields, and that nothing about it is amiss.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str, fields: &[&str]) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let document = self.json();
        let mut members = BTreeSet::from(["code", "detail", "instance", "status", "title", "type"]);
        if !fields.is_empty() {
            members.insert("errors");
        }
        if code == "rate_limited" {
            members.insert("violated-policies");
            let quota_exceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded";
            assert_eq!(document["type"], quota_exceeded);
        } else {
            assert_eq!(document["type"], format!("urn:minigate:problem:{code}"));
        }
        let found = document.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(found.collect::<BTreeSet<_>>(), members, "{document}");
        assert_eq!(document["status"], status);
        assert_eq!(document["instance"].as_str(), self.header("x-request-id"));
        for member in ["title", "detail", "instance"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{document}");
        }
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        let named = errors.iter().map(|error| {
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{document}");
            assert_eq!(error.as_object().unwrap().len(), 2, "{document}");
            error["field"].as_str().unwrap()
        });
        assert_eq!(named.collect::<Vec<_>>(), fields, "{document}");

        let more: &[&str] = match status {
            401 => &["content-type", "www-authenticate"],
            405 => &["allow", "content-type"],
            429 | 503 => &["content-type", "retry-after"],
            409 if code == "attempt_open" => &["content-type", "location"],
            409 if matches!(code, "request_under_way" | "renewal_too_early") => {
                &["content-type", "retry-after"]
            }
            _ => &["content-type"],
        };
        self.assert_headers(more);
        if status == 401 {
            assert_eq!(self.header("www-authenticate"), Some("Bearer, tma"));
        }
        if let Some(seconds) = self.header("retry-after") {
            assert!(seconds.parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{seconds}");
        }
        self.assert_keeps_secrets();
    }

    /// Checks the headers against an allow-list: those of every answer and `more`, no more and no
    /// less.
    #[track_caller]
    pub fn assert_headers(&self, more: &[&str]) {
        let mut expected: BTreeSet<&str> = ALWAYS.iter().chain(more).copied().collect();
        if self.sent.origin.is_some() && self.headers.contains_key("access-control-allow-origin") {
            // Whether it should be there, the tests of CORS say.
            expected.insert("access-control-allow-origin");
        }
        let found = self.headers.keys().map(|name| name.as_str());
        let mut found: BTreeSet<&str> = found.filter(|name| !is_of_transport(name)).collect();
        // Which routes have limits, the tests of limits say.
        let is_limited = LIMITS.map(|name| found.remove(name));
        assert_eq!(is_limited[0], is_limited[1], "{:?}", self.headers);
        if self.is_of_gateway && self.body.is_empty() {
            // API Gateway gives an answer without a type the type application/json.
            found.remove("content-type");
            expected.remove("content-type");
        }
        assert_eq!(found, expected);
        for name in expected {
            assert!(self.header(name).is_some_and(|value| !value.is_empty()), "{name} is empty");
        }
    }

    /// Checks that no part of what was sent in confidence comes back: neither init data nor a
    /// token, nor any long part of one.
    #[track_caller]
    pub fn assert_keeps_secrets(&self) {
        /// Shorter parts, such as `first_name`, may well stand in a message by chance.
        const LONG: usize = 16;
        let answer = format!("{:?} {}", self.headers, self.body);
        for secret in &self.sent.secrets {
            let parts = secret.split(|char: char| " .&=%".contains(char));
            for part in parts.chain([secret.as_str()]).filter(|part| part.len() >= LONG) {
                assert!(!answer.contains(part), "{part:?} comes back in {answer}");
            }
        }
    }
}
