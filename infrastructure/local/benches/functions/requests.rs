//! What each function is asked.

use std::cell::Cell;

use minigate_local::development;
use minigate_testkit::lambda::{authorizer_event, rest_event};
use serde_json::{Value, json};

/// So many that none of them comes to five sessions, of which the oldest gives way, by the first
/// invocations of ten sets of binaries.
const RETURNING_USERS: u64 = 400;

/// A request, and how it must be answered.
pub(crate) struct Request {
    /// As in `GET /health`.
    pub(crate) name: &'static str,
    /// The event of API Gateway.
    pub(crate) event: String,
    /// A request that is refused is fast, so a part of each answer is looked at: where it stands,
    /// and what must stand there.
    expected: (&'static str, Value),
}

impl Request {
    fn new(name: &'static str, authorization: &str, body: Option<&str>, status: u16) -> Self {
        let (method, path) = name.split_once(' ').unwrap_or_default();
        let mut headers =
            vec![("Accept", "application/json"), ("User-Agent", "Mozilla/5.0 (benchmark)")];
        if !authorization.is_empty() {
            headers.push(("Authorization", authorization));
        }
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let event = rest_event(method, path, &headers, body).to_string();
        Self { name, event, expected: ("/statusCode", status.into()) }
    }

    /// Whether this is the answer that was asked for.
    pub(crate) fn check(&self, answer: &str) -> Result<(), String> {
        let document: Value = serde_json::from_str(answer).map_err(|error| error.to_string())?;
        let (pointer, value) = &self.expected;
        if document.pointer(pointer) == Some(value) {
            Ok(())
        } else {
            Err(format!("{} was answered {answer}", self.name))
        }
    }
}

/// Who asks.
pub(crate) struct Client {
    init_data: String,
    /// Of users who come back to open a session, each for a process or two.
    returning: Vec<String>,
    next: Cell<usize>,
    /// What a session was opened with, once one is.
    pub(crate) access_token: String,
}

impl Client {
    pub(crate) fn new(now_unix_seconds: u64) -> Result<Self, String> {
        let init_data = |user_id| {
            development::init_data(user_id, now_unix_seconds).map_err(|error| error.to_string())
        };
        Ok(Self {
            init_data: init_data(development::USER_ID)?,
            returning: (1..=RETURNING_USERS)
                .map(|number| init_data(development::USER_ID + number))
                .collect::<Result<_, _>>()?,
            next: Cell::new(0),
            access_token: String::new(),
        })
    }

    /// Opens the session of the access token.
    pub(crate) fn open_session(&self) -> Request {
        session(&self.init_data)
    }

    /// Opens the first session of each user who will come back.
    pub(crate) fn open_first_sessions(&self) -> impl Iterator<Item = Request> {
        self.returning.iter().map(|init_data| session(init_data))
    }

    /// What a function is asked in its benchmark: its most frequent request. `None`, if this table
    /// does not know the function; it is started and weighed all the same.
    pub(crate) fn request(&self, function: &str) -> Option<Request> {
        Some(match function {
            "authorizer" => {
                let authorization = format!("Bearer {}", self.access_token);
                let headers = [("Authorization", authorization.as_str())];
                Request {
                    name: "authorizer, access token",
                    event: authorizer_event("GET", "/orders/7", &headers).to_string(),
                    expected: ("/policyDocument/Statement/0/Effect", "Allow".into()),
                }
            }
            "health" => Request::new("GET /health", "", None, 200),
            "keys" => Request::new("GET /.well-known/jwks.json", "", None, 200),
            "profile" => {
                let authorization = format!("Bearer {}", self.access_token);
                Request::new("GET /v1/me", &authorization, None, 200)
            }
            "sessions" => {
                let turn = self.next.replace(self.next.get() + 1);
                session(&self.returning[turn % self.returning.len()])
            }
            "system" => {
                let authorization = format!("tma {}", self.init_data);
                Request::new("GET /v1/system/limits", &authorization, None, 200)
            }
            "verify" => {
                let item = json!({ "init_data": self.init_data, "method": "hmac" });
                let body = json!({ "items": [item] }).to_string();
                Request::new("POST /v1/verify", "", Some(&body), 200)
            }
            _ => return None,
        })
    }
}

fn session(init_data: &str) -> Request {
    Request::new("POST /v1/sessions", &format!("tma {init_data}"), None, 201)
}
